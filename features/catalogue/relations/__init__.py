"""The relations that features are computed from: facts as they were known at a cut-off.

A fact counts only when it happened *and* was known strictly before the cut-off, that is from ``known_from`` on, the
later of both clocks; what became known later about an earlier fact (a settlement, the closing of a complaint) is hidden
the same way. Ages are whole days on the project's calendar, from the fact's day to the day of the cut-off. Where many
features count in the same windows, a relation has them as numbers: ``in_90d`` is 1 for an age of at most 90 days, else
0, since multiplying costs a database less than filtering.

Money is in ten-thousandths of the currency, as whole numbers in columns ``…_minor``: their sums are exact in every
order, so that a customer computed alone has the very same features as in a batch (up to 9e11 in a currency).

Written into the SQL by the compiler: ``{as_of}`` the cut-off (UTC), ``{as_of_day}`` its day on the project's calendar
and ``{day}`` that day as a number since 1970; ``{step}`` its number among the ``{steps}`` cut-offs from 0; ``{end}`` the
last cut-off; ``{passed[x]}`` how many cut-offs lie at or before the instant x, which is the number of the first that may
know of it.
"""

from features.catalogue.relations import customers, invoices, orders, own
from features.catalogue.relations.relation import Relation

RELATIONS: dict[str, Relation] = {
    r.name: r
    for r in (
        orders.SALES,
        orders.ORDER_LINES,
        orders.ASSORTMENT,
        orders.PURCHASE_DAYS,
        orders.RHYTHM,
        invoices.PAID_INVOICES,
        invoices.INSTALMENTS,
        invoices.LEDGER,
        invoices.BILLS,
        customers.CONVERSATIONS,
        customers.CONTACTS,
        customers.CONTRACTS,
        customers.ACTIONS,
        customers.ACCOUNTS,
        customers.PEOPLE,
        customers.PROFILES,
        customers.TIERS,
        *own.RELATIONS,
    )
}

__all__ = ["RELATIONS", "Relation"]

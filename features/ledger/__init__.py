"""The receivables ledger: who owes what since when, reconciling to the cent, as it was known at any instant."""

from features.ledger.ageing import ageing_over_time
from features.ledger.ledger import Ledger, open_ledger
from features.ledger.measures import customer_measures, portfolio_measures

__all__ = ["Ledger", "ageing_over_time", "customer_measures", "open_ledger", "portfolio_measures"]

"""Classical cuts of the customer base: by industry, size, ownership, region, years of relationship, risk and any attribute.

Each group is shown with its customers, revenue, churn risk and overdue money. Numbers are banded, by edges that are given,
by those that are usual for the attribute, or by equal parts of the customers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import ModelError, nearest
from features.readers import quoted
from features.sources import Facts
from features.text import Text
from training.evaluation.groups import REST, UNKNOWN
from training.migration import SCALES

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

MOST_GROUPS = 20
EQUAL_PARTS = 5
DAYS_PER_YEAR = 365.25

ABOVE = Text("{low:,.10g} and more", "{low:,.10g} 及以上")
BELOW = Text("under {high:,.10g}", "不足 {high:,.10g}")
BETWEEN = Text("{low:,.10g} to under {high:,.10g}", "{low:,.10g} 至不足 {high:,.10g}")


@dataclass(frozen=True)
class Banded:
    """An attribute that is a number: the column it comes from, what it is divided by, and where its bands end."""

    title: Text
    columns: tuple[str, ...]
    edges: tuple[float, ...]
    unit: float = 1.0


BANDED: dict[str, Banded] = {
    "relationship_years": Banded(
        Text("Years of relationship", "合作年限"),
        ("days_since_acquired", "days_since_first_purchase", "contract_running_days"),
        (1, 2, 3, 5, 10),
        DAYS_PER_YEAR,
    ),
    "churn_risk": Banded(Text("Churn risk", "流失风险"), ("churn_probability",), (0.3, 0.6)),
    "overdue_days": Banded(Text("Days overdue", "逾期天数"), ("oldest_overdue_days",), (1, 31, 61, 91)),
}
"""Cuts by a number, with the bands that are usual. Of several columns the first that knows a customer speaks."""

TITLES: dict[str, Text] = {
    "industry": Text("Industry", "行业"),
    "size": Text("Size", "企业规模"),
    "ownership": Text("Ownership", "所有制"),
    "region": Text("Region", "地区"),
    "account_manager": Text("Account manager", "客户经理"),
    "tier": Text("Tier", "客户等级"),
    "churn_band": Text("Churn risk", "流失风险"),
    **{name: cut.title for name, cut in BANDED.items()},
}
"""Attributes with a title in both languages; all others are called as they are."""


NAMED: dict[str, Text] = {
    **{name: title for scale in SCALES.values() for name, title in scale.titles.items()},
    "low": Text("low", "低"),
    "medium": Text("medium", "中"),
    "high": Text("high", "高"),
}
"""Values with a title in both languages: segments, tiers, stages and bands of risk."""


COLUMNS = frozenset(
    {"spend_365d", "overdue_balance", "open_balance"}.union(*(set(cut.columns) for cut in BANDED.values()))
    - {"churn_probability"}
)
"""The features that cuts are made by, or that are told of each group."""

_TIMES = ("acquired_at", "known_at", "valid_from", "valid_to", "name")


def attributes_of(facts: Facts, as_of: datetime) -> pd.DataFrame:
    """What the table of customers says of each as of ``as_of`` (aware): industry, size, region …; index customer_id.

    Without a column where the project gives no such table; those who are only in other tables are missing.
    """
    if "customers" not in facts.columns:
        return pd.DataFrame(index=pd.Index([], name="customer_id"))
    columns = [column for column, *_ in facts.connection.execute("DESCRIBE customers").fetchall()]
    kept = [column for column in columns if column not in _TIMES and not column.endswith("_day")]
    query = f"""
SELECT {", ".join(quoted(column) for column in kept)} FROM customers
WHERE coalesce(known_at < $as_of, TRUE) AND coalesce(acquired_at < $as_of, TRUE) AND coalesce(valid_from < $as_of, TRUE)
  AND NOT coalesce(valid_to < $as_of, FALSE)
QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY valid_from DESC NULLS LAST, {", ".join(quoted(c) for c in kept)}) = 1"""
    rows = facts.connection.execute(query, {"as_of": as_of.astimezone(UTC).replace(tzinfo=None)}).df()
    found: pd.DataFrame = rows.set_index("customer_id").dropna(axis="columns", how="all").sort_index()
    return found


def cut_by(frame: pd.DataFrame, attribute: str, edges: Sequence[float] | None = None) -> pd.DataFrame:
    """The customer base by one attribute, a row a group and a last one for all.

    ``frame`` has one row a customer; ``attribute`` is one of its columns or a name in `BANDED`; ``edges`` are where bands
    of a number begin, rising (a value on an edge belongs above it). Without edges a number of many values is banded into
    equal parts. Bands come in their order, other groups by size, small ones beyond 20 together, unknown ones last.

    Columns: title_en, title_zh, customers, share, revenue, revenue_share (spend of 365 days, net of returns),
    churn_risk (mean probability of those who have one), expected_leavers (their sum), overdue and overdue_share
    (of the open balance). What the frame does not tell is NaN, never 0.
    Raises ModelError: no such attribute; ValueError: edges that do not rise.
    """
    codes, titles = _groups(frame, attribute, edges)
    everybody = np.full(len(frame), len(titles))
    both = np.concatenate([codes, everybody])
    titles = [*titles, Text("all customers", "全部客户")]
    count = len(titles)

    def total(column: str) -> tuple[Floats, Codes]:
        values = (
            frame[column].to_numpy(dtype=np.float64, na_value=np.nan)
            if column in frame
            else np.full(len(frame), np.nan)
        )
        known = np.isfinite(np.tile(values, 2))
        sums = np.bincount(both[known], weights=np.tile(values, 2)[known], minlength=count)
        knowing = np.bincount(both[known], minlength=count)
        return np.where(knowing > 0, sums, np.nan), knowing

    customers = np.bincount(both, minlength=count)
    revenue, _ = total("spend_365d")
    leavers, of = total("churn_probability")
    overdue, _ = total("overdue_balance")
    open_, _ = total("open_balance")
    return pd.DataFrame(
        {
            "title_en": [title.en for title in titles],
            "title_zh": [title.zh for title in titles],
            "customers": customers,
            "share": _ratio(customers, customers[-1]),
            "revenue": revenue,
            "revenue_share": _ratio(revenue, revenue[-1]),
            "churn_risk": _ratio(leavers, of),
            "expected_leavers": leavers,
            "overdue": overdue,
            "overdue_share": _ratio(overdue, open_),
        }
    )


def title_of(attribute: str) -> Text:
    """How an attribute is called."""
    return TITLES.get(attribute, Text(*(attribute, attribute)))


def _groups(frame: pd.DataFrame, attribute: str, edges: Sequence[float] | None) -> tuple[Codes, list[Text]]:
    """The group of each row, from 0, and the groups' titles."""
    if attribute in BANDED and any(column in frame for column in BANDED[attribute].columns):
        cut = BANDED[attribute]
        present = [frame[column] for column in cut.columns if column in frame]
        values = pd.concat(present, axis=1).bfill(axis=1).iloc[:, 0]
        return _bands(values / cut.unit, cut.edges if edges is None else edges)
    if attribute not in frame:
        raise ModelError(
            Text("Customers have no attribute '{attribute}'. {hint}", "客户没有属性“{attribute}”。{hint}"),
            attribute=attribute,
            hint=nearest(attribute, [*map(str, frame.columns), *BANDED]),
        )
    values = frame[attribute]
    is_number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if edges is not None:
        return _bands(values, edges)
    if is_number and values.nunique() > EQUAL_PARTS:
        return _bands(values, _equal_parts(values.dropna().to_numpy(dtype=np.float64)))
    return _values(values)


def _equal_parts(values: Floats) -> list[float]:
    """Edges between about equal parts; equal values stay together, and no band is empty."""
    least = values.min()
    edges = np.unique(np.quantile(values, np.arange(1, EQUAL_PARTS) / EQUAL_PARTS, method="higher"))
    above = edges[edges > least]
    return [float(edge) for edge in (above if len(above) else [values[values > least].min()])]


def _bands(values: pd.Series, edges: Sequence[float]) -> tuple[Codes, list[Text]]:
    limits = np.asarray(edges, dtype=np.float64)
    if not len(limits) or not (np.diff(limits) > 0).all():
        raise ValueError(f"{list(edges)} are no rising edges")
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    known = np.isfinite(numbers)
    codes = np.where(known, np.searchsorted(limits, numbers, side="right"), len(limits) + 1)
    inner = [BETWEEN.format(low=low, high=high) for low, high in pairwise(limits)]
    titles = [BELOW.format(high=limits[0]), *inner, ABOVE.format(low=limits[-1])]
    return codes, titles if known.all() else [*titles, UNKNOWN]


def _values(values: pd.Series) -> tuple[Codes, list[Text]]:
    found, distinct = pd.factorize(values)
    sizes = np.bincount(found[found >= 0], minlength=len(distinct))
    by_size = np.argsort(-sizes, kind="stable")
    has_rest, has_unknown = len(distinct) > MOST_GROUPS, bool((found < 0).any())
    place = np.empty(len(distinct) + 1, dtype=np.int64)
    place[by_size] = np.minimum(np.arange(len(distinct)), MOST_GROUPS)
    place[-1] = min(len(distinct), MOST_GROUPS) + has_rest  # of code -1, unknown
    words = [f"{v:.10g}" if isinstance(v, float) else str(v) for v in (distinct[i] for i in by_size[:MOST_GROUPS])]
    titles = [NAMED.get(word, Text(*(word, word))) for word in words]
    return place[found], titles + [REST] * has_rest + [UNKNOWN] * has_unknown


def _ratio(above: Floats | Codes, below: Floats | Codes | float) -> Floats:
    """Shares of a total above 0, NaN of any other."""
    totals = np.broadcast_to(np.asarray(below, dtype=np.float64), np.shape(above))
    return np.asarray(np.divide(above, totals, out=np.full(np.shape(above), np.nan), where=totals > 0))

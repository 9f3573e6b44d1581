"""A ready-made panel: attributes and a label of each customer, as many teams already have them in one file.

Its rows are learnt from as they are. Where they carry dates, the last complete one is the test, purged by the horizon;
where they do not, a quarter of the customers is held out. Rows without a label are the ones to be scored.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from features.catalogue import Feature
from features.errors import AsOfError, NotEnoughDataError, ProjectError
from features.project import Project
from features.readers import quoted
from features.sources import Facts
from features.text import Text
from training.cutoffs import Schedule
from training.dataset import LABEL

HELD_OUT_SHARE = 0.25
MOST_DAYS_NAMED = 5


@dataclass(frozen=True)
class PanelSplit:
    """The labelled rows of a panel, those that the judged model learns from, and those that it is judged on.

    ``by_customers`` says that the test holds other customers rather than a later day.
    """

    plan: Schedule
    labelled: pd.DataFrame
    fit: pd.DataFrame
    test: pd.DataFrame
    by_customers: bool


def panel_features(facts: Facts) -> tuple[Feature, ...]:
    """One feature for each of the panel's attributes, told by its own name. Raises ProjectError: there are none."""
    if "panel" not in facts.columns or "label" not in facts.columns["panel"]:
        raise ProjectError(
            Text(
                "[churn] kind = 'panel' learns from a panel with a label, and the project lacks it (it gives {tables}). Add"
                " [tables.panel] with customer_id and label to the project file, or choose another kind.",
                "[churn] kind = 'panel' 需要带标签的快照，而项目没有提供（现有 {tables}）。"
                "请在项目文件中添加含 customer_id 和 label 的 [tables.panel]，或选择其他类型。",
            ),
            tables=", ".join(sorted(facts.columns)),
        )
    features = tuple(
        Feature(
            name, "own", "panel", quoted(name), "", Text(name, name),
            missing=Text("empty in the panel", "快照中为空"), range=(None, None),
        )
        for name in _attributes(facts)
    )  # fmt: skip
    if not features:
        raise ProjectError(
            Text(
                "The panel has no attribute to learn from: beside customer_id, as_of and label it needs at least one column"
                " of numbers, texts or yes/no. Add columns, or list them in attributes = [...].",
                "快照中没有可供学习的属性：除 customer_id、as_of 和 label 外，至少需要一列数值、文本或是/否。"
                "请添加列，或在 attributes = [...] 中列出。",
            )
        )
    return features


def labelled_rows(facts: Facts, as_of: datetime) -> pd.DataFrame:
    """The panel's rows whose label is known before ``as_of``: customer_id, as_of (UTC), attributes, ``churned`` (0 or 1).

    Rows without a date of their own stand at ``as_of``.
    """
    rows = _rows(facts, as_of, "label IS NOT NULL")
    if is_dated(facts.project):
        horizon = timedelta(days=facts.project.churn.horizon_days)
        rows = rows[rows["as_of"] + horizon <= as_of]
    return rows.assign(**{LABEL: rows[LABEL].astype(np.int64)}).reset_index(drop=True)


def rows_of_day(facts: Facts, cutoff: datetime) -> pd.DataFrame:
    """The labelled rows dated ``cutoff``, as `labelled_rows` gives them. Raises AsOfError: the panel has none."""
    horizon = timedelta(days=facts.project.churn.horizon_days)
    if not is_dated(facts.project):
        raise AsOfError(
            Text(
                "The rows of the panel carry no dates, so none of them is known to be newer than the model. 'retinue train' has"
                " judged it on customers held out ('retinue models show'); to evaluate it later, add as_of to the panel.",
                "快照的行没有日期，无法判断哪些行晚于模型。“retinue train”已在留出的客户上评估过模型（见“retinue models show”）；"
                "若要日后评估，请为快照添加 as_of。",
            )
        )
    rows = labelled_rows(facts, cutoff + horizon)
    of_day = rows[rows["as_of"] == pd.Timestamp(cutoff)].reset_index(drop=True)
    if of_day.empty:
        days = pd.DatetimeIndex(rows["as_of"].unique()).tz_convert(facts.project.timezone).sort_values()
        raise AsOfError(
            Text(
                "The panel has no labelled row of {cutoff:%Y-%m-%d}. Choose one of its days; the last ones until then are"
                " {days}.",
                "快照中没有 {cutoff:%Y-%m-%d} 的带标签行。请选择快照中的日期；此前最后几个为 {days}。",
            ),
            cutoff=cutoff,
            days=", ".join(f"{day:%Y-%m-%d}" for day in days[-MOST_DAYS_NAMED:]) or "–",
        )
    return of_day


def rows_to_score(facts: Facts, as_of: datetime) -> pd.DataFrame:
    """The rows without a label known before ``as_of``, the latest of each customer: customer_id, as_of, attributes.

    Raises NotEnoughDataError: every row has a label.
    """
    rows = _rows(facts, as_of, "label IS NULL").drop(columns=LABEL)
    if rows.empty:
        raise NotEnoughDataError(
            Text(
                "The panel has no row to score: all of its rows have a label or are dated later than {as_of:%Y-%m-%d}. Add the"
                " customers to be scored with an empty label.",
                "快照中没有可评分的行：所有行都有标签，或日期晚于 {as_of:%Y-%m-%d}。请加入标签为空的待评分客户。",
            ),
            as_of=as_of,
        )
    latest = rows.sort_values(["customer_id", "as_of"], kind="stable").drop_duplicates("customer_id", keep="last")
    return latest.assign(as_of=pd.Timestamp(as_of).tz_convert("UTC")).reset_index(drop=True)


def split(facts: Facts, as_of: datetime, seed: int) -> PanelSplit:
    """What is learnt from and what is judged on, from labels known before ``as_of``."""
    rows = labelled_rows(facts, as_of)
    zone, horizon = facts.project.timezone, timedelta(days=facts.project.churn.horizon_days)
    cutoffs = [pd.Timestamp(c).to_pydatetime().astimezone(zone) for c in sorted(rows["as_of"].unique())]
    earlier = tuple(c for c in cutoffs if cutoffs and c + horizon <= cutoffs[-1])
    if is_dated(facts.project) and earlier:
        plan = Schedule(as_of, tuple(cutoffs), earlier, cutoffs[-1])
        test = rows["as_of"] == pd.Timestamp(cutoffs[-1])
        fit = rows["as_of"].isin(pd.to_datetime(list(earlier), utc=True))
        return PanelSplit(plan, rows, _numbered(rows[fit]), _numbered(rows[test]), by_customers=False)
    plan = Schedule(as_of, tuple(cutoffs), tuple(cutoffs), cutoffs[-1] if cutoffs else as_of)
    customers = np.unique(rows["customer_id"].to_numpy(dtype=str))
    drawn = np.random.default_rng(seed).permutation(len(customers))[: round(len(customers) * HELD_OUT_SHARE)]
    held_out = rows["customer_id"].isin(customers[drawn])
    return PanelSplit(plan, rows, _numbered(rows[~held_out]), _numbered(rows[held_out]), by_customers=True)


def end_of_panel(facts: Facts) -> datetime | None:
    """When the last label of a dated panel is complete, on the project's calendar; None: its rows carry no dates."""
    panel_features(facts)
    if not is_dated(facts.project):
        return None
    [(last,)] = facts.connection.sql("SELECT max(as_of) FROM panel WHERE label IS NOT NULL").fetchall()
    if last is None:
        return None
    ended: datetime = last.replace(tzinfo=UTC).astimezone(facts.project.timezone)
    return ended + timedelta(days=facts.project.churn.horizon_days)


def best_attribute(rows: pd.DataFrame, names: list[str]) -> dict[str, tuple[str, int]]:
    """The attribute of numbers that alone ranks these rows best, with the sign by which it does; empty without one."""
    numbers = rows[names].select_dtypes("number").dropna(axis=1, how="all")
    if not len(numbers.columns) or rows[LABEL].nunique() < 2:
        return {}
    auc = {name: roc_auc_score(rows[LABEL], numbers[name].fillna(numbers[name].median())) for name in numbers.columns}
    best = max(auc, key=lambda name: abs(auc[name] - 0.5))
    return {"best_attribute": (best, 1 if auc[best] >= 0.5 else -1)}


def _attributes(facts: Facts) -> list[str]:
    """The names of the panel's attributes that can be learnt from: numbers, flags and texts, not times."""
    described = facts.connection.sql("SELECT * FROM panel LIMIT 0")
    types = dict(zip(described.columns, map(str, described.types), strict=True))
    return [name for name in facts.readings["panel"].attributes if types[name] in ("DOUBLE", "BOOLEAN", "VARCHAR")]


def is_dated(project: Project) -> bool:
    """Whether the rows of the project's panel say of which day they are."""
    return "panel" in project.tables and "as_of" in project.tables["panel"].columns


def _rows(facts: Facts, as_of: datetime, condition: str) -> pd.DataFrame:
    described = facts.connection.sql("SELECT * FROM panel LIMIT 0")
    types = dict(zip(described.columns, map(str, described.types), strict=True))
    columns = [
        f"CAST({quoted(n)} AS DOUBLE) AS {quoted(n)}" if types[n] != "VARCHAR" else quoted(n)
        for n in _attributes(facts)
    ]
    select = ", ".join(["customer_id", "coalesce(as_of, $as_of) AS as_of", f"label::DOUBLE AS {LABEL}", *columns])
    query = f"SELECT {select} FROM panel WHERE {condition} AND coalesce(known_at < $as_of, TRUE) ORDER BY ALL"
    instant = as_of.astimezone(UTC).replace(tzinfo=None)
    rows: pd.DataFrame = facts.connection.execute(query, {"as_of": instant}).df()
    return rows.assign(as_of=pd.to_datetime(rows["as_of"], utc=True))


def _numbered(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.reset_index(drop=True)

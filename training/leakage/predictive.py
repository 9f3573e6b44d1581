"""Is a single feature too good to be true? What knows the label foretells it better than behaviour ever does."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.leakage.certificate import Finding, Severity
from features.text import Text
from training.dataset import LABEL, LEAST_OF_EACH_CLASS

Floats = NDArray[np.float64]

FAILED_AUC = 0.97
"""From here on a single feature fails. On the companies of the demos whole models reach .72 to .89, the best single features
.71 to .88, and the true probability of the simulated company .956: no number known at the cut-off can do better."""

WARNING_AUC = 0.9
"""From here on a single feature is as good as the best whole models, and somebody should look at it."""

ONE_SIDED_SHARE = 0.9
"""So many of the customers with an uncommon value leave, at least, before it is suspicious."""

ONE_SIDED_REST = 0.5
"""So many of the others leave, at most, for that to be remarkable."""

NORMAL_95 = 1.96


def single_feature_auc(frame: pd.DataFrame, features: Sequence[str]) -> pd.DataFrame:
    """How well each feature alone ranks who leaves, at each cut-off: its values, and whether it is missing.

    Parameters: ``frame`` has as_of, the features and ``churned``. Returns columns feature, of ("value" or "missing"),
    as_of, auc (0.5 to 1: the better direction), low (its lower 95 % bound after Hanley and McNeil), customers. Where
    fewer than 30 left, or stayed, there is no row.
    """
    parts = [part for cutoff, rows in frame.groupby("as_of") for part in _at_cutoff(cutoff, rows, list(features))]
    columns = ["feature", "of", "as_of", "auc", "low", "customers"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _at_cutoff(cutoff: object, rows: pd.DataFrame, features: list[str]) -> Iterator[pd.DataFrame]:
    left = rows[LABEL].to_numpy(dtype=bool)
    values = rows[features]
    missing = values.isna().astype(float)
    for of, numbers in (("value", values), ("missing", missing)):
        ranks = numbers.rank().to_numpy(dtype=np.float64)
        given = ~np.isnan(ranks)
        leavers, stayers = given[left].sum(axis=0).astype(float), given[~left].sum(axis=0).astype(float)
        enough = np.minimum(leavers, stayers) >= LEAST_OF_EACH_CLASS
        pairs = np.where(enough, leavers * stayers, 1)
        auc = (np.nansum(ranks[left], axis=0) - leavers * (leavers + 1) / 2) / pairs
        auc = np.where(enough, np.maximum(auc, 1 - auc), 0.5)
        table = {
            "feature": features,
            "of": of,
            "as_of": cutoff,
            "auc": auc,
            "low": auc - _margin(auc, leavers, stayers),
        }
        yield pd.DataFrame({**table, "customers": given.sum(axis=0)})[enough]


def _margin(auc: Floats, leavers: Floats, stayers: Floats) -> Floats:
    """Half of the 95 % interval of an AUC (Hanley and McNeil, 1982)."""
    one, two = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (leavers - 1) * (one - auc**2) + (stayers - 1) * (two - auc**2)
    pairs = np.maximum(leavers * stayers, 1)
    return np.asarray(NORMAL_95 * np.sqrt(np.maximum(spread, 0) / pairs), dtype=np.float64)


def check_predictive(frame: pd.DataFrame, features: Sequence[str]) -> list[Finding]:
    """Features that alone foretell the label better than can be believed; each at its worst cut-off."""
    found = single_feature_auc(frame, features)
    if found.empty:
        return []
    worst = found.sort_values("low", ascending=False).drop_duplicates("feature")
    suspicious = [_too_good(row, frame) for row in worst[worst["low"] >= WARNING_AUC].itertuples(index=False)]
    return suspicious or [_believable(worst.sort_values("auc", ascending=False).iloc[0], len(features))]


def _too_good(row: Any, frame: pd.DataFrame) -> Finding:
    severity: Severity = "failed" if row.low >= FAILED_AUC else "warning"
    rows = frame[(frame["as_of"] == row.as_of) & (frame[LABEL] == 1)]
    said = Text("Whether it is missing", "是否缺失") if row.of == "missing" else Text("It", "该特征")
    return Finding(
        check="predictive",
        subject=str(row.feature),
        severity=severity,
        what=Text(
            "{said} alone foretells who leaves with AUC {auc:.3f} (at least {low:.3f}; {threshold} and more is"
            " suspicious), over {customers:,} customers.",
            "{said}单独预测流失的 AUC 达 {auc:.3f}（至少 {low:.3f}；达到 {threshold} 即可疑），共 {customers:,} 位客户。",
        ).format(
            said=said,
            auc=row.auc,
            low=row.low,
            threshold=FAILED_AUC if severity == "failed" else WARNING_AUC,
            customers=row.customers,
        ),
        next_step=Text(
            "Find out when its source is written. If that is after customers have left (a status, a closing code, a"
            " complaint entered afterwards), leave it out or map the time at which it became known.",
            "请查明其来源的写入时间。若在客户流失之后才写入（状态、关闭代码、事后录入的投诉），请去掉该特征或映射获知时间。",
        ),
        cutoff=pd.Timestamp(row.as_of).to_pydatetime(),
        count=int(row.customers),
        example=str(rows["customer_id"].iloc[0]),
    )


def _believable(best: Any, features: int) -> Finding:
    return Finding(
        check="predictive",
        subject="",
        severity="passed",
        what=Text(
            "Of {features} features the best alone is {feature} with AUC {auc:.3f}; from {threshold} on one is suspicious.",
            "{features} 个特征中单独预测力最强的是 {feature}，AUC 为 {auc:.3f}；达到 {threshold} 才可疑。",
        ).format(features=features, feature=best["feature"], auc=best["auc"], threshold=WARNING_AUC),
        cutoff=pd.Timestamp(best["as_of"]).to_pydatetime(),
        count=int(best["customers"]),
    )


def check_one_sided(frame: pd.DataFrame, features: Sequence[str]) -> list[Finding]:
    """Features with which nearly everybody leaves who does not have the commonest value; each at its worst cut-off.

    Rare events hardly move an AUC; that all who had one left shows here.
    """
    found: dict[str, tuple[float, Finding]] = {}
    for cutoff, rows in frame.groupby("as_of"):
        left = rows[LABEL].to_numpy(dtype=bool)
        for name in features:
            uncommon = _uncommon(rows[name])
            low = _lower_share(int(left[uncommon].sum()), int(uncommon.sum()))
            rest = left[~uncommon].mean() if (~uncommon).any() else 1.0
            if low >= ONE_SIDED_SHARE and rest <= ONE_SIDED_REST and low > found.get(name, (0.0,))[0]:
                found[name] = (low, _one_sided(name, cutoff, rows[uncommon], float(rest)))
    return [finding for _, finding in found.values()]


def _uncommon(values: "pd.Series[float]") -> NDArray[np.bool_]:
    """Marks the customers whose value is not that of most; nobody where no value is that of most."""
    counts = values.value_counts(dropna=False)
    if counts.iloc[0] <= len(values) / 2:
        return np.zeros(len(values), dtype=np.bool_)
    common = counts.index[0]
    return np.asarray(values.notna() if pd.isna(common) else values != common, dtype=np.bool_)


def _lower_share(hits: int, of: int) -> float:
    """Lower 95 % bound of a share (Wilson); 0 for fewer than 30."""
    if of < LEAST_OF_EACH_CLASS:
        return 0.0
    share, z2 = hits / of, NORMAL_95**2
    spread = NORMAL_95 * np.sqrt(share * (1 - share) / of + z2 / (4 * of**2))
    return float((share + z2 / (2 * of) - spread) / (1 + z2 / of))


def _one_sided(name: str, cutoff: object, rows: pd.DataFrame, rest: float) -> Finding:
    return Finding(
        check="one_sided",
        subject=name,
        severity="warning",
        what=Text(
            "Of {customers:,} customers who do not have its commonest value, {share:.1%} leave; of the others {rest:.1%}.",
            "取值不同于最常见值的 {customers:,} 位客户中有 {share:.1%} 流失；其余客户为 {rest:.1%}。",
        ).format(customers=len(rows), share=rows[LABEL].mean(), rest=rest),
        next_step=Text(
            "Find out whether its source is written because customers have left; then map the time at which it became"
            " known, or leave the feature out.",
            "请查明其来源是否因客户流失才写入；若是，请映射获知时间，或去掉该特征。",
        ),
        cutoff=pd.Timestamp(str(cutoff)).to_pydatetime(),
        count=len(rows),
        example=str(rows["customer_id"].iloc[0]),
    )

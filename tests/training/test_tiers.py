from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from features.errors import ModelError
from features.project import Meaning, TierSettings
from features.snapshot import snapshot
from features.sources import open_facts
from tests.training.companies import company
from training.tiers import (
    TIERS,
    TierHistory,
    monthly_looks,
    move_reason,
    next_decision,
    next_ranks,
    occasions,
    thresholds_of,
    tier_history,
    tier_names,
    tier_scores,
)

FIXED = TierSettings(thresholds=(1000, 500, 100), band_share=0.1)


def months(count: int, year: int = 2025, month: int = 1) -> list[datetime]:
    return [datetime(year + (month - 1 + n) // 12, (month - 1 + n) % 12 + 1, 1, tzinfo=UTC) for n in range(count)]


def monthly(scores: dict[str, list[float]], first_month: int = 1) -> pd.DataFrame:
    rows = [
        (customer, at, score)
        for customer, of_months in scores.items()
        for at, score in zip(months(len(of_months), month=first_month), of_months, strict=True)
    ]
    frame = pd.DataFrame(rows, columns=["customer_id", "as_of", "score"])
    return frame.assign(as_of=pd.to_datetime(frame["as_of"], utc=True))


def history(scores: dict[str, list[float]], chosen: TierSettings = FIXED) -> TierHistory:
    return tier_history(monthly(scores), chosen, UTC)


def tiers_of(found: TierHistory, customer: str) -> list[str]:
    rows = found.rows
    return [str(tier) for tier in rows.loc[rows["customer_id"] == customer, "tier"]]


def test_a_score_from_the_threshold_on_enters_the_tier_at_once() -> None:
    found = history({"a": [1000], "b": [999], "c": [500], "d": [100], "e": [99], "f": [-5]})
    assert found.rows["tier"].tolist() == ["strategic", "key", "key", "general", "potential", "potential"]
    assert found.rows["move"].tolist() == ["entered"] * 6
    assert found.rows["tier_before"].isna().all()


def test_within_the_year_a_rise_waits_for_the_half_year_and_is_a_candidate_until_then() -> None:
    found = history({"a": [400, 400, 560, 560, 560, 560, 560, 560]})
    assert tiers_of(found, "a") == ["general"] * 6 + ["key"] * 2
    assert found.rows["move"].tolist() == [
        *("entered", None, "promotion_candidate", "promotion_candidate"),
        *("promotion_candidate", "promotion_candidate", "promoted", None),
    ]
    assert found.rows["looks"].tolist() == [0, 0, 1, 2, 3, 4, 5, 0]
    assert found.rows["occasion"].tolist() == ["set", *["monitored"] * 5, "adjusted", "monitored"]


def test_a_score_must_leave_the_band_on_either_side() -> None:
    # the band around 500 reaches from 450 to 550, both ends included
    found = history({"up": [400.0, *[550.0] * 12], "down": [600.0, *[450.0] * 12], "beyond": [600.0, *[449.0] * 12]})
    assert set(tiers_of(found, "up")) == {"general"}
    assert set(tiers_of(found, "down")) == {"key"}
    assert tiers_of(found, "beyond") == ["key"] * 6 + ["general"] * 7


def test_a_crash_on_a_decision_day_may_pass_several_tiers() -> None:
    found = history({"a": [2000.0] * 6 + [0.0]})
    assert found.rows["move"].tolist()[-1] == "demoted"
    assert tiers_of(found, "a")[-1] == "potential"


def test_who_comes_later_gets_a_tier_then_and_who_is_not_scored_keeps_it() -> None:
    nan = float("nan")
    found = history({"late": [nan, nan, 700, 700], "unknown": [700.0, nan, nan, nan]})
    assert tiers_of(found, "late") == ["key", "key"]
    assert tiers_of(found, "unknown") == ["key"] * 4


def test_years_and_half_years_begin_where_the_project_says() -> None:
    days = [at.date() for at in months(14, month=3)]
    due = occasions(days, year_begins_month=4)
    assert [d.month for d, o in zip(days, due, strict=True) if o == "set"] == [3, 4, 4]
    assert [d.month for d, o in zip(days, due, strict=True) if o == "adjusted"] == [10]
    assert next_decision(date(2026, 3, 31), 4) == date(2026, 4, 1)
    assert next_decision(date(2026, 4, 1), 4) == date(2026, 10, 1)
    assert next_decision(date(2026, 12, 31), 1) == date(2027, 1, 1)


def test_the_year_turns_on_the_projects_own_calendar() -> None:
    late = [datetime(2025, 12, 1, 17, tzinfo=UTC), datetime(2025, 12, 31, 17, tzinfo=UTC)]
    frame = pd.DataFrame({"customer_id": "a", "as_of": pd.to_datetime(late, utc=True), "score": [1.0, 1.0]})
    assert tier_history(frame, FIXED, UTC).rows["occasion"].tolist() == ["set", "monitored"]
    assert tier_history(frame, FIXED, ZoneInfo("Asia/Shanghai")).rows["occasion"].tolist() == ["set", "set"]


def test_shares_are_of_the_customers_with_a_score_and_set_the_thresholds_once_a_year() -> None:
    shares = TierSettings(shares=(0.1, 0.2, 0.3))
    scores = np.array([*range(10, 110, 10), 0.0, 0.0, np.nan])
    assert thresholds_of(scores, shares).tolist() == [100, 80, 50]
    year: dict[str, list[float]] = {f"c{n}": [10.0 * n] + [1000.0 * n] * 12 for n in range(1, 11)}
    found = history(year, shares)
    assert found.thresholds["strategic"].tolist() == [100] * 12 + [10000]
    assert found.thresholds["general"].tolist() == [50] * 12 + [5000]


def test_equal_scores_do_not_fill_a_tier_beyond_its_share() -> None:
    shares = TierSettings(shares=(0.1, 0.2, 0.3))
    assert thresholds_of(np.array([7.0] * 10), shares).tolist() == [np.inf] * 3
    assert thresholds_of(np.array([9.0, *[7.0] * 9]), shares).tolist() == [9, 9, 9]
    assert thresholds_of(np.array([]), shares).tolist() == [np.inf] * 3
    # nobody was so good that a tier begins; whoever holds it is below it
    assert next_ranks(np.array([0, 3]), np.array([7.0, 7.0]), np.full(3, np.inf), 0.1).tolist() == [3, 3]


def test_candidates_are_listed_with_what_asks_for_the_move() -> None:
    found = history(
        {"up": [400, 700, 800], "higher": [400, 400, 5000], "down": [700, 700, 300], "calm": [700, 700, 700]}
    )
    listed = found.candidates()
    assert listed[["customer_id", "tier", "tier_wanted", "looks"]].to_numpy().tolist() == [
        ["higher", "general", "strategic", 1],
        ["up", "general", "key", 2],
        ["down", "key", "general", 1],
    ]
    rows = listed.to_dict("records")
    assert move_reason(rows[1], FIXED, UTC).en == (
        "Spend of the last 365 days is 800: above 550, which is 500, where the tier Key begins, and the band of 10% on top"
        " of it; when the tier was last decided it was 400. So it was at 2 looks in a row; on the next decision, from"
        " 2025-07-01, the customer would come from General to Key."
    )
    assert move_reason(rows[2], FIXED, UTC).zh == (
        "最近 365 天消费额为 300，低于 450，即“重点客户”的起点 500 减去 10% 的缓冲带；上次定级时为 700。"
        "已连续 1 次监测如此；若保持至下次定级（2025-07-01 起），该客户将由“重点客户”变为“一般客户”。"
    )


def test_a_move_says_why_and_what_is_no_move_has_no_reason() -> None:
    rows = history({"a": [12345.6, *[600] * 6]}).rows.to_dict("records")
    assert move_reason(rows[-1], FIXED, UTC).en == (
        "Spend of the last 365 days is 600: below 900, which is 1,000, where the tier Strategic begins, less the band of"
        " 10%; when the tier was last decided it was 12,346."
    )
    with pytest.raises(ValueError, match="no move"):
        move_reason(rows[0], FIXED, UTC)


def test_the_project_may_call_the_tiers_as_it_likes() -> None:
    own = TierSettings(names=("A", "B", "C", Meaning(en="rest", zh="其他")))
    assert [text.zh for text in tier_names(own).values()] == ["A", "B", "C", "其他"]
    assert [text.en for text in tier_names(TierSettings()).values()] == ["Strategic", "Key", "General", "Potential"]


def test_scores_come_from_the_snapshot_and_prospects_have_none() -> None:
    frame = pd.DataFrame(
        {
            "customer_id": ["a", "b"],
            "as_of": pd.to_datetime(["2025-01-01"] * 2, utc=True),
            "spend_365d": [0.0, 0.0],
            "days_since_first_purchase": [900.0, np.nan],
        }
    )
    assert tier_scores(frame, TierSettings())["score"].tolist()[0] == 0
    assert np.isnan(tier_scores(frame, TierSettings())["score"].tolist()[1])
    with pytest.raises(ModelError, match="needs the column 'margin_365d'"):
        tier_scores(frame, TierSettings(by="margin"))


def test_a_history_comes_from_monthly_snapshots_that_know_only_what_was_known(tmp_path: Path) -> None:
    grows = [("grows", f"2024-{month:02}-10", "100") for month in range(1, 13)]
    orders = [*grows, ("grows", "2025-03-10", "5000"), ("late", "2025-04-20", "700"), ("calm", "2024-12-15", "600")]
    project = company(tmp_path, orders)
    looks = monthly_looks(datetime(2025, 7, 15, tzinfo=UTC), 7, project.timezone)
    assert [f"{look:%m-%d}" for look in looks] == [
        "01-01",
        "02-01",
        "03-01",
        "04-01",
        "05-01",
        "06-01",
        "07-01",
        "07-15",
    ]
    with open_facts(project) as facts:
        frame = snapshot(facts, looks).to_pandas()
    found = tier_history(tier_scores(frame, FIXED), FIXED, project.timezone)
    assert tiers_of(found, "calm") == ["key"] * 8
    assert tiers_of(found, "late") == ["key"] * 4
    # the large order of March is not known before the look of April
    assert tiers_of(found, "grows") == ["strategic"] * 8
    scores = found.rows.loc[found.rows["customer_id"] == "grows", "score"].tolist()
    assert scores[:3] == [1200, 1100, 1000]
    assert scores[3] == 5900


def test_looks_are_the_beginnings_of_months_on_the_projects_own_calendar() -> None:
    shanghai = ZoneInfo("Asia/Shanghai")
    looks = monthly_looks(datetime(2024, 12, 31, 16, tzinfo=UTC), 3, shanghai)
    assert looks == [datetime(2024, month, 1, tzinfo=shanghai) for month in (11, 12)] + [
        datetime(2025, 1, 1, tzinfo=shanghai)
    ]


# ---- properties ------------------------------------------------------------------------------------------------

limits = st.lists(st.floats(1, 1e6), min_size=3, max_size=3, unique=True).map(lambda t: tuple(sorted(t, reverse=True)))
bands = st.floats(0, 0.5)


@settings(max_examples=60, deadline=None)
@given(limits, bands, st.integers(0, 2), st.booleans(), st.lists(st.floats(-1, 1), min_size=2, max_size=30))
def test_a_customer_whose_score_swings_within_the_band_never_changes_tier(
    thresholds: tuple[float, float, float], band: float, which: int, from_above: bool, swings: list[float]
) -> None:
    chosen = TierSettings(thresholds=thresholds, band_share=band)
    threshold = thresholds[which]
    low, high = threshold - band * threshold, threshold + band * threshold
    # another threshold's band may not reach into this one's, or the score leaves that
    assume(all(t == threshold or t + band * t < low or t - band * t > high for t in thresholds))
    inside = [float(np.clip(threshold + swing * band * threshold, low, high)) for swing in swings]
    first = high if from_above else low
    found = history({"swinging": [first, *inside, first]}, chosen)
    first_tier = found.rows["tier"].iloc[0]
    assert set(found.rows["tier"]) == {first_tier}
    assert found.rows["move"].iloc[1:].isna().all()


@settings(max_examples=100, deadline=None)
@given(limits, bands, st.lists(st.floats(-1e6, 1e7), min_size=2, max_size=40), st.integers(-1, 3))
def test_a_better_score_never_gives_a_lower_tier_from_the_same_start(
    thresholds: tuple[float, float, float], band: float, scores: list[float], held: int
) -> None:
    rising = np.sort(np.array(scores))
    ranks = next_ranks(np.full(len(rising), held), rising, np.array(thresholds), band)
    assert (np.diff(ranks) <= 0).all()
    assert ((ranks >= 0) & (ranks < len(TIERS))).all()


@settings(max_examples=60, deadline=None)
@given(limits, bands, st.lists(st.floats(-1e6, 1e7), min_size=1, max_size=40), st.integers(-1, 3))
def test_asking_twice_gives_the_same_tier(
    thresholds: tuple[float, float, float], band: float, scores: list[float], held: int
) -> None:
    values, limits_ = np.array(scores), np.array(thresholds)
    once = next_ranks(np.full(len(values), held), values, limits_, band)
    assert next_ranks(once, values, limits_, band).tolist() == once.tolist()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.floats(0, 2000), min_size=14, max_size=14), min_size=1, max_size=6), st.floats(0, 2000))
def test_a_customers_tiers_by_fixed_thresholds_do_not_depend_on_the_others(
    scores: list[list[float]], other: float
) -> None:
    alone = history({"c0": scores[0]})
    among = history({**{f"c{n}": s for n, s in enumerate(scores)}, "z": [other] * 14})
    assert tiers_of(among, "c0") == tiers_of(alone, "c0")

import numpy as np
import pandas as pd
import pytest

from training.models.calibration.groups import benjamini_hochberg, calibration_by_group


def rows(group: str, probability: float, left: int, of: int) -> pd.DataFrame:
    return pd.DataFrame({"group": group, "probability": probability, "churned": [1] * left + [0] * (of - left)})


def judged(*parts: pd.DataFrame) -> pd.DataFrame:
    frame = pd.concat(parts)
    return calibration_by_group(frame["probability"].to_numpy(), frame["churned"].to_numpy(), frame["group"])


def test_a_group_by_hand() -> None:
    table = judged(rows("north", 0.2, 30, 100), rows("south", 0.2, 41, 200))
    assert list(table.index) == ["south", "north"]
    north = table.loc["north"].to_dict()
    assert north["rows"] == 100
    assert [north["expected"], north["observed"], north["gap"]] == pytest.approx([0.2, 0.3, 0.1])
    assert north["z"] == pytest.approx(10 / 4)
    assert [north["gap_low"], north["gap_high"]] == pytest.approx([0.1 - 1.96 * 0.04, 0.1 + 1.96 * 0.04], abs=1e-4)
    assert north["p_value"] == pytest.approx(0.01242, abs=1e-5)
    assert north["q_value"] == pytest.approx(2 * 0.01242, abs=1e-5)
    assert table["off"].to_dict() == {"north": True, "south": False}


def test_one_group_in_twenty_that_only_looks_off_is_not_named() -> None:
    level = [rows(f"g{i}", 0.2, 20, 100) for i in range(19)]
    table = judged(rows("unlucky", 0.2, 29, 100), *level)
    assert table.loc["unlucky", "p_value"] == pytest.approx(0.0244, abs=1e-4)
    assert not table["off"].any()
    assert judged(rows("unlucky", 0.2, 29, 100)).loc["unlucky", "off"]


def test_too_few_to_say_is_said_and_takes_no_part_in_the_tests() -> None:
    table = judged(rows("few", 0.2, 20, 20), rows("north", 0.2, 30, 100))
    assert np.isnan(table.loc["few", ["z", "p_value", "q_value"]].astype(float)).all()
    assert not table.loc["few", "off"]
    north = table.loc["north"].to_dict()
    assert north["q_value"] == north["p_value"]


def test_a_customer_seen_ten_times_does_not_count_for_ten() -> None:
    once = rows("north", 0.2, 26, 100)
    frame = pd.concat([once.assign(customer=range(100))] * 10)
    args = frame["probability"].to_numpy(), frame["churned"].to_numpy(), frame["group"]
    assert calibration_by_group(*args).loc["north", "off"]
    by_customer = calibration_by_group(*args, frame["customer"]).loc["north"]
    assert not by_customer["off"]
    assert by_customer["z"] == pytest.approx(6 / np.sqrt(26 * 0.8**2 + 74 * 0.2**2))


def test_rows_without_a_group_are_left_out() -> None:
    table = calibration_by_group(np.full(4, 0.5), np.array([1, 0, 1, 0]), pd.Series([None, "a", "a", None]))
    assert table["rows"].to_dict() == {"a": 2}


def test_benjamini_and_hochbergs_own_example() -> None:
    """The fifteen p-values of their paper: four are rejected at 5 %."""
    published = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528]
    q = benjamini_hochberg(np.array([*published, 0.7590, 1.0, np.nan]))
    assert (q <= 0.05).sum() == 4
    assert q[0] == pytest.approx(0.0015)
    assert q[3] == pytest.approx(0.035625)
    assert np.isnan(q[-1])


def test_probabilities_that_are_right_are_seldom_called_off() -> None:
    generator, named = np.random.default_rng(0), 0
    for _ in range(100):
        probability = generator.beta(2, 5, 4_000)
        churned = (generator.random(4_000) < probability).astype(np.int64)
        named += int(calibration_by_group(probability, churned, np.arange(4_000) % 20)["off"].any())
    assert named <= 12

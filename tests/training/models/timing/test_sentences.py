import doctest
from math import nan

import numpy as np
import pytest

from training.models.timing import curves, sentences
from training.models.timing.curves import SurvivalCurves
from training.models.timing.sentences import timing_sentence, timing_sentences


@pytest.mark.parametrize(
    ("days", "english", "chinese"),
    [
        (
            (12.4, 3.6, 39.7),
            "Expected to order again in about 12 days (80 %: 4–40 days).",
            "预计约 12 天后再次下单（80% 区间：4–40 天）。",
        ),
        (
            (0.4, 0.1, 1.2),
            "Expected to order again in about 1 day (80 %: 0–1 day).",
            "预计约 1 天后再次下单（80% 区间：0–1 天）。",
        ),
        (
            (57, 4.2, nan),
            "Expected to order again in about 57 days (80 %: from 4 days to beyond the 180 days that can be seen).",
            "预计约 57 天后再次下单（80% 区间：4 天至可预见的 180 天以后）。",
        ),
        (
            (nan, 12, nan),
            "Probably will not order again within 180 days (chance of 10 % within 12 days).",
            "180 天内多半不会再次下单（12 天内的概率为 10%）。",
        ),
        ((nan, nan, nan), "Ordering again cannot be seen within 180 days.", "180 天内看不到再次下单的迹象。"),
    ],
)
def test_when_a_customer_orders_again(days: tuple[float, float, float], english: str, chinese: str) -> None:
    assert timing_sentence("silence", *days, 180) == (english, chinese)


@pytest.mark.parametrize(
    ("days", "english", "chinese"),
    [
        (
            (57, 4.2, 170),
            "Expected to end the contract in about 57 days (80 %: 4–170 days).",
            "预计约 57 天后终止合同（80% 区间：4–170 天）。",
        ),
        ((nan, nan, nan), "The end of the contract cannot be seen within 180 days.", "180 天内看不到合同终止的迹象。"),
    ],
)
def test_when_a_contract_ends(days: tuple[float, float, float], english: str, chinese: str) -> None:
    assert timing_sentence("contract", *days, 180) == (english, chinese)


def test_every_customer_has_the_sentence_of_its_curve() -> None:
    edges = np.array([0.0, 10, 30])
    survival = np.array([[1, 0.5, 0.05], [1, 1, 0.99], [1, 0.5, 0.3], [1, 0.5, 0.05], [1, 0.8, 0.6]])
    rows = SurvivalCurves.from_survival(edges, survival)
    english, chinese = timing_sentences("silence", rows)
    assert english.tolist() == [
        "Expected to order again in about 10 days (80 %: 2–24 days).",
        "Ordering again cannot be seen within 30 days.",
        "Expected to order again in about 10 days (80 %: from 2 days to beyond the 30 days that can be seen).",
        "Expected to order again in about 10 days (80 %: 2–24 days).",
        "Probably will not order again within 30 days (chance of 10 % within 5 days).",
    ]
    assert chinese[1] == "30 天内看不到再次下单的迹象。"
    alone = zip(rows.median_days(), *rows.interval_days(), strict=True)
    assert english.tolist() == [timing_sentence("silence", *map(float, days), 30).en for days in alone]


@pytest.mark.parametrize("module", [curves, sentences])
def test_the_examples_are_true(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]

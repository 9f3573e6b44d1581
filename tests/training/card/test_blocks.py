import numpy as np

from training.card.blocks import amount, decimal, gap, number, percent, points, share
from training.evaluation.bootstrap import Estimate


def test_numbers_are_written_for_people() -> None:
    assert number(1234567.4) == "1,234,567"
    assert number(-0.4) == "0"
    assert number(-1234.56, 1) == "−1,234.6"
    assert number(float("nan")) == "–"
    assert percent(0.2134) == "21.3%"
    assert percent(float("nan")) == "–"
    assert [points(gap) for gap in (0.021, -0.021, 0.0, -0.0001, float("nan"))] == ["+2.1", "−2.1", "0.0", "0.0", "–"]


def test_an_estimate_is_written_with_its_interval_where_it_has_one() -> None:
    estimate = Estimate(0.25, -0.1, 0.5, 0.1)
    assert decimal(estimate) == ("0.250 (−0.100\u00a0to\u00a00.500)", "0.250 (−0.100\u00a0至\u00a00.500)")
    assert decimal(Estimate(0.25, 0.1, 0.5, 0.1)).zh == "0.250 (0.100–\u20600.500)"
    assert share(estimate).en == "25.0% (−10.0%\u00a0to\u00a050.0%)"
    assert gap(estimate).en == "+25.0 (−10.0\u00a0to\u00a0+50.0)"
    assert amount(Estimate(1234.5, np.nan, np.nan, np.nan)).en == "1,234"
    assert amount(None).en == amount(Estimate(np.nan, np.nan, np.nan, np.nan)).en == "–"

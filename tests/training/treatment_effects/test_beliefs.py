import numpy as np
import pytest

from features.errors import ProjectError
from training.treatment_effects.beliefs import checked, log_belief


def test_a_belief_becomes_a_normal_one_about_the_log_of_what_is_left() -> None:
    mean, spread = log_belief((0.5, 0.2, 0.8))
    assert mean == pytest.approx(np.log(0.5))
    assert spread == pytest.approx((np.log(0.8) - np.log(0.2)) / 3.2897, abs=1e-4)
    assert log_belief((0.0, 0.0, 0.0)) == (0.0, 0.0)


def test_an_action_may_be_believed_to_drive_customers_away() -> None:
    assert log_belief((-0.5, -1.0, 0.0))[0] == pytest.approx(np.log(1.5))


@pytest.mark.parametrize("belief", [(0.5, 0.6, 0.7), (0.5, 0.4, 0.45), (0.9, 0.8, 1.0), (float("nan"), 0.0, 0.5)])
def test_a_belief_out_of_order_is_refused_by_name(belief: tuple[float, float, float]) -> None:
    with pytest.raises(ProjectError, match="'visit'"):
        checked({"call": (0.1, 0.0, 0.2), "visit": belief})

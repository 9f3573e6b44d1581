import numpy as np
import pyarrow as pa

from features.simulation.departures import mood
from features.simulation.purchases import Purchases
from features.simulation.truth import gap_longer_than, outlook, true_silence
from tests.features.simulation.people import COMPANY, complaints, orders, plain_customers


def test_a_gamma_gap_of_shape_one_is_exponential_and_of_shape_two_as_in_the_tables() -> None:
    longer = gap_longer_than(np.array([[0.0, 10.0], [0.0, 10.0]]), np.array([10.0, 10.0]), np.array([1, 2]))
    np.testing.assert_allclose(longer, [[1, np.exp(-1)], [1, 3 * np.exp(-2)]])


def test_true_probabilities_come_true(company: dict[str, pa.Table]) -> None:
    said, silent = _outcomes(company)
    for low, high in ((0.0, 0.02), (0.02, 0.1), (0.1, 0.3), (0.3, 1.0)):
        here = (said >= low) & (said < high)
        spread = np.sqrt((said[here] * (1 - said[here])).sum())
        assert here.sum() > 50
        assert abs(silent[here].sum() - said[here].sum()) < 3.5 * spread


def test_a_customer_that_has_left_is_silent_for_certain(company: dict[str, pa.Table]) -> None:
    silence = company["truth/silence"].to_pandas()
    assert (silence.silence_90d_probability[silence.has_left] == 1).all()
    assert silence.has_left.mean() > 0.05


def test_customers_waiting_on_a_complaint_leave_more_often(company: dict[str, pa.Table]) -> None:
    silence = company["truth/silence"].to_pandas().query("not has_left")
    complaints = company["interactions"].to_pandas().query("kind == 'complaint'")
    pairs = silence.merge(complaints[["customer_id", "at", "closed_at"]], on="customer_id")
    age = (pairs.as_of - pairs["at"]).dt.days
    waiting = pairs[(age > 20) & ~(pairs.closed_at < pairs.as_of)].set_index(["customer_id", "as_of"]).index.unique()
    is_waiting = silence.set_index(["customer_id", "as_of"]).index.isin(waiting)
    assert is_waiting.sum() > 30
    assert silence.leaving_per_day[is_waiting].median() > 5 * silence.leaving_per_day[~is_waiting].median()
    assert (
        silence.silence_90d_probability[is_waiting].mean() > 1.3 * silence.silence_90d_probability[~is_waiting].mean()
    )


def test_truth_never_looks_at_orders_after_the_cut_off() -> None:
    people, never = plain_customers(1), np.array([np.inf])
    before = [(0, 10.5, 100.0, 14.0), (0, 30.5, 100.0, 0.0)]
    after = [(0, 61.5, 100.0, 14.0), (0, 75.5, 100.0, 14.0)]
    said = []
    for rows in (before, before + after):
        purchases = Purchases(orders(*rows), np.array([-5.0]))
        felt = mood(COMPANY, 1, 30, purchases.orders, complaints())
        ahead = outlook(COMPANY, people, purchases, complaints(), felt, 60, np.array([0]))
        said.append(true_silence(people, ahead, np.ones(1), never, 60).probability[0])
    assert said[0] == said[1]
    assert 0 < said[0] < 1


def _outcomes(company: dict[str, pa.Table]) -> tuple[np.ndarray, np.ndarray]:
    """True probabilities of customers that have not left, and whether they ordered nothing in the 90 days."""
    silence = company["truth/silence"].to_pandas().query("not has_left")
    orders = company["orders"].to_pandas().query("amount > 0")
    pairs = silence.merge(orders[["customer_id", "ordered_at"]], on="customer_id")
    days = (pairs.ordered_at - pairs.as_of).dt.total_seconds() / 86_400
    bought = pairs[(days >= 0) & (days < 90)].set_index(["customer_id", "as_of"]).index.unique()
    is_silent = ~silence.set_index(["customer_id", "as_of"]).index.isin(bought)
    return silence.silence_90d_probability.to_numpy(), is_silent


def test_the_truth_predicts_better_than_the_base_rate(company: dict[str, pa.Table]) -> None:
    said, silent = _outcomes(company)
    assert np.mean((said - silent) ** 2) < 0.8 * silent.mean() * (1 - silent.mean())

import numpy as np
import pytest

from tests.training.evaluation.judgements import drawn
from training.evaluation.bootstrap import bootstrap, clustered_mean, resamples
from training.evaluation.metrics import auc_gain
from training.evaluation.weighted import MEASURES, Measure, auc, calibration_error, log_loss, mean_of


def test_each_resample_draws_as_many_customers_as_there_are_and_all_rows_of_each() -> None:
    customers = np.array([7, 7, 3, 9, 3, 3])
    [weights] = resamples(customers, seed=0, rounds=50)
    assert weights.shape == (6, 50)
    assert (weights[0] == weights[1]).all()
    assert (weights[2] == weights[4]).all()
    assert (weights[0] + weights[2] + weights[3] == 3).all()


def test_large_data_come_in_blocks_that_add_up_to_all_rounds() -> None:
    blocks = [block.shape for block in resamples(np.arange(400_000), seed=0, rounds=12)]
    assert blocks == [(400_000, 5), (400_000, 5), (400_000, 2)]


def test_the_error_of_a_mean_is_the_one_of_the_textbook() -> None:
    values = np.random.default_rng(0).normal(0, 1, 400)
    estimate = bootstrap(np.arange(400), {"mean": mean_of(values)}, seed=1, rounds=2000)["mean"]
    assert estimate.value == pytest.approx(values.mean())
    assert estimate.standard_error == pytest.approx(values.std() / 20, rel=0.06)
    assert estimate.low == pytest.approx(values.mean() - 1.96 * values.std() / 20, abs=0.012)
    assert estimate.high == pytest.approx(values.mean() + 1.96 * values.std() / 20, abs=0.012)


def test_the_error_of_an_auc_and_of_a_difference_agree_with_delong() -> None:
    judged = drawn(2000)
    model, blunt = judged.probabilities["model"], judged.probabilities["blunt"]
    measures = {"auc": auc(judged.churned, model)}
    measures["gain"] = measures["auc"].less(auc(judged.churned, blunt))
    found = bootstrap(np.arange(2000), measures, seed=0, rounds=800)
    for name, other in (("auc", None), ("gain", blunt)):
        gain, error = auc_gain(judged.churned, model, other)
        assert found[name].value == pytest.approx(gain)
        assert found[name].standard_error == pytest.approx(error, rel=0.1)


def test_rows_that_repeat_a_customer_make_nothing_surer() -> None:
    judged = drawn(600)
    churned, probability = judged.churned, judged.probability
    once = bootstrap(np.arange(600), {n: make(churned, probability) for n, make in MEASURES.items()}, seed=3)
    fourfold = {n: make(np.repeat(churned, 4), np.repeat(probability, 4)) for n, make in MEASURES.items()}
    repeated = bootstrap(np.repeat(np.arange(600), 4), fourfold, seed=3)
    for name in MEASURES:
        assert vars(repeated[name]) == pytest.approx(vars(once[name])), name


def test_the_same_seed_gives_the_same_interval_and_another_one_another() -> None:
    judged = drawn(300)
    measures = {"auc": auc(judged.churned, judged.probability)}
    first, again, other = (bootstrap(judged.customers, measures, seed)["auc"] for seed in (1, 1, 2))
    assert first == again
    assert first.value == other.value
    assert first.low != other.low


@pytest.mark.parametrize(("wrong_by", "least_error"), [(0.0, 0.0), (0.1, 0.04)])
def test_the_interval_of_an_error_that_chance_raises_leaves_a_perfect_model_its_zero(
    wrong_by: float, least_error: float
) -> None:
    judged = drawn(1500)
    error = calibration_error(judged.churned, np.minimum(judged.probability + wrong_by, 1))
    found = bootstrap(judged.customers, {"error": error, "percentiles": Measure(error.of)}, seed=0)
    assert found["error"].value > 0.03
    assert found["error"].low >= least_error
    assert (found["error"].low == 0) == (wrong_by == 0)
    assert found["percentiles"].low > 0.02
    assert found["error"].high == found["percentiles"].high


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    held = 0
    for seed in range(200):
        generator = np.random.default_rng(seed)
        customers = np.repeat(np.arange(60), 3)
        rows = np.repeat(generator.normal(0, 1, 60), 3) + generator.normal(0, 0.5, 180)
        estimate = clustered_mean(rows, customers)
        held += estimate.low <= 0 <= estimate.high
    # 95 % of 200 are 190, give or take 3 x 3; taking the rows as independent holds it 150 times
    assert 181 <= held <= 199


def test_with_few_customers_or_a_metric_not_defined_there_is_no_interval() -> None:
    few = bootstrap(np.arange(9), {"mean": mean_of(np.arange(9.0))}, seed=0)["mean"]
    assert few.value == 4
    assert few.known
    assert not few.bounded
    churned = np.array([1] + [0] * 30)
    rare = bootstrap(np.arange(31), {"auc": auc(churned, np.linspace(0, 1, 31))}, seed=0)["auc"]
    assert rare.value == 0
    assert not rare.bounded
    none = bootstrap(np.arange(31), {"auc": auc(churned * 0, np.linspace(0, 1, 31))}, seed=0)["auc"]
    assert not none.known


def test_a_clustered_mean_by_hand() -> None:
    estimate = clustered_mean(np.array([1.0, 3.0, 8.0, 4.0]), np.array([5, 5, 2, 2]))
    assert estimate.value == 4
    # the customers' sums of distances from the mean are -4 and 4: sqrt(2 / 1 x 32) / 4
    assert estimate.standard_error == 2
    assert estimate.low == pytest.approx(4 - 3.92)
    assert np.isnan(clustered_mean(np.array([1.0, 2.0]), np.array([1, 1])).standard_error)


def test_the_gain_in_log_loss_is_the_same_by_cluster_and_by_bootstrap() -> None:
    judged = drawn(2000)
    measure = log_loss(judged.churned, judged.probabilities["blunt"]).less(log_loss(judged.churned, judged.probability))
    found = bootstrap(judged.customers, {"gain": measure}, seed=0, rounds=800)["gain"]
    assert found.low > 0
    assert found.standard_error < 0.02

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.catalogue import BY_NAME, FAMILIES
from features.project import Project
from serving.decisions.playbook import Action, Playbook
from tests.benchmarks.families import (
    BASELINE,
    DOCUMENT,
    PROTOCOLS,
    Data,
    Judged,
    ablation,
    document,
    realised_profit,
    results,
    sets,
)
from tests.training.companies import company, learnable
from training.cutoffs import Schedule
from training.dataset import NOT_LEARNT_FROM


def test_the_baseline_is_of_the_catalogue_and_names_nothing_twice() -> None:
    assert set(BASELINE) <= BY_NAME.keys()
    assert len(set(BASELINE)) == len(BASELINE) == 63


def test_each_family_is_added_to_the_baseline_alone_and_left_out_of_all_alone() -> None:
    given = (
        "days_since_last_purchase",
        "spend_365d",
        "purchase_amount_90d",
        "spend_365d_place",
        "season_sin",
        "bought_90d",
    )
    found = {name.en: chosen for name, chosen in sets(given).items()}
    assert found == {
        "baseline": ("days_since_last_purchase", "spend_365d"),
        "all": ("days_since_last_purchase", "spend_365d", "purchase_amount_90d", "spend_365d_place"),
        "baseline + Spend": ("days_since_last_purchase", "spend_365d", "purchase_amount_90d"),
        "baseline + Place among peers": ("days_since_last_purchase", "spend_365d", "spend_365d_place"),
        "all − Recency": ("spend_365d", "purchase_amount_90d", "spend_365d_place"),
        "all − Spend": ("days_since_last_purchase", "spend_365d_place"),
        "all − Place among peers": ("days_since_last_purchase", "spend_365d", "purchase_amount_90d"),
        "all + time of the year": given[:-1],
        "the whole catalogue": given,
    }


def test_every_further_feature_of_the_catalogue_is_added_with_its_family() -> None:
    found = {name.en: set(chosen) for name, chosen in sets(tuple(BY_NAME)).items()}
    added = [chosen - found["baseline"] for name, chosen in found.items() if name.startswith("baseline + ")]
    assert found["all"] == set(BY_NAME) - set(NOT_LEARNT_FROM)
    assert sum(map(len, added)) == len(found["all"] - found["baseline"])


PLAYBOOK = Playbook(
    actions=(
        Action.model_validate(
            {
                "id": "call",
                "name": {"en": "Call", "zh": "致电"},
                "description": {"en": "Call.", "zh": "致电。"},
                "channel": "phone",
                "cost": 10.0,
                "cost_share_of_spend": 0.1,
                "eligible": "churn_probability >= 0.5",
                "effect": {"kind": "churn", "mean": 0.5, "low": 0.5, "high": 0.5, "source": {"en": "x", "zh": "x"}},
            }
        ),
    )
)


def shop(folder: Path) -> Project:
    return company(folder, [("A", "2025-01-01", "1")])


def test_profit_is_what_the_recommended_actions_bring_given_what_came_true(tmp_path: Path) -> None:
    project = shop(tmp_path)
    project = replace_value(project, margin_share=0.5, horizon_days=365)
    frame = pd.DataFrame(
        {"churned": [1, 0, 1, 1], "spend_365d": [400.0, 400.0, 400.0, 1.0], "days_since_first_purchase": [400.0] * 4}
    )
    # The stake is 200, or 0.5 for the last. Of an action: who leaves is kept with probability 1/2 and then takes the
    # discount of 40; who stays takes it for nothing. The third is not expected to leave, the last is not worth a call.
    found = realised_profit(frame, np.asarray([0.9, 0.9, 0.1, 0.9]), PLAYBOOK, project)
    assert found == pytest.approx([0.5 * 200 - 10 - 0.5 * 40, -10 - 40, 0, 0])


def replace_value(project: Project, **values: float) -> Project:
    return project.model_copy(update={"value": project.value.model_copy(update=values)})


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Data, list[Judged]]:
    """Two sets of features of made-up customers: one that knows nothing and one that knows all there is."""
    frame = learnable(1_200).assign(days_since_first_purchase=400.0, noise=np.arange(1_200) % 7 * 1.0)
    later = learnable(1_200, seed=1).assign(days_since_first_purchase=400.0, noise=np.arange(1_200) % 7 * 1.0)
    day = datetime(2025, 5, 1, tzinfo=UTC)
    data = Data(
        shop(tmp_path_factory.mktemp("shop")), Schedule(day, (day,), (day,), day), frame, later, ("noise", "spend_365d")
    )
    wanted = {PROTOCOLS[0].title: ("noise",), PROTOCOLS[1].title: ("days_since_last_purchase", "purchase_days_total")}
    return data, ablation(data, wanted, "made up")


def test_sets_are_judged_on_the_same_customers_against_the_first(judged: tuple[Data, list[Judged]]) -> None:
    nothing, all_ = judged[1]
    assert (nothing.features, all_.features) == (1, 2)
    assert (nothing.auc_gain, nothing.auc_gain_error, nothing.profit_gain) == (0, 0, 0)
    assert all_.auc > 0.75
    assert all_.auc_gain == pytest.approx(all_.auc - nothing.auc)
    assert 0 < all_.auc_gain_error < 0.05
    assert all_.profit_gain == pytest.approx(all_.profit - nothing.profit)


def test_figures_for_scripts_say_whether_all_features_are_better(judged: tuple[Data, list[Judged]]) -> None:
    *_, last = results(PROTOCOLS[0], judged[1], "EUR")
    assert (last.what, last.holds) == ("cdnow: AUC gain of all features", True)
    worse = [judged[1][0], replace(judged[1][1], auc_gain=-0.1, profit_gain=-1.0)]
    assert results(PROTOCOLS[0], worse, "EUR")[-1].holds is False


def test_the_document_says_data_cut_offs_and_seed(judged: tuple[Data, list[Judged]]) -> None:
    text = document({PROTOCOLS[0]: judged})
    assert "## CDNOW (real purchases) / CDNOW（真实购买数据）" in text
    assert "1 cut-offs from 2025-05-01 to 2025-05-01, 1,200 rows; judged at 1998-03-31, 1,200 active customers" in text
    assert "seed 20260101." in text
    assert "随机种子 20260101。" in text


def test_the_written_document_has_the_tables_that_the_command_makes() -> None:
    written = DOCUMENT.read_text(encoding="utf-8")
    sections = re.split(r"^## ", written, flags=re.M)[1:]
    assert [section.split("\n")[0] for section in sections] == [f"{p.title.en} / {p.title.zh}" for p in PROTOCOLS]
    for protocol, section in zip(PROTOCOLS, sections, strict=True):
        rows = re.findall(
            r"^\| (\S.*?) / .*? \| (\d+) \| (?:xgboost|logistic|blend) \| 0\.\d{4} ± 0\.\d{4} \|", section, re.M
        )
        names = [name for name, _ in rows]
        assert names[:2] == ["baseline", "all"]
        assert names[-2:] == ["all + time of the year", "the whole catalogue"]
        one_by_one = {f"baseline + {FAMILIES[f].en}" for f in ("habit", "peers")}
        assert (one_by_one <= set(names)) is protocol.each_family

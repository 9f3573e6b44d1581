"""The built-in playbooks: which one a project gets, and that each speaks of what such a business knows."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from features.catalogue import BY_NAME
from features.errors import ProjectError
from features.project import BusinessName, Project, load_project
from features.text import Text
from serving.decisions.business import business_of, playbook_said
from serving.decisions.eligibility import SCORE_COLUMNS, columns_of
from serving.decisions.playbook import BUILT_IN, Action, load_playbook, read_playbook
from serving.demo.demos import DEMOS

HEAD = '[project]\nname = "Acme"\ncurrency = "EUR"\n'
ORDERS = '[tables.orders]\npath = "o.csv"\ncolumns = { customer_id = "c", ordered_at = "t", amount = "a" }\n'
INVOICES = '[tables.invoices]\npath = "i.csv"\ncolumns = { customer_id = "c", invoice_id = "i", issued_at = "t", due_at = "d", amount = "a" }\n'
MANAGERS = '[tables.customers]\npath = "c.csv"\ncolumns = { customer_id = "c", account_manager = "m" }\n'
PEOPLE = '[tables.customers]\npath = "c.csv"\ncolumns = { customer_id = "c", name = "n" }\n'
CONTRACTS = (
    '[tables.subscriptions]\npath = "s.csv"\n'
    'columns = { customer_id = "c", started_at = "t", ended_at = "e", amount = "a" }\n[churn]\nkind = "contract"\n'
)


def project_of(folder: Path, text: str) -> Project:
    (folder / "retinue.toml").write_text(HEAD + text, encoding="utf-8")
    return load_project(folder)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ORDERS, "retail"),
        (ORDERS + PEOPLE, "retail"),
        (ORDERS + INVOICES, "trade"),
        (ORDERS + MANAGERS, "trade"),
        (CONTRACTS, "contract"),
        (MANAGERS + INVOICES + CONTRACTS, "contract"),
        (ORDERS + INVOICES + '[playbook]\nbuilt_in = "retail"\n', "retail"),
    ],
)
def test_what_a_project_has_tells_which_playbook_it_gets(tmp_path: Path, text: str, expected: BusinessName) -> None:
    project = project_of(tmp_path, text)
    assert business_of(project) == expected
    assert load_playbook(project) == read_playbook(BUILT_IN[expected])
    assert playbook_said(project).en.startswith("Playbook: the built-in one for ")


def test_a_playbook_of_its_own_is_named(tmp_path: Path) -> None:
    project = project_of(tmp_path, ORDERS + '[playbook]\npath = "ours.toml"\n')
    assert playbook_said(project) == Text("Playbook: ours.toml.", "行动手册：ours.toml。")


@pytest.mark.parametrize("said", ["", 'path = "a.toml"\nbuilt_in = "trade"'])
def test_a_path_and_a_built_in_playbook_exclude_each_other(tmp_path: Path, said: str) -> None:
    with pytest.raises(ProjectError, match="give either path or built_in"):
        project_of(tmp_path, f"{ORDERS}[playbook]\n{said}\n")


def test_a_built_in_playbook_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="'trade', 'retail' or 'contract'"):
        project_of(tmp_path, f'{ORDERS}[playbook]\nbuilt_in = "bank"\n')


EVERYTHING = {"orders", "invoices", "payments", "interactions", "customers", "financials", "subscriptions"}
TELLS: Mapping[BusinessName, set[str]] = {
    "trade": EVERYTHING - {"subscriptions"},
    "retail": {"orders", "interactions"},
    "contract": EVERYTHING - {"orders", "financials"},
}
"""The tables that such a business may bring."""


def is_known(column: str, tables: set[str]) -> bool:
    """Whether a business with these tables can have the column; features that need nothing special are of purchases or contacts."""
    if column in SCORE_COLUMNS:
        return True
    needs = BY_NAME[column].needs
    if not needs:
        return "orders" in tables if not column.startswith("invoices_") else "invoices" in tables
    return all(any(way.split(".")[0] in tables for way in need.split("|")) for need in needs)


@pytest.mark.parametrize("business", BUILT_IN)
def test_each_playbook_speaks_only_of_what_such_a_business_can_know(business: BusinessName) -> None:
    playbook = read_playbook(BUILT_IN[business])
    asked = {a.id: columns_of(a.eligible) | (columns_of(a.excluded) if a.excluded else set()) for a in playbook.actions}
    unknown = {id_: sorted(c for c in found if not is_known(c, TELLS[business])) for id_, found in asked.items()}
    assert {id_: columns for id_, columns in unknown.items() if columns} == {}


@pytest.mark.parametrize("business", BUILT_IN)
def test_every_effect_says_that_it_is_an_assumption_and_what_is_common_is_common(business: BusinessName) -> None:
    playbook = read_playbook(BUILT_IN[business])
    beliefs = [b for a in playbook.actions for b in (a.effect, a.side_effect) if b is not None]
    assert {b.source for b in beliefs} == {Text("assumption, not measured here", "假设，未在此实测")}
    assert playbook.let_go is not None
    assert playbook.experiments == read_playbook(BUILT_IN["trade"]).experiments
    assert playbook.warnings == read_playbook(BUILT_IN["trade"]).warnings


def kinds(actions: tuple[Action, ...]) -> set[str]:
    return {a.effect.kind for a in actions}


def test_retail_gives_no_credit_and_the_others_collect() -> None:
    assert kinds(read_playbook(BUILT_IN["retail"]).actions) == {"churn", "spend", "win_back"}
    assert "overdue" in kinds(read_playbook(BUILT_IN["trade"]).actions)
    contract = read_playbook(BUILT_IN["contract"])
    assert "overdue" in kinds(contract.actions)
    assert [step.id for step in contract.policy.dunning] == ["reminder", "call", "letter", "pause_service", "legal"]


def test_the_same_action_has_the_same_kind_of_effect_everywhere() -> None:
    """What a campaign measured of an action is kept under its id; it must not come to mean something else."""
    found: dict[str, set[str]] = {}
    for file in BUILT_IN.values():
        for action in read_playbook(file).actions:
            found.setdefault(action.id, set()).add(action.effect.kind)
    assert {id_: kinds for id_, kinds in found.items() if len(kinds) > 1} == {}


def test_the_demos_get_the_playbook_of_their_business() -> None:
    folder = Path(__file__).parents[3] / "serving" / "demo" / "projects"
    found = {file.stem: business_of(load_project(file)) for file in folder.glob("*.toml")}
    assert found == {"cdnow": "retail", "retail": "retail", "trading": "trade"}
    assert set(found) == set(DEMOS)


@pytest.mark.parametrize(("days", "talks"), [(244, False), (245, True), (320, True), (321, False), (650, True)])
def test_the_renewal_talk_comes_before_the_contract_renews(days: int, talks: bool) -> None:
    import pyarrow as pa

    from serving.decisions.eligibility import eligible

    (talk,) = (a for a in read_playbook(BUILT_IN["contract"]).actions if a.id == "renewal_talk")
    table = pa.table({"churn_probability": np.array([0.3]), "contract_running_days": np.array([float(days)])})
    assert eligible(table, {"talk": talk.eligible})["talk"].tolist() == [talks]

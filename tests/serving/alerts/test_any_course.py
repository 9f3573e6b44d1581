"""Whatever runs and people do, in any order: nothing is lost, one live case of each kind, no false move."""

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from serving.alerts.cases import move_alert, raise_alerts
from serving.alerts.kinds import COLOURS
from serving.alerts.moves import LIVE, MOVES, STATUSES, AlertError
from serving.store import STORE_FILE, open_store
from serving.store.alerts import AlertFilters
from tests.serving.alerts.cases import BEGIN, CUSTOMERS, KINDS, POLICY, Ranks, findings, history, listed, move

PAIRS = [(customer, kind) for customer in CUSTOMERS for kind in KINDS]


class Cases(RuleBasedStateMachine):
    """A company's warnings."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="retinue-cases-")
        self.store = open_store(Path(self.folder.name) / STORE_FILE)
        self.day, self.events = 0, 0
        self.histories: dict[str, list[str]] = {}
        self.ranks: Ranks = {}

    def everything(self) -> list[dict[str, Any]]:
        return [case for status in STATUSES for case in listed(self.store, AlertFilters(status=status))]

    @rule(later=st.integers(1, 20), ranks=st.lists(st.integers(-1, 3), min_size=len(PAIRS), max_size=len(PAIRS)))
    def a_run_comes(self, later: int, ranks: list[int]) -> None:
        self.day += later
        self.ranks = dict(zip(PAIRS, ranks, strict=True))
        raise_alerts(self.store, findings(self.day, self.ranks), POLICY)
        colours = {(case["customer_id"], case["kind"]): case["colour"] for case in listed(self.store)}
        seen = {pair: tuple(COLOURS)[rank - 1] for pair, rank in self.ranks.items() if rank > 0}
        assert {pair: colours.get(pair) for pair in seen} == seen  # what is found is warned of, in its colour

    @rule()
    def the_same_run_comes_again(self) -> None:
        before = self.everything()
        again = raise_alerts(self.store, findings(self.day, self.ranks), POLICY) if self.day else None
        assert again is None or not again.is_new
        assert self.everything() == before

    @rule(which=st.integers(0, 99), what=st.sampled_from(list(MOVES)))
    def somebody_does_something(self, which: int, what: str) -> None:
        cases = self.everything()
        if not cases:
            return
        case, self.events = cases[which % len(cases)], self.events + 1
        owner = "Jonas" if what == "assign" else None
        asked = move(what, f"e{self.events}", owner=owner)
        at = BEGIN + timedelta(days=self.day, hours=1)
        is_calm = self.ranks.get((case["customer_id"], case["kind"])) == 0
        if case["status"] in MOVES[what].begins and (what != "verify" or is_calm):
            first = move_alert(self.store, case["alert_id"], asked, at)
            assert move_alert(self.store, case["alert_id"], asked, at) == first
            return
        with pytest.raises(AlertError):
            move_alert(self.store, case["alert_id"], asked, at)
        assert self.everything() == cases

    @invariant()
    def no_history_is_ever_lost(self) -> None:
        now = {case["alert_id"]: history(self.store, case["alert_id"]) for case in self.everything()}
        assert set(now) >= set(self.histories)
        assert all(now[alert][: len(known)] == known for alert, known in self.histories.items())
        assert all(told[0] == "raised" for told in now.values())
        self.histories = now

    @invariant()
    def each_customer_has_one_live_case_of_a_kind(self) -> None:
        live = [(case["customer_id"], case["kind"]) for case in listed(self.store)]
        assert len(live) == len(set(live))

    @invariant()
    def a_case_is_closed_when_its_status_says_so(self) -> None:
        assert all((case["closed_at"] is None) == (case["status"] in LIVE) for case in self.everything())

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()


TestCases = pytest.mark.slow(Cases.TestCase)
TestCases.settings = settings(
    max_examples=12, stateful_step_count=12, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)

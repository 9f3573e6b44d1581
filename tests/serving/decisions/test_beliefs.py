"""What is believed of the playbook's actions once campaigns measured them; evidence is only ever added to."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from serving.decisions.beliefs import current_beliefs
from serving.decisions.playbook import BUILT_IN, read_playbook
from serving.store import Measured, Store, add_evidence, current_evidence, reading, take_back_last
from serving.store.log_tables import EVIDENCE

NOW = datetime(2026, 7, 1, tzinfo=UTC)
SPRING = Measured("spring", "visit", "churn", 0.3, 0.05, 400, 200)
AUTUMN = Measured("autumn", "visit", "churn", 0.2, 0.05, 500, 250)


def on_file(store: Store) -> list[Measured]:
    with reading(store) as connection:
        return current_evidence(connection)


def test_without_evidence_every_belief_is_the_playbooks_own() -> None:
    playbook = read_playbook(BUILT_IN["trade"])
    beliefs = current_beliefs(playbook, [])
    assert list(beliefs) == [action.id for action in playbook.actions]
    for action in playbook.actions:
        effect = action.effect
        assert beliefs[action.id] == (effect.kind, effect.mean, effect.low, effect.high, ())


def test_evidence_moves_the_belief_about_its_action_and_kind_alone() -> None:
    playbook = read_playbook(BUILT_IN["trade"])
    before = current_beliefs(playbook, [])
    after = current_beliefs(
        playbook, [SPRING, SPRING._replace(action="nothing_known"), SPRING._replace(kind="overdue")]
    )
    assert {name for name in after if after[name] != before[name]} == {"visit"}
    # belief .15 with spread .23 / (2 x 1.645) = .0699, measurement .30 with .05; the gap .15 exceeds what both explain
    prior = 0.15**2 - 0.05**2
    assert after["visit"].mean == pytest.approx((0.15 / prior + 0.3 / 0.0025) / (1 / prior + 1 / 0.0025))
    assert [one.campaign for one in after["visit"].evidence] == ["spring"]


def test_the_same_measurement_again_adds_nothing_and_a_later_one_replaces_it(store: Store) -> None:
    later = SPRING._replace(value=0.1, treated=800)
    assert add_evidence(store, [SPRING], NOW) == [SPRING]
    assert add_evidence(store, [SPRING, AUTUMN], NOW + timedelta(1)) == [AUTUMN]
    assert add_evidence(store, [later], NOW + timedelta(2)) == [later]
    assert on_file(store) == [AUTUMN, later]


def test_what_was_learnt_last_can_be_taken_back_step_by_step_and_stays_on_file(store: Store) -> None:
    later = SPRING._replace(value=0.1)
    add_evidence(store, [SPRING, AUTUMN], NOW)
    add_evidence(store, [later], NOW + timedelta(1))
    assert take_back_last(store, NOW + timedelta(2)) == [later]
    assert on_file(store) == [SPRING, AUTUMN]
    assert take_back_last(store, NOW + timedelta(3)) == [SPRING, AUTUMN]
    assert on_file(store) == []
    assert take_back_last(store, NOW + timedelta(4)) == []
    with reading(store) as connection:
        assert len(connection.execute(select(EVIDENCE)).all()) == 6
    assert add_evidence(store, [SPRING], NOW + timedelta(5)) == [SPRING]

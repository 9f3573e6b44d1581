"""The next best action of each customer: the one, or the two together, with the highest expected profit, if any is above zero.

How profit is reckoned is told in `expected_profit`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.text import Text
from serving.decisions.assumption import DO_NOTHING, TOGETHER, assumption_sentences
from serving.decisions.assumption import LET_GO as _LET_GO
from serving.decisions.eligibility import ROW, SCORE_COLUMNS, columns_of, eligible
from serving.decisions.expected_profit import Beliefs, Known, Outlook, outlook, packages, written_beliefs
from serving.decisions.playbook import LET_GO, LET_GO_NAME, NO_ACTION, NO_ACTION_NAME, Playbook
from serving.score_schema import ALTERNATIVES, TEXT

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]

_UNKNOWN = -3
_NEVER = "never "
"""Before the id of an action: the condition that excludes from it."""
MOST_ALTERNATIVES = 3
LOST_VALUE = "lost_value"
"""Column with what a customer who is lost would bring over the value horizon if it came back (NaN: it is not lost)."""


@dataclass(frozen=True)
class Options:
    """What can be done about each customer: ``alone`` is the outlook of each action, ``fits`` who it is meant for.

    ``judged``: risk and value are known. ``let_go``: nothing more is to be spent.
    """

    known: Known
    alone: tuple[Outlook, ...]
    fits: dict[str, NDArray[np.bool_]]
    judged: NDArray[np.bool_]
    let_go: NDArray[np.bool_]


def options(
    scores: pd.DataFrame | pa.Table, playbook: Playbook, margin_share: float, beliefs: Beliefs | None = None
) -> Options:
    """The outlook of every action of the playbook for every row of ``scores`` (see `recommend`)."""
    meant = {action.id: action.eligible for action in playbook.actions}
    never = {_NEVER + action.id: action.excluded for action in playbook.actions if action.excluded}
    spared = {LET_GO: playbook.let_go.when} if playbook.let_go else {}
    conditions = meant | never | spared
    table = readable(scores, list(conditions.values()))
    known = _known(table)
    holds = eligible(table, conditions)
    nobody = np.zeros(table.num_rows, dtype=np.bool_)
    gone = holds.get(LET_GO, nobody)
    held = beliefs if beliefs is not None else written_beliefs(playbook)
    return Options(
        known,
        tuple(outlook((action,), known, held, margin_share) for action in playbook.actions),
        {id_: holds[id_] & ~holds.get(_NEVER + id_, nobody) & ~gone for id_ in meant},
        np.isfinite(known.churn) & np.isfinite(known.stake),
        gone,
    )


def recommend(
    scores: pd.DataFrame | pa.Table,
    playbook: Playbook,
    currency: str,
    value_horizon_days: int,
    churn_horizon_days: int,
    margin_share: float,
    beliefs: Beliefs | None = None,
    as_of: datetime | None = None,
) -> pd.DataFrame:
    """The action to take for each customer and what it is expected to earn, in the order (and index) of ``scores``.

    Parameters: ``scores`` has one row per customer with any of churn_probability(_low/_high), value_at_stake,
    overdue_balance, lost_value and the columns that eligibility asks for; ``margin_share`` is in (0, 1]; ``beliefs`` are what actions are
    held to do by now, None: as the playbook has it; ``as_of`` is on the company's calendar.

    Columns: recommended_action (playbook id, "no_action" when nothing pays, "let_go" where nothing more is to be spent,
    None when nothing can be said), recommended_action_name {en, zh}, accompanying_action(_name) where two together earn more
    than either, action_cost, assumed_effect(_low/_high) of the first, expected_profit(_low/_high) of both, assumption
    {en, zh}, alternatives (ALTERNATIVES: other actions that fit, best first). A customer without churn probability or value at
    stake gets an action on overdue money if one pays, else nothing at all: that no action pays is only said of
    customers whose risk is known. Ties go to the earlier action.
    """
    held = beliefs if beliefs is not None else written_beliefs(playbook)
    can = options(scores, playbook, margin_share, held)
    chosen, numbers = _best(can, playbook, held, margin_share)
    first, second = chosen
    amounts = {
        "probability": can.known.churn,
        "stake": can.known.stake,
        "overdue": can.known.overdue,
        "lost": can.known.lost,
    }
    days = (currency, value_horizon_days, churn_horizon_days)
    alone_costs = np.column_stack([one.cost for one in can.alone])
    own = [dict(zip(_EFFECTS, _effects(held, playbook, place), strict=True)) for place in chosen]
    numbers |= {f"assumed_{name}": values for name, values in own[0].items()}
    costs = [_at(alone_costs, place) for place in chosen]
    both = {name: np.concatenate([values, values]) for name, values in amounts.items()}
    both |= {name: np.concatenate([one[name] for one in own]) for name in _EFFECTS} | {"cost": np.concatenate(costs)}
    told = assumption_sentences(np.concatenate(chosen), both, playbook, held, *days, as_of)
    sentences = _joined(told[: len(first)], told[len(first) :])
    alternatives = _alternatives(can, playbook, first, second)
    return _answer(first, second, numbers, sentences, alternatives, playbook, scores)


def _best(
    can: Options, playbook: Playbook, beliefs: Beliefs, margin_share: float
) -> tuple[tuple[Places, Places], dict[str, Numbers]]:
    """Places of the action to take and of the one that goes with it (`_UNKNOWN`: none), and cost and profit of both."""
    place = {action.id: i for i, action in enumerate(playbook.actions)}
    first = np.select([can.let_go, can.judged], [_LET_GO, DO_NOTHING], _UNKNOWN)
    second = np.full(len(first), _UNKNOWN)
    zero = np.where(first == _UNKNOWN, np.nan, 0.0)
    numbers = {name: zero.copy() for name in _NUMBERS}
    for package in packages(playbook):
        places = [place[action.id] for action in package]
        fits = np.logical_and.reduce([can.fits[action.id] for action in package])
        if not fits.any():  # most pairs fit nobody where a few customers are asked for
            continue
        says = can.alone[places[0]] if len(package) == 1 else outlook(package, can.known, beliefs, margin_share)
        better = fits & (says.profit > np.nan_to_num(numbers["expected_profit"]))
        for name, value in zip(_NUMBERS, (says.cost, says.profit, says.profit_low, says.profit_high), strict=True):
            numbers[name] = np.where(better, value, numbers[name])
        # of two, the one that earns more by itself comes first
        swap = len(package) == 2 and can.alone[places[-1]].profit > can.alone[places[0]].profit
        first = np.where(better, np.where(swap, places[-1], places[0]), first)
        other = np.where(swap, places[0], places[-1]) if len(package) == 2 else _UNKNOWN
        second = np.where(better, other, second)
    return (first, second), numbers


_EFFECTS = ("effect", "effect_low", "effect_high")
_NUMBERS = ("action_cost", "expected_profit", "expected_profit_low", "expected_profit_high")


def _effects(beliefs: Beliefs, playbook: Playbook, place: Places) -> tuple[Numbers, Numbers, Numbers]:
    """What the action in that place is held to do for each customer: mean, low, high; 0 for none, NaN where unknown."""
    found = []
    for end in ("mean", "low", "high"):
        every = [np.broadcast_to(getattr(beliefs[action.id], end), place.shape) for action in playbook.actions]
        found.append(np.where(place == _UNKNOWN, np.nan, _at(np.column_stack(every), place)))
    return found[0], found[1], found[2]


def _at(table: Numbers, place: Places) -> Numbers:
    """The entry in each row's place of ``table`` (customers, actions); 0 where there is none."""
    picked = np.take_along_axis(table, np.maximum(place, 0)[:, None], axis=1)[:, 0]
    return np.where(place >= 0, picked, 0.0)


def _joined(first: list[Any], second: list[Any]) -> list[dict[str, str] | None]:
    """Two assumptions as one, where there are two."""
    return [
        one
        if other is None
        else {lang: TOGETHER._asdict()[lang].format(first=one[lang], second=other[lang]) for lang in other}
        for one, other in zip(first, second, strict=True)
    ]


def _alternatives(can: Options, playbook: Playbook, first: Places, second: Places) -> pa.Array:
    """For each customer the other actions that fit, the best first."""
    columns = [np.where(can.fits[a.id], one.profit, np.nan) for a, one in zip(playbook.actions, can.alone, strict=True)]
    profit = np.column_stack(columns)
    rows = np.arange(len(profit))
    for taken in (first, second):
        profit[rows[taken >= 0], taken[taken >= 0]] = np.nan
    order = np.argsort(-profit, axis=1, kind="stable")[:, :MOST_ALTERNATIVES]
    there = np.isfinite(np.take_along_axis(profit, order, axis=1))
    offsets = np.concatenate([[0], np.cumsum(there.sum(axis=1))]).astype(np.int32)
    row, action = np.nonzero(there)[0], order[there]
    numbers = [
        np.column_stack([getattr(one, name) for one in can.alone])[row, action]
        for name in ("cost", "profit", "profit_low", "profit_high")
    ]
    ids, english, chinese = (
        pa.array(_objects(of_each)[action], pa.string())
        for of_each in zip(*((a.id, a.name.en, a.name.zh) for a in playbook.actions), strict=True)
    )
    names = pa.StructArray.from_arrays([english, chinese], fields=list(TEXT))
    values = pa.StructArray.from_arrays([ids, names, *map(pa.array, numbers)], fields=list(ALTERNATIVES.value_type))
    return pa.ListArray.from_arrays(pa.array(offsets), values)


def readable(scores: pd.DataFrame | pa.Table, conditions: Sequence[str]) -> pa.Table:
    """The columns of ``scores`` that decisions and these conditions read, as Arrow."""
    wanted = {*SCORE_COLUMNS, "overdue_balance", LOST_VALUE}.union(*map(columns_of, conditions))
    if isinstance(scores, pa.Table):
        return scores.select([name for name in scores.column_names if name.lower() in wanted])
    chosen = scores[[name for name in scores.columns if str(name).lower() in wanted]]
    table = pa.table({name: pa.array(chosen[name], from_pandas=True) for name in chosen.columns})
    return table if table.num_columns else pa.table({ROW: np.arange(len(scores))})


def _known(table: pa.Table) -> Known:
    churn = _column(table, "churn_probability")
    low, high = _column(table, "churn_probability_low"), _column(table, "churn_probability_high")
    return Known(
        churn,
        np.where(np.isfinite(low), low, churn),
        np.where(np.isfinite(high), high, churn),
        _column(table, "value_at_stake"),
        _column(table, "overdue_balance"),
        _column(table, LOST_VALUE),
    )


def _column(table: pa.Table, name: str) -> Numbers:
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    values = pc.cast(table.column(name), pa.float64()).to_numpy()
    return np.where(np.isfinite(values), values, np.nan)


def _answer(
    first: Places,
    second: Places,
    numbers: dict[str, Numbers],
    sentences: list[dict[str, str] | None],
    alternatives: pa.Array,
    playbook: Playbook,
    scores: pd.DataFrame | pa.Table,
) -> pd.DataFrame:
    index = scores.index if isinstance(scores, pd.DataFrame) else pd.RangeIndex(len(first))
    # _UNKNOWN, _LET_GO and DO_NOTHING are the last three places, counted from the end
    ids = _objects([*(a.id for a in playbook.actions), None, LET_GO, NO_ACTION])
    texts: list[Text] = [a.name for a in playbook.actions]
    names = _objects([*(t._asdict() for t in texts), None, LET_GO_NAME._asdict(), NO_ACTION_NAME._asdict()])
    objects: dict[str, Any] = {
        "recommended_action": ids[first],
        "recommended_action_name": names[first],
        "accompanying_action": ids[second],
        "accompanying_action_name": names[second],
    }
    columns: dict[str, Any] = {name: pd.Series(v, index=index, dtype="object") for name, v in objects.items()}
    columns |= {name: pd.Series(values, index=index) for name, values in numbers.items()}
    columns["assumption"] = pd.Series(sentences, index=index, dtype="object")
    columns["alternatives"] = pd.Series(pd.arrays.ArrowExtensionArray(alternatives), index=index)
    return pd.DataFrame(columns, index=index)


def _objects(values: Sequence[Any]) -> NDArray[np.object_]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array

"""Cases in the store: what a run does to them, and what people do; each in one transaction, each once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import numpy as np
import orjson
import pandas as pd
from sqlalchemy import Connection

from features.errors import AsOfError, NotFoundError
from features.text import Text
from serving.alert_schemas import AlertMove
from serving.alerts.bodies import answer_body, case_body
from serving.alerts.course import INSTANTS, Course, course
from serving.alerts.grading import UNKNOWN, Graded
from serving.alerts.kinds import RULES
from serving.alerts.moves import RUN_EVENTS, AlertError, status_after
from serving.decisions.alert_policy import AlertPolicy
from serving.store import alerts as stored
from serving.store.database import Store, writing

KEY = ["customer_id", "kind"]
MADE_BY_RUN = "retinue"
FOUND = (*KEY, "found_rank", "found_value", "customer_name", "account_manager", "cause", "proposal")
"""Columns of what was found: one row a customer and kind with a colour; cause and proposal are {en, zh}."""
_ISO = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Findings:
    """What a run says: ``graded`` of everybody, ``found`` (columns `FOUND`) of whom there is something to warn of."""

    run_id: str
    as_of: datetime
    graded: Graded
    found: pd.DataFrame


@dataclass(frozen=True)
class Raised:
    """What a run did: how often each event happened (`RUN_EVENTS`); ``is_new``: false where it had been looked at before."""

    counts: dict[str, int]
    is_new: bool


def raise_alerts(store: Store, findings: Findings, policy: AlertPolicy) -> Raised:
    """Bring all cases to what a run says, in one transaction; the same run again changes nothing.

    Raises AsOfError: a later run was looked at already; StorageError: the store cannot be written.
    """
    as_of = iso(findings.as_of)
    with writing(store) as connection:
        known = stored.counts_of_run(connection, findings.run_id)
        if known is not None:
            return Raised(known, False)
        _check_order(connection, as_of)
        counts = _apply(connection, findings, as_of, policy)
        stored.insert_run(connection, findings.run_id, as_of, counts)
    return Raised(counts, True)


def iso(instant: datetime) -> str:
    """An aware instant as the store keeps it, to the second."""
    return instant.astimezone(UTC).strftime(_ISO)


def _check_order(connection: Connection, as_of: str) -> None:
    last = stored.last_run(connection)
    if last is not None and last.as_of > as_of:
        raise AsOfError(
            Text(
                "Warnings were raised as of {last} already; scores as of {as_of} are older and cannot change them. Nothing was"
                " changed.",
                "已按 {last} 的评分发出预警；{as_of} 的评分更早，不能再更改。未作任何更改。",
            ),
            last=last.as_of,
            as_of=as_of,
        )


def _apply(connection: Connection, findings: Findings, as_of: str, policy: AlertPolicy) -> dict[str, int]:
    since = iso(findings.as_of - timedelta(days=policy.reopen_within_days))
    pairs = _paired(stored.cases_since(connection, since), findings)
    after = course(
        pairs,
        pairs["found_rank"].to_numpy(dtype=np.int8),
        pairs["found_value"].to_numpy(dtype=np.float64),
        pairs["kind"].map({kind: rule.falls for kind, rule in RULES.items()}).to_numpy(dtype=bool),
        np.datetime64(as_of.removesuffix("Z"), "us"),
        policy,
    )
    is_new = pairs["number"].isna().to_numpy()
    rows = _rows(after.cases, pairs, is_new, stored.next_number(connection), as_of)
    stored.insert_cases(connection, (row for row, new in zip(rows, is_new, strict=True) if new))
    stored.update_cases(connection, (row for row, new in zip(rows, is_new, strict=True) if not new))
    stored.insert_events(connection, _events(after, rows, findings.run_id, as_of))
    return {what: int(after.events[what].sum()) for what in RUN_EVENTS}


def _paired(cases: pd.DataFrame, findings: Findings) -> pd.DataFrame:
    """Live cases and findings side by side; of closed cases only those whose cause came back."""
    pairs = cases.merge(findings.found[list(FOUND)], on=KEY, how="outer").reset_index(drop=True)
    is_found = pairs["found_rank"].notna()
    pairs = pairs[is_found | (pairs["closed_at"].isna() & pairs["number"].notna())].reset_index(drop=True)
    for name in INSTANTS:
        pairs[name] = (
            pd.to_datetime(pairs[name], utc=True, format="ISO8601").dt.tz_localize(None).astype("datetime64[us]")
        )
    quiet = pairs["found_rank"].isna().to_numpy()
    ranks, values = _looked_up(findings.graded, pairs.loc[quiet, KEY])
    pairs.loc[quiet, "found_rank"], pairs.loc[quiet, "found_value"] = ranks, values
    return pairs.assign(
        rank=pairs["rank"].astype("float64"), status=pairs["status"].where(pairs["status"].notna(), None)
    )


def _looked_up(graded: Graded, pairs: pd.DataFrame) -> tuple[Any, Any]:
    """Rank and value of customers and kinds; unknown where there is no such customer or the kind is not warned of."""
    row = graded.customers.get_indexer(pd.Index(pairs["customer_id"]))
    column = pd.Index(graded.kinds).get_indexer(pd.Index(pairs["kind"]))
    known = (row >= 0) & (column >= 0)
    ranks, values = np.full(len(pairs), UNKNOWN, np.int8), np.full(len(pairs), np.nan)
    ranks[known], values[known] = graded.ranks[row[known], column[known]], graded.values[row[known], column[known]]
    return ranks, values


def _rows(cases: pd.DataFrame, pairs: pd.DataFrame, is_new: Any, number: int, as_of: str) -> list[dict[str, Any]]:
    """The cases as the store keeps them; what was found now is said anew, of the others it stays."""
    told = cases.copy()
    for name in INSTANTS:
        told[name] = told[name].dt.strftime(_ISO).astype("object").where(told[name].notna(), None)
    rows: list[dict[str, Any]] = told.drop(columns=[n for n in FOUND if n not in KEY]).to_dict("records")  # type: ignore[assignment]
    found = pairs[list(FOUND)].to_dict("records")
    for row, what, new in zip(rows, found, is_new, strict=True):
        if new:
            row |= {"number": number, "alert_id": _alert_id(row, as_of), "owner": _text(what["account_manager"])}
            number += 1
        if isinstance(what["cause"], dict):
            said = {"customer_name": _text(what["customer_name"]), "cause": what["cause"], "proposal": what["proposal"]}
            row["said"] = orjson.dumps(said).decode()
        row |= {"number": int(row["number"]), "owner": _text(row["owner"]), "value": _number(row["value"])}
        row["body"] = case_body(row)
    return rows


def _alert_id(row: Mapping[str, Any], as_of: str) -> str:
    digest = sha256("\0".join((row["customer_id"], row["kind"], as_of)).encode("utf-8", "surrogatepass"))
    return f"{row['kind']}-{digest.hexdigest()[:16]}"


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)


def _events(after: Course, rows: list[dict[str, Any]], run_id: str, as_of: str) -> Iterator[dict[str, Any]]:
    for what in RUN_EVENTS:
        for place in np.flatnonzero(after.events[what]):
            row = rows[place]
            yield _event(row, f"{run_id}:{row['alert_id']}:{what}", as_of, MADE_BY_RUN, what)


def _event(
    row: Mapping[str, Any], event_id: str, at: str, by: str, what: str, note: str | None = None
) -> dict[str, Any]:
    kept = {name: row[name] for name in ("status", "rank", "level", "owner", "value")}
    return {"event_id": event_id, "alert": row["number"], "at": at, "made_by": by, "what": what, "note": note, **kept}


def move_alert(store: Store, alert_id: str, move: AlertMove, at: datetime) -> bytes:
    """Do what somebody asks to a case, in one transaction; gives the AlertAnswer. The same event again changes nothing.

    Raises NotFoundError: there is no such case; AlertError: the case cannot go that way, or the event's id was used for
    another; StorageError.
    """
    with writing(store) as connection:
        case = stored.find_case(connection, alert_id)
        if case is None:
            raise NotFoundError(NO_CASE, alert=alert_id)
        done = stored.find_event(connection, move.event_id)
        if done is None:
            _move(connection, case, move, iso(at))
        elif (done["alert"], done["made_by"], done["what"], done["note"]) != (
            case["number"],
            move.by,
            move.what,
            move.note,
        ):
            raise AlertError(_USED, event=move.event_id)
        changed = stored.find_case(connection, alert_id)
        assert changed is not None
        return answer_body(changed, stored.history_of(connection, changed["number"]))


def _move(connection: Connection, row: dict[str, Any], move: AlertMove, at: str) -> None:
    if (move.what == "assign") != (move.owner is not None):
        raise AlertError(_OWNER)
    is_calm = row["calm_since"] is not None and bool(row["judged"])
    row["status"] = status_after(move.what, row["status"], is_calm)
    row["owner"] = move.owner if move.what == "assign" else row["owner"]
    if move.what == "resolve":
        row["resolved_as_of"] = row["as_of"]
    if move.what == "verify":
        row["closed_at"] = row["as_of"]
    row["body"] = case_body(row)
    stored.update_cases(connection, [row])
    stored.insert_events(connection, [_event(row, move.event_id, at, move.by, move.what, move.note)])


NO_CASE = Text(
    "There is no warning '{alert}'. Check the id; 'retinue alerts list' shows all.",
    "没有编号为“{alert}”的预警。请检查编号；“retinue alerts list”可列出全部。",
)
_USED = Text(
    "The event id '{event}' was used for another event already; nothing was changed. Choose a new one for each event.",
    "事件编号“{event}”已用于其他事件；未作任何更改。请为每个事件使用新的编号。",
)
_OWNER = Text(
    "An owner goes with 'assign' and with nothing else; nothing was changed.",
    "owner 必须且只能与“assign”一同给出；未作任何更改。",
)

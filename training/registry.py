"""Which version serves, and which one runs beside it: promoting, refusing, going back, each step on the ledger.

The alias ``champion`` in MLflow is what serves; the ledger says when, by whom and why. The alias is set while the ledger
is held, so that two commands cannot promote past each other. Whoever sets the alias elsewhere is noticed afterwards.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from features.errors import ModelError, NotFoundError
from features.project import Project
from features.text import Text
from training.gate import Verdict
from training.ledger import (
    Challenge,
    Entry,
    How,
    Promotion,
    append,
    last_promotion,
    ledger_file,
    read_ledger,
    records,
    verify,
    writing,
)
from training.mlflow_store import CHAMPION, has_store, model_name, tracking
from training.tracking import CHALLENGER
from training.versions import GATE, GATE_FILE, LEDGER, Version, find_version, verdict_of, versions

if TYPE_CHECKING:
    from mlflow import MlflowClient

PREVIOUS = "previous"
"""Alias of the version that served before the champion."""


@dataclass(frozen=True)
class Signature:
    """Who did something, and when."""

    by: str
    at: datetime


def record_verdict(project: Project, number: str, verdict: Verdict) -> None:
    """Keep what the gate said of a version: as a tag of version and run, and all of it in the run's gate.json."""
    run_id = find_version(project, number).run_id
    said = "passed" if verdict.promote else "refused"
    with tracking(project) as client:
        client.log_dict(run_id, verdict.as_json(), GATE_FILE)
        client.set_tag(run_id, GATE, said)
        client.set_model_version_tag(model_name(project, "churn"), number, GATE, said)


def settle(project: Project, number: str, verdict: Verdict, signed: Signature) -> bool:
    """Keep the gate's verdict on a version that was just trained, and let it serve if it may. Returns whether it serves.

    It may serve when the gate lets it pass and its leakage certificate passed.
    """
    record_verdict(project, number, verdict)
    version = find_version(project, number)
    if not verdict.promote or version.leakage == "failed":
        return False
    _serve(project, version, signed, "trained", verdict.reasons[0])
    return True


def promote_version(project: Project, number: str, signed: Signature, force_reason: str | None = None) -> Promotion:
    """Let a registered version serve; with ``force_reason`` also one that was refused.

    Raises NotFoundError: there is no such version; ModelError: it was refused, or it serves already.
    """
    version = find_version(project, number)
    if CHAMPION in version.aliases:
        raise _serves_already(number)
    refusal = _refusal(project, version)
    if refusal is None:
        return _serve(project, version, signed, "by hand", _BY_HAND)
    if force_reason is None:
        raise ModelError(
            Text(
                "Version {number} was refused: {why} Train again, or let it serve all the same with --force and --reason,"
                " which the ledger keeps.",
                "版本 {number} 未获准：{why}请重新训练，或用 --force 和 --reason 强制启用（台账会记录）。",
            ),
            number=number,
            why=refusal,
        )
    return _serve(project, version, signed, "forced", Text(*[force_reason] * 2))


def roll_back(project: Project, signed: Signature) -> Promotion:
    """Let the version serve that served before; doing it twice returns to where it began.

    Raises NotFoundError: the ledger knows no earlier version, or MLflow has it no more.
    """
    name = model_name(project, "churn")
    notice(project, signed)
    last = last_promotion(read_ledger(ledger_file(project)), name)
    if last is None or last.previous_version is None:
        raise NotFoundError(
            Text(
                "There is no earlier version to return to: {count}. 'retinue models list' shows all versions;"
                " 'retinue models promote' lets one of them serve.",
                "没有可回退的更早版本：{count}。可用“retinue models list”查看全部版本，用“retinue models promote”启用其一。",
            ),
            count=_ONE_SERVED if last else _NONE_SERVED,
        )
    return _serve(project, find_version(project, last.previous_version), signed, "rolled back", _ROLLED_BACK)


def challenge_version(project: Project, number: str, signed: Signature) -> Challenge:
    """Let a registered version run beside the champion, as ``[serve]`` says: for a share of the customers, or in the shadow.

    Raises NotFoundError: there is no such version; ModelError: it was refused, or it serves or challenges already.
    """
    version = find_version(project, number)
    if CHAMPION in version.aliases:
        raise _serves_already(number)
    if (refusal := _refusal(project, version)) is not None:
        raise ModelError(
            Text(
                "Version {number} was refused: {why} No customer is to be answered by it; name another one.",
                "版本 {number} 未获准：{why}不得用于应答客户，请选择其他版本。",
            ),
            number=number,
            why=refusal,
        )
    if CHALLENGER in version.aliases:
        raise ModelError(
            Text(
                "Version {number} is the challenger already; nothing was changed.",
                "版本 {number} 已是挑战版本；未作任何更改。",
            ),
            number=number,
        )
    return _challenge(project, number, signed)


def withdraw_challenger(project: Project, signed: Signature) -> Challenge:
    """Let nothing run beside the champion. Raises ModelError: nothing does."""
    return _challenge(project, None, signed)


def _challenge(project: Project, number: str | None, signed: Signature) -> Challenge:
    """Move the alias and write the entry, while no other command can."""
    name = model_name(project, "churn")
    with tracking(project) as client, writing(ledger_file(project)) as book:
        before = _of_alias(client, name, CHALLENGER)
        if number is not None:
            client.set_registered_model_alias(name, CHALLENGER, number)
        elif before is not None:
            client.delete_registered_model_alias(name, CHALLENGER)
        else:
            raise ModelError(Text("No version is the challenger; nothing was changed.", "没有挑战版本；未作任何更改。"))
        record = Challenge(signed.at, name, number, before, signed.by)
        append(book, record)
        return record


def notice(project: Project, signed: Signature) -> Promotion | None:
    """Put a version on the ledger that serves without having been promoted there; None when ledger and MLflow agree.

    The alias was set in MLflow itself, or a command was killed between alias and ledger.
    """
    if not has_store(project):
        return None
    name = model_name(project, "churn")
    with tracking(project) as client:
        found = _champion(client, name)
        last = last_promotion(read_ledger(ledger_file(project)), name)
        if found is None or (last and last.version == found):
            return None
        version = find_version(project, found)
        with writing(ledger_file(project)) as book:
            last = last_promotion(records(book), name)
            if _champion(client, name) != found or (last and last.version == found):
                return None
            before = last.version if last else None
            entry = append(book, _promotion(name, version, before, signed, "noticed", _NOTICED))
        return _anchored(client, entry)


def check_ledger(project: Project) -> Text | None:
    """What is wrong with the ledger; None where all is as it was written.

    Beside the chain, the digests that MLflow keeps with each version that has served must be in it.
    """
    path = ledger_file(project)
    if (fault := verify(path)) is not None:
        return fault
    digests = {f"{entry.number} {entry.digest}" for entry in read_ledger(path)}
    for version in versions(project):
        anchor = version.tags.get(LEDGER)
        if anchor is not None and anchor not in digests:
            return Text(
                "entry {number}, by which version {version} served, is no longer there or was changed",
                "使版本 {version} 投入服务的第 {number} 条记录已不存在或被改动",
            ).format(number=anchor.partition(" ")[0], version=version.number)
    return None


def _refusal(project: Project, version: Version) -> Text | None:
    """Why a version must not serve; None where nothing speaks against it."""
    if version.leakage == "failed":
        return _LEAKS
    verdict = verdict_of(project, version)
    if verdict is None or verdict.promote:
        return None
    return Text(" ".join(r.en for r in verdict.reasons), "".join(r.zh for r in verdict.reasons))


def _serve(project: Project, version: Version, signed: Signature, how: How, reason: Text) -> Promotion:
    """Set the aliases and write the entry, while no other command can."""
    name = model_name(project, "churn")
    notice(project, signed)
    with tracking(project) as client:
        with writing(ledger_file(project)) as book:
            before = _champion(client, name)
            if before == version.number:  # another command was faster
                raise _serves_already(version.number)
            if before is not None:
                client.set_registered_model_alias(name, PREVIOUS, before)
            client.set_registered_model_alias(name, CHAMPION, version.number)
            entry = append(book, _promotion(name, version, before, signed, how, reason))
        if CHALLENGER in version.aliases:
            client.delete_registered_model_alias(name, CHALLENGER)
        return _anchored(client, entry)


def _promotion(name: str, version: Version, before: str | None, signed: Signature, how: How, reason: Text) -> Promotion:
    return Promotion(signed.at, name, version.number, before, signed.by, how, reason, version.gate)


def _anchored(client: "MlflowClient", entry: Entry) -> Promotion:
    """Tell MLflow the digest of an entry that is written, so that a ledger cut off before it is noticed."""
    assert isinstance(entry.record, Promotion)
    record = entry.record
    client.set_model_version_tag(record.model, record.version, LEDGER, f"{entry.number} {entry.digest}")
    return record


def _serves_already(number: str) -> ModelError:
    return ModelError(
        Text("Version {number} serves already; nothing was changed.", "版本 {number} 已在服务；未作任何更改。"),
        number=number,
    )


def _champion(client: "MlflowClient", name: str) -> str | None:
    """The version that serves as MLflow has it now."""
    return _of_alias(client, name, CHAMPION)


def _of_alias(client: "MlflowClient", name: str, alias: str) -> str | None:
    found = client.search_registered_models(f"name='{name}'")
    number = found[0].aliases.get(alias) if found else None
    return None if number is None else str(number)


_BY_HAND = Text("Promoted by hand.", "人工启用。")
_ROLLED_BACK = Text("Went back to the version that served before.", "回退到此前服务的版本。")
_NOTICED = Text(
    "It was found serving: its alias was set in MLflow itself, or a command ended before it could write here.",
    "发现其已在服务：别名是在 MLflow 中直接设置的，或命令在写入台账前就已结束。",
)
_LEAKS = Text(
    "its leakage certificate failed, see leakage.md of its MLflow run.",
    "其泄漏证书不合格，详见 MLflow 运行中的 leakage.md。",
)
_ONE_SERVED = Text("only one version has served", "只有一个版本投入过服务")
_NONE_SERVED = Text("no version has served", "还没有版本投入过服务")

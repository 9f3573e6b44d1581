"""The playbook: which actions the company can take, what each costs, whom it is for and what it is believed to do.

It is a TOML file that the business edits. It is read strictly: every fault is reported at once, in both languages.
"""

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from features.errors import ProjectError, nearest
from features.project import BusinessName, Project
from features.text import Text
from serving.decisions.alert_policy import AlertPolicy, Kinds, Thresholds, alert_section
from serving.decisions.business import business_of
from serving.decisions.credit_policy import CreditPolicy, DunningStep
from serving.decisions.experiment_policy import ExperimentPolicy
from serving.decisions.fields import (
    CHANNELS,
    OWN_FEATURES,
    Channel,
    Condition,
    Id,
    Share,
    Signed,
    Strict,
    Words,
    fault_of,
)
from serving.decisions.plan_policy import LeastShare, LetGo, PlanPolicy, Team

_FOLDER = files("serving.decisions") / "playbooks"
BUILT_IN: Mapping[BusinessName, Traversable] = {
    "trade": _FOLDER / "trade.toml",
    "retail": _FOLDER / "retail.toml",
    "contract": _FOLDER / "contract.toml",
}
"""The playbook that is used by each kind of business which brings none of its own."""

NO_ACTION = "no_action"
"""The action that every playbook has: do nothing, at no cost and for no profit."""

NO_ACTION_NAME = Text("No action", "无需行动")

LET_GO = "let_go"
"""The action of customers on whom nothing more is to be spent; who they are is said in [let_go]."""

LET_GO_NAME = Text("Let go", "不再投入")


def _not_reserved(id_: str) -> str:
    if id_ in (NO_ACTION, LET_GO):
        raise fault_of(Text("every playbook has this action already", "每份行动手册都已包含此行动"))
    return id_


_NO_ACTIONS = Text("a playbook needs at least one [[actions]] entry", "行动手册至少需要一个 [[actions]]")

ActionId = Annotated[Id, AfterValidator(_not_reserved)]


class Effect(Strict):
    """What an action is believed to do. ``low`` and ``high`` hold 90 % of the belief, ``source`` says where it is from.

    kind "churn": the share of the churn probability that the action takes away (0.1: from 50 % to 45 %).
    kind "overdue": the share of the overdue balance that comes in within the churn horizon because of the action and
    would not have come in otherwise.
    kind "win_back": the share of customers already lost who come back because of the action.
    kind "spend": what who stays buys more over the value horizon, as a share of its margin.
    """

    kind: Literal["churn", "overdue", "spend", "win_back"]
    mean: Share
    low: Share
    high: Share
    source: Words

    @model_validator(mode="after")
    def _ordered(self) -> "Effect":
        _check_order(self.low, self.mean, self.high)
        return self


class SideEffect(Strict):
    """What an action on overdue money does to the churn probability beside: below 0, it drives customers away."""

    kind: Literal["churn"]
    mean: Signed
    low: Signed
    high: Signed
    source: Words

    @model_validator(mode="after")
    def _ordered(self) -> "SideEffect":
        _check_order(self.low, self.mean, self.high)
        return self


def _check_order(low: float, mean: float, high: float) -> None:
    if not low <= mean <= high:
        raise fault_of(
            Text(
                "low, mean and high must rise; they are {low}, {mean} and {high}",
                "low、mean、high 须依次递增；现为 {low}、{mean}、{high}",
            ).format(low=low, mean=mean, high=high)
        )


class Action(Strict):
    """Something that can be done about one customer.

    ``cost`` is the fixed cost of one contact, in currency units. ``cost_share_of_spend`` is a discount: the share of
    what the customer spends over the value horizon, also given to those who would have stayed anyway. ``eligible`` is
    an SQL condition (DuckDB dialect) over score and feature columns; ``excluded`` is one for those who never get it (where it
    cannot be told, nobody).
    One contact takes ``minutes`` of the ``team`` that carries it out. The same customer does not get it again within
    ``rest_days``.
    """

    id: ActionId
    name: Words
    description: Words
    channel: Channel
    cost: float = Field(ge=0)
    cost_share_of_spend: float = Field(0.0, ge=0, lt=1)
    eligible: Condition
    excluded: Condition | None = None
    team: Id | None = None
    minutes: float = Field(0.0, ge=0)
    rest_days: int = Field(0, ge=0)
    effect: Effect
    side_effect: SideEffect | None = None

    @model_validator(mode="after")
    def _parts_go_together(self) -> "Action":
        if self.cost_share_of_spend and self.effect.kind == "overdue":
            raise fault_of(
                Text(
                    "cost_share_of_spend goes with an effect of kind 'churn'; use cost for overdue actions",
                    "cost_share_of_spend 只能与 kind = 'churn' 的效果同用；逾期类行动请用 cost",
                )
            )
        if self.side_effect and self.effect.kind != "overdue":
            raise fault_of(
                Text(
                    "side_effect goes with an effect of kind 'overdue'",
                    "side_effect 只能与 kind = 'overdue' 的效果同用",
                )
            )
        return self


class Playbook(Strict):
    """The actions, in the file's order; where two are expected to earn the same, the earlier one is recommended.

    ``credit`` says how debtors are answered, ``alerts`` what is warned of; None: as the built-in one of trade has it. ``plan`` is
    what a plan keeps to, ``teams`` carry it out, and on customers whom ``let_go`` names nothing more is spent.
    ``experiments``: who stands aside.
    """

    actions: tuple[Action, ...]
    credit: CreditPolicy | None = None
    alerts: AlertPolicy | None = None
    plan: PlanPolicy = PlanPolicy()
    teams: tuple[Team, ...] = ()
    let_go: LetGo | None = None
    experiments: ExperimentPolicy = ExperimentPolicy()

    @property
    def policy(self) -> CreditPolicy:
        """How debtors are answered."""
        return self.credit or built_in_policy()

    @property
    def warnings(self) -> AlertPolicy:
        """What is warned of."""
        return self.alerts or built_in_alerts()

    @model_validator(mode="after")
    def _different_ids(self) -> "Playbook":
        if not self.actions:
            raise fault_of(_NO_ACTIONS)
        for ids in ([a.id for a in self.actions], [t.id for t in self.teams]):
            if twice := sorted({id_ for id_ in ids if ids.count(id_) > 1}):
                raise fault_of(
                    Text("each id can be used once; repeated: {ids}", "每个 id 只能使用一次；重复的有：{ids}").format(
                        ids=", ".join(twice)
                    )
                )
        return self

    @model_validator(mode="after")
    def _known_teams(self) -> "Playbook":
        known = {team.id for team in self.teams}
        if unknown := sorted({a.team for a in self.actions if a.team is not None} - known):
            raise fault_of(
                Text(
                    "actions name teams that are not there: {unknown}; there are: {known}. Add [[teams]] entries.",
                    "行动引用了不存在的团队：{unknown}；现有：{known}。请添加 [[teams]]。",
                ).format(unknown=", ".join(unknown), known=", ".join(sorted(known)) or "–")
            )
        return self


def load_playbook(project: Project) -> Playbook:
    """The project's own playbook, or the built-in one of its business. Raises ProjectError: see `read_playbook`."""
    if project.playbook is not None and project.playbook.path is not None:
        return read_playbook(project.root / project.playbook.path, project.features)
    return read_playbook(BUILT_IN[business_of(project)])


@cache
def built_in_policy() -> CreditPolicy:
    """The credit policy of the built-in playbook of trade."""
    found = read_playbook(BUILT_IN["trade"]).credit
    assert found is not None
    return found


@cache
def built_in_alerts() -> AlertPolicy:
    """What the built-in playbook of trade, and with it the others, warns of."""
    found = read_playbook(BUILT_IN["trade"]).alerts
    assert found is not None
    return found


def read_playbook(file: Path | Traversable, own_features: Iterable[str] = ()) -> Playbook:
    """Read and check a playbook file; its conditions may use the project's ``own_features``, which are given by name.

    Raises ProjectError: the file is missing, is not TOML, or says something that cannot be; all faults at once.
    """
    document = _read_toml(file)
    raw = document.get("actions")
    actions = raw if isinstance(raw, list) else []
    try:
        return Playbook.model_validate(
            {
                **_with_tuples(document),
                "actions": tuple(actions) if isinstance(raw, list) else raw,
                **alert_section(document),
            },
            context={OWN_FEATURES: frozenset(own_features)},
        )
    except ValidationError as error:
        faults = [_sentence(e, actions) for e in error.errors()]
    raise ProjectError(
        Text("The playbook {file} needs a change:\n{faults}", "行动手册 {file} 需要修改：\n{faults}"),
        file=file,
        faults=Text("\n".join(f"  - {t.en}" for t in faults), "\n".join(f"  - {t.zh}" for t in faults)),
    )


def _with_tuples(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the lists of its sections as tuples, which is what strict reading takes."""

    def tuples(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: tuple(inner) if isinstance(inner, list) else inner for name, inner in value.items()}
        return tuple(value) if isinstance(value, list) else value

    return {name: tuples(value) for name, value in document.items()}


def _read_toml(file: Path | Traversable) -> dict[str, Any]:
    try:
        return tomllib.loads(
            file.read_text(encoding="utf-8-sig") if isinstance(file, Path) else file.read_text("utf-8")
        )
    except FileNotFoundError:
        raise ProjectError(
            Text(
                "There is no playbook at {file}. Correct playbook.path in the project file, or leave it out to use the"
                " built-in playbook.",
                "在 {file} 找不到行动手册。请更正项目文件中的 playbook.path，或将其删去以使用内置手册。",
            ),
            file=file,
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise ProjectError(
            Text("The playbook {file} cannot be read as TOML: {fault}.", "无法将行动手册 {file} 读作 TOML：{fault}。"),
            file=file,
            fault=fault,
        ) from None


_SECTIONS: Mapping[tuple[str, ...], tuple[str, ...]] = {
    (): tuple(Playbook.model_fields),
    ("actions",): tuple(Action.model_fields),
    ("actions", "effect"): tuple(Effect.model_fields),
    ("actions", "side_effect"): tuple(SideEffect.model_fields),
    ("plan",): tuple(PlanPolicy.model_fields),
    ("plan", "least_shares"): tuple(LeastShare.model_fields),
    ("teams",): tuple(Team.model_fields),
    ("let_go",): tuple(LetGo.model_fields),
    ("credit",): tuple(CreditPolicy.model_fields),
    ("experiments",): tuple(ExperimentPolicy.model_fields),
    ("credit", "dunning"): tuple(DunningStep.model_fields),
    ("alerts",): tuple(AlertPolicy.model_fields),
    ("alerts", "thresholds"): tuple(Kinds.model_fields),
    **{("alerts", "thresholds", kind): tuple(Thresholds.model_fields) for kind in Kinds.model_fields},
}

_NUMBER = Text("it must be a number, got {got}", "应为数字，得到 {got}")
_TABLE = Text("it must be a table, got {got}", "应为表，得到 {got}")

_SAYS: dict[str, Text] = {
    "missing": Text("is required and missing", "必填但缺失"),
    "string_type": Text("it must be text, got {got}", "应为文本，得到 {got}"),
    "string_too_short": Text("it must not be empty", "不能为空"),
    "string_pattern_mismatch": Text(
        "got {got}; use small letters, digits and _ , beginning with a letter, e.g. personal_call",
        "得到 {got}；请用小写字母、数字和下划线，并以字母开头，例如 personal_call",
    ),
    "float_type": _NUMBER,
    "finite_number": _NUMBER,
    "greater_than_equal": Text("it must be at least {ge}, got {got}", "不得小于 {ge}，得到 {got}"),
    "less_than_equal": Text("it must be at most {le}, got {got}", "不得大于 {le}，得到 {got}"),
    "less_than": Text("it must be below {lt}, got {got}", "须小于 {lt}，得到 {got}"),
    "model_type": _TABLE,
    "named_tuple_type": Text(
        'it must be given in both languages, {{ en = "…", zh = "…" }}, got {got}',
        '须同时给出中英文 {{ en = "…", zh = "…" }}，得到 {got}',
    ),
    "tuple_type": _NO_ACTIONS,
    "other": Text("got {got}; {message}", "得到 {got}；{message}"),
}


def _sentence(error: ErrorDetails, actions: list[Any]) -> Text:
    """One finding of the validator as a sentence: where, what was got, what is expected."""
    place, context = error["loc"], error.get("ctx", {})
    section = tuple(str(p) for p in place[:-1] if not isinstance(p, int))
    match error["type"]:
        case "said":
            says = Text(context["en"], context["zh"])
        case "extra_forbidden":
            known = _SECTIONS.get(section, Text._fields)
            says = Text("unknown key. {hint}", "未知的键。{hint}").format(hint=nearest(str(place[-1]), known))
        case "literal_error":
            says = Text("got {got}. {hint}", "得到 {got}。{hint}").format(
                got=_short(error["input"]), hint=_nearest_literal(str(error["input"]), section)
            )
        case type_:
            says = _SAYS.get(type_, _SAYS["other"]).format(
                **{"got": _short(error["input"]), "message": error["msg"], **context}
            )
    return Text("{where}: {says}", "{where}：{says}").format(where=_where(place, actions), says=says)


def _nearest_literal(got: str, section: tuple[str, ...]) -> Text:
    return nearest(got, ("churn", "overdue", "spend", "win_back") if section[-1] == "effect" else CHANNELS)


def _where(place: tuple[int | str, ...], actions: list[Any]) -> str:
    """The place of a fault; an action is called by its id where it has one."""
    match place:
        case ("actions", int(number), *rest):
            action = actions[number]
            id_ = action.get("id") if isinstance(action, dict) else None
            return ".".join([f"action '{id_}'" if isinstance(id_, str) else f"actions[{number + 1}]", *map(str, rest)])
        case _:
            return ".".join(map(str, place)) or "actions"


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "…"

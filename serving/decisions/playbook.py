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
from features.project import Project
from features.text import Text
from serving.decisions.credit_policy import CreditPolicy, DunningStep
from serving.decisions.fields import CHANNELS, OWN_FEATURES, Channel, Condition, Id, Share, Strict, Words, fault_of

BUILT_IN = files("serving.decisions") / "default_playbook.toml"
NO_ACTION = "no_action"
"""The action that every playbook has: do nothing, at no cost and for no profit."""

NO_ACTION_NAME = Text("No action", "无需行动")


def _not_reserved(id_: str) -> str:
    if id_ == NO_ACTION:
        raise fault_of(Text("every playbook has this action already", "每份行动手册都已包含此行动"))
    return id_


_NO_ACTIONS = Text("a playbook needs at least one [[actions]] entry", "行动手册至少需要一个 [[actions]]")

ActionId = Annotated[Id, AfterValidator(_not_reserved)]


class Effect(Strict):
    """What an action is believed to do. ``low`` and ``high`` hold 90 % of the belief, ``source`` says where it is from.

    kind "churn": the share of the churn probability that the action takes away (0.1: from 50 % to 45 %).
    kind "overdue": the share of the overdue balance that comes in within the churn horizon because of the action and
    would not have come in otherwise.
    """

    kind: Literal["churn", "overdue"]
    mean: Share
    low: Share
    high: Share
    source: Words

    @model_validator(mode="after")
    def _ordered(self) -> "Effect":
        if not self.low <= self.mean <= self.high:
            raise fault_of(
                Text(
                    "low, mean and high must rise; they are {low}, {mean} and {high}",
                    "low、mean、high 须依次递增；现为 {low}、{mean}、{high}",
                ).format(low=self.low, mean=self.mean, high=self.high)
            )
        return self


class Action(Strict):
    """Something that can be done about one customer.

    ``cost`` is the fixed cost of one contact, in currency units. ``cost_share_of_spend`` is a discount: the share of
    what the customer spends over the value horizon, also given to those who would have stayed anyway. ``eligible`` is
    an SQL condition (DuckDB dialect) over score and feature columns.
    """

    id: ActionId
    name: Words
    description: Words
    channel: Channel
    cost: float = Field(ge=0)
    cost_share_of_spend: float = Field(0.0, ge=0, lt=1)
    eligible: Condition
    effect: Effect

    @model_validator(mode="after")
    def _discount_goes_with_churn(self) -> "Action":
        if self.cost_share_of_spend and self.effect.kind == "overdue":
            raise fault_of(
                Text(
                    "cost_share_of_spend goes with an effect of kind 'churn'; use cost for overdue actions",
                    "cost_share_of_spend 只能与 kind = 'churn' 的效果同用；逾期类行动请用 cost",
                )
            )
        return self


class Playbook(Strict):
    """The actions, in the file's order; where two are expected to earn the same, the earlier one is recommended.

    ``credit`` says how debtors are answered; None: as the built-in playbook has it.
    """

    actions: tuple[Action, ...]
    credit: CreditPolicy | None = None

    @property
    def policy(self) -> CreditPolicy:
        """How debtors are answered."""
        return self.credit or built_in_policy()

    @model_validator(mode="after")
    def _different_ids(self) -> "Playbook":
        if not self.actions:
            raise fault_of(_NO_ACTIONS)
        ids = [a.id for a in self.actions]
        if twice := sorted({id_ for id_ in ids if ids.count(id_) > 1}):
            raise fault_of(
                Text("each id can be used once; repeated: {ids}", "每个 id 只能使用一次；重复的有：{ids}").format(
                    ids=", ".join(twice)
                )
            )
        return self


def load_playbook(project: Project) -> Playbook:
    """The project's own playbook, or the built-in one. Raises ProjectError: see `read_playbook`."""
    if project.playbook is None:
        return read_playbook(BUILT_IN)
    return read_playbook(project.root / project.playbook.path, project.features)


@cache
def built_in_policy() -> CreditPolicy:
    """The credit policy of the built-in playbook."""
    found = read_playbook(BUILT_IN).credit
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
            {**document, "actions": tuple(actions) if isinstance(raw, list) else raw, **_credit(document)},
            context={OWN_FEATURES: frozenset(own_features)},
        )
    except ValidationError as error:
        faults = [_sentence(e, actions) for e in error.errors()]
    raise ProjectError(
        Text("The playbook {file} needs a change:\n{faults}", "行动手册 {file} 需要修改：\n{faults}"),
        file=file,
        faults=Text("\n".join(f"  - {t.en}" for t in faults), "\n".join(f"  - {t.zh}" for t in faults)),
    )


def _credit(document: dict[str, Any]) -> dict[str, Any]:
    """The credit policy with its lists as tuples, which is what strict reading takes."""
    credit = document.get("credit")
    if not isinstance(credit, dict):
        return {}
    return {"credit": {name: tuple(value) if isinstance(value, list) else value for name, value in credit.items()}}


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
    ("credit",): tuple(CreditPolicy.model_fields),
    ("credit", "dunning"): tuple(DunningStep.model_fields),
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
    return nearest(got, ("churn", "overdue") if section[-1] == "effect" else CHANNELS)


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

"""The weights of a scorecard in the project file: given, by entropy, or by pairwise judgements."""

from collections.abc import Iterable
from itertools import combinations
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from features.errors import nearest
from features.project_faults import FindingError
from features.text import Text


class Strict(BaseModel):
    """Settings that are refused when they hold a key that nobody knows."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Judgement(Strict):
    """A pairwise judgement: ``more`` is ``by`` times as important as ``than``, on Saaty's scale from 1/9 to 9."""

    more: str
    than: str
    by: float = Field(ge=1 / 9 - 1e-3, le=9)


Weight = Annotated[float, Field(ge=0, le=1e6)]


class ScoreSettings(Strict):
    """How the criteria of a score are weighted: by ``criteria`` (without it as usual), by how well each one tells the
    scored apart (``entropy``), or by the pairwise ``judgements`` (``ahp``, the analytic hierarchy process).
    """

    KNOWN: ClassVar[tuple[str, ...]] = ()

    weights: Literal["project", "entropy", "ahp"] = "project"
    criteria: dict[str, Weight] = {}
    judgements: tuple[Judgement, ...] = ()

    @model_validator(mode="after")
    def _fits_together(self) -> "ScoreSettings":
        if self.criteria and self.weights != "project":
            raise FindingError(
                Text("criteria go with weights = 'project'", "criteria 只能与 weights = 'project' 一起使用")
            )
        if bool(self.judgements) != (self.weights == "ahp"):
            raise FindingError(
                Text("weights = 'ahp' and judgements go together", "weights = 'ahp' 与 judgements 必须同时给出")
            )
        _check_weights(self.criteria, self.KNOWN)
        _check_criteria((c for j in self.judgements for c in (j.more, j.than)), self.KNOWN)
        _check_pairs(self.judgements)
        return self


class ValueScoreSettings(ScoreSettings):
    """The weights of the customer value score. ``industries`` gives single industries weights of their own, which take
    the place of all others.
    """

    KNOWN: ClassVar[tuple[str, ...]] = (
        "volume",
        "margin",
        "growth",
        "loyalty",
        "payment",
        "stability",
        "service",
        "strategic",
    )

    industries: dict[str, dict[str, Weight]] = {}

    @model_validator(mode="after")
    def _known_in_industries(self) -> "ValueScoreSettings":
        for weights in self.industries.values():
            _check_weights(weights, self.KNOWN)
        return self


class SupplierScoreSettings(ScoreSettings):
    """The weights of the supplier score."""

    KNOWN: ClassVar[tuple[str, ...]] = ("quality", "price", "delivery", "flexibility", "variety")


def _check_weights(weights: dict[str, float], known: tuple[str, ...]) -> None:
    """Raises FindingError: an unknown criterion, or nothing weighs anything."""
    _check_criteria(weights, known)
    if weights and not any(weights.values()):
        raise FindingError(Text("at least one weight must be above 0", "至少一个权重必须大于 0"))


def _check_criteria(names: Iterable[str], known: tuple[str, ...]) -> None:
    """Raises FindingError: there is no such criterion."""
    for name in names:
        if name not in known:
            raise FindingError(
                Text("there is no criterion '{name}'. {hint}", "没有“{name}”这一指标。{hint}").format(
                    name=name, hint=nearest(name, known)
                )
            )


def _check_pairs(judgements: tuple[Judgement, ...]) -> None:
    """Raises FindingError: a pair is judged twice or never, or something is compared with itself."""
    pairs = [frozenset((j.more, j.than)) for j in judgements]
    for judgement, pair in zip(judgements, pairs, strict=True):
        if len(pair) == 1 or pairs.count(pair) > 1:
            raise FindingError(
                Text(
                    "the judgement of {more} and {than} stands twice, or compares something with itself",
                    "{more} 与 {than} 的比较重复，或是与自身比较",
                ).format(more=judgement.more, than=judgement.than)
            )
    names = sorted({name for pair in pairs for name in pair})
    missing = [f"{a} / {b}" for a, b in combinations(names, 2) if frozenset((a, b)) not in pairs]
    if missing:
        raise FindingError(
            Text(
                "every pair needs a judgement; missing: {missing}", "每两个指标之间都需要一个判断；缺少：{missing}"
            ).format(missing=", ".join(missing))
        )


class CostSettings(Strict):
    """What a customer costs besides its goods, in currency: a contact, a complaint, an invoice that is paid late.

    ``acquisition`` names the attribute of ``customers`` that says what it cost to win it.
    """

    contact: float = Field(0.0, ge=0, strict=True, allow_inf_nan=False)
    complaint: float = Field(0.0, ge=0, strict=True, allow_inf_nan=False)
    late_invoice: float = Field(0.0, ge=0, strict=True, allow_inf_nan=False)
    acquisition: str | None = Field(None, min_length=1)

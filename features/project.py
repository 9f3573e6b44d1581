"""The project file ``retinue.toml``, read strictly into typed settings.

An unknown key, table or column is refused with the nearest right name; nothing is guessed in silence.
"""

import tomllib
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from typing import Annotated, ClassVar, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from features.errors import ProjectError, nearest
from features.project_faults import FindingError, said_by_tables, sentence, table_faults
from features.text import LANGUAGES, Text

PROJECT_FILE = "retinue.toml"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class SqlColumn(_Strict):
    """A column computed by an SQL expression (DuckDB dialect) over the source's own columns."""

    sql: str = Field(min_length=1)


class FormattedColumn(_Strict):
    """A column whose text is read as told: times by a ``strptime`` format (``%d/%m/%Y``), numbers by their decimal sign."""

    column: str = Field(min_length=1)
    format: str | None = Field(None, min_length=1)
    decimal: Literal[".", ","] | None = None


ColumnSource = str | SqlColumn | FormattedColumn


class TableSource(_Strict):
    """Where a table's rows lie, and how the source's columns map to the contract's.

    ``decimal`` is the decimal sign of all its numbers that are written as text; None: each column's own values tell.
    """

    path: str | None = None
    database: str | None = None
    table: str | None = None
    query: str | None = None
    where: str | None = None
    decimal: Literal[".", ","] | None = None
    columns: dict[str, ColumnSource | list[str]]

    @model_validator(mode="after")
    def _one_place(self) -> "TableSource":
        if (self.path is None) == (self.database is None):
            raise FindingError(Text("give either path or database", "path 和 database 必须二选一"))
        if self.database is not None and (self.table is None) == (self.query is None):
            raise FindingError(
                Text("with database, give either table or query", "使用 database 时，table 和 query 必须二选一")
            )
        if self.path is not None and (self.table or self.query):
            raise FindingError(
                Text("table and query go with database, not with path", "table 和 query 只能与 database 一起使用")
            )
        return self


EngineName = Literal["duckdb", "spark"]


class ProjectSettings(_Strict):
    """Who the company is. Naive timestamps are read in ``timezone`` and whole days are counted in it.

    ``engine`` computes the features: DuckDB in this process, or Spark.
    """

    name: str = Field(min_length=1)
    currency: str = Field(pattern="^[A-Z]{3}$")
    timezone: str = "UTC"
    engine: EngineName = "duckdb"

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        if value not in available_timezones():
            raise FindingError(
                Text("this is no IANA time zone. {hint}", "不是 IANA 时区名称。{hint}").format(
                    hint=nearest(value, _COMMON_ZONES)
                )
            )
        return value


_COMMON_ZONES = (
    "UTC",
    "Asia/Shanghai",
    "Asia/Hong_Kong",
    "Asia/Tokyo",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Paris",
    "America/New_York",
    "America/Los_Angeles",
)


class ChurnBands(_Strict):
    """From which calibrated probability a risk is called medium or high."""

    medium: float = Field(0.3, gt=0, lt=1, strict=True)
    high: float = Field(0.6, gt=0, lt=1, strict=True)

    @model_validator(mode="after")
    def _ordered(self) -> "ChurnBands":
        if self.medium >= self.high:
            raise FindingError(Text("medium must be below high", "medium 必须小于 high"))
        return self


class ChurnSettings(_Strict):
    """What leaving means here, within the horizon: ``silence``, no purchase; ``decline``, spend below ``decline_share`` of
    the own habit (both asked of customers who bought recently); ``contract``, no running contract at its end; ``panel``,
    the label of a ready-made panel.
    """

    kind: Literal["silence", "contract", "decline", "panel"] = "silence"
    horizon_days: int = Field(90, ge=1, le=1095, strict=True)
    active_within_days: int = Field(180, ge=1, le=3650, strict=True)
    decline_share: float = Field(0.5, gt=0, lt=1, strict=True)
    bands: ChurnBands = ChurnBands()


class Judgement(_Strict):
    """A pairwise judgement: ``more`` is ``by`` times as important as ``than``, on Saaty's scale from 1/9 to 9."""

    more: str
    than: str
    by: float = Field(ge=1 / 9 - 1e-3, le=9)


Weight = Annotated[float, Field(ge=0, le=1e6)]


class ScoreSettings(_Strict):
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


class ValueSettings(_Strict):
    """How money at stake is counted: a customer's margin over the horizon, from the share of spend that is margin.

    ``contract_period_days`` is the time for which the price of a contract is paid, where there are no orders.
    ``total_spend`` names the attribute of ``customers`` that estimates what a customer spends in a year with all its suppliers.
    """

    horizon_days: int = Field(365, ge=1, le=3650, strict=True)
    margin_share: float = Field(0.3, gt=0, le=1, strict=True)
    contract_period_days: int = Field(30, ge=1, le=3650, strict=True)
    total_spend: str | None = Field(None, min_length=1)
    score: ValueScoreSettings = ValueScoreSettings()
    suppliers: SupplierScoreSettings = SupplierScoreSettings()


class PlaybookSettings(_Strict):
    """The file of retention actions, relative to the project file; without it the built-in playbook is used."""

    path: str


class Meaning(_Strict):
    """What a feature means, in both languages."""

    en: str = Field(min_length=1)
    zh: str = Field(min_length=1)


class OwnFeature(_Strict):
    """A feature of the project's own: an SQL aggregate over one table's rows as they were known at a cut-off.

    ``empty`` is its value for a customer without any row (without it: missing).
    """

    table: Literal[
        "orders", "customers", "invoices", "payments", "interactions", "subscriptions", "treatments", "financials"
    ]
    sql: str = Field(min_length=1)
    unit: str = Field(min_length=1)
    meaning: str | Meaning
    empty: float | None = None

    @property
    def text(self) -> Text:
        """The meaning in both languages; one that is given once stands for both."""
        if isinstance(self.meaning, Meaning):
            return Text(self.meaning.en, self.meaning.zh)
        return Text(self.meaning, self.meaning)


class Project(_Strict):
    """A whole project file. ``root`` is the folder that it lies in; paths in it are relative to that folder."""

    root: Path
    project: ProjectSettings
    tables: dict[str, TableSource]
    churn: ChurnSettings = ChurnSettings()
    value: ValueSettings = ValueSettings()
    features: dict[Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,62}$")], OwnFeature] = {}
    playbook: PlaybookSettings | None = None

    @property
    def timezone(self) -> ZoneInfo:
        """The project's own calendar."""
        return ZoneInfo(self.project.timezone)

    @property
    def workspace(self) -> Path:
        """Where Retinue keeps what it makes for this project: models, runs, scores."""
        return self.root / ".retinue"


def load_project(path: Path) -> Project:
    """Read and check a project file.

    Parameters: ``path`` is the file or the folder that holds ``retinue.toml``.
    Raises ProjectError: the file is missing, is not TOML, or says something that cannot be; all faults at once.
    """
    file = path / PROJECT_FILE if path.is_dir() else path
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ProjectError(
            Text(
                "There is no project file at {file}. Make one with 'retinue init DIR' or name it with --project.",
                "在 {file} 找不到项目文件。请用“retinue init DIR”创建，或用 --project 指定。",
            ),
            file=file,
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise ProjectError(
            Text("{file} cannot be read as TOML: {fault}.", "无法将 {file} 读作 TOML：{fault}。"),
            file=file,
            fault=fault,
        ) from None
    faults = table_faults(document)
    if "root" in document:
        faults.append(Text("root: unknown key.", "root：未知的键。"))
    try:
        project = Project.model_validate({**document, "root": file.resolve().parent})
    except ValidationError as error:
        faults += [sentence(e, _keys) for e in error.errors() if not said_by_tables(e)]
    if faults:
        raise ProjectError(
            Text("{file} needs a change:\n{faults}", "{file} 需要修改：\n{faults}"),
            file=file,
            faults=Text(*("\n".join(f"  - {t.of(lang)}" for t in faults) for lang in LANGUAGES)),
        )
    return project


_SECTIONS: dict[tuple[str, ...], type[BaseModel]] = {
    (): Project,
    ("project",): ProjectSettings,
    ("churn",): ChurnSettings,
    ("churn", "bands"): ChurnBands,
    ("value",): ValueSettings,
    ("value", "score"): ValueScoreSettings,
    ("value", "suppliers"): SupplierScoreSettings,
    ("playbook",): PlaybookSettings,
}


def _keys(section: tuple[str, ...]) -> set[str]:
    """The keys that a section of the file may have."""
    other = OwnFeature if section[:1] == ("features",) else Judgement if "judgements" in section else TableSource
    return set(_SECTIONS.get(section, other).model_fields) - {"root"}

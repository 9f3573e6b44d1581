"""The project file ``retinue.toml``, read strictly into typed settings.

An unknown key, table or column is refused with the nearest right name; nothing is guessed in silence.
"""

import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from features.errors import ProjectError, nearest
from features.operation_settings import OperationSettings
from features.project_faults import FindingError, said_by_tables, sentence, table_faults
from features.score_settings import CostSettings, Judgement, Strict, SupplierScoreSettings, ValueScoreSettings
from features.serve_settings import OidcSettings, ServeSection
from features.text import LANGUAGES, Text

PROJECT_FILE = "retinue.toml"


_Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class SqlColumn(Strict):
    """A column computed by an SQL expression (DuckDB dialect) over the source's own columns."""

    sql: str = Field(min_length=1)


class FormattedColumn(Strict):
    """A column whose text is read as told: times by a ``strptime`` format (``%d/%m/%Y``), numbers by their decimal sign."""

    column: str = Field(min_length=1)
    format: str | None = Field(None, min_length=1)
    decimal: Literal[".", ","] | None = None


ColumnSource = str | SqlColumn | FormattedColumn


class TableSource(Strict):
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


class ProjectSettings(Strict):
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


class ChurnBands(Strict):
    """From which calibrated probability a risk is called medium or high."""

    medium: float = Field(0.3, gt=0, lt=1, strict=True)
    high: float = Field(0.6, gt=0, lt=1, strict=True)

    @model_validator(mode="after")
    def _ordered(self) -> "ChurnBands":
        if self.medium >= self.high:
            raise FindingError(Text("medium must be below high", "medium 必须小于 high"))
        return self


class ChurnSettings(Strict):
    """What leaving means here, within the horizon: ``silence``, no purchase; ``decline``, spend below ``decline_share`` of
    the own habit (both asked of customers who bought recently); ``contract``, no running contract at its end; ``panel``,
    the label of a ready-made panel.
    """

    kind: Literal["silence", "contract", "decline", "panel"] = "silence"
    horizon_days: int = Field(90, ge=1, le=1095, strict=True)
    active_within_days: int = Field(180, ge=1, le=3650, strict=True)
    decline_share: float = Field(0.5, gt=0, lt=1, strict=True)
    bands: ChurnBands = ChurnBands()


class ValueSettings(Strict):
    """How money at stake is counted: a customer's margin over the horizon, from the share of spend that is margin.

    Lifetime value is discounted by ``discount_per_year``: at 0.1, what comes in a year is worth 1 / 1.1 of it now.
    ``contract_period_days`` is the time for which the price of a contract is paid, where there are no orders.
    ``total_spend`` names the attribute of ``customers`` that estimates what a customer spends in a year with all its suppliers.
    """

    horizon_days: int = Field(365, ge=1, le=3650, strict=True)
    margin_share: float = Field(0.3, gt=0, le=1, strict=True)
    discount_per_year: float = Field(0.1, ge=0, le=1, strict=True)
    contract_period_days: int = Field(30, ge=1, le=3650, strict=True)
    total_spend: str | None = Field(None, min_length=1)
    costs: CostSettings = CostSettings()
    score: ValueScoreSettings = ValueScoreSettings()
    suppliers: SupplierScoreSettings = SupplierScoreSettings()


class CreditSettings(Strict):
    """What makes a customer a bad debtor: an invoice more than ``overdue_days`` overdue within the horizon.

    ``class_rates`` are the probabilities of that from which on a customer is of class B, C, D and E.
    """

    horizon_days: int = Field(90, ge=1, le=1095, strict=True)
    overdue_days: int = Field(30, ge=0, le=365, strict=True)
    class_rates: tuple[_Number, _Number, _Number, _Number] | None = None

    @field_validator("class_rates")
    @classmethod
    def _rising_rates(cls, rates: tuple[float, float, float, float] | None) -> tuple[float, float, float, float] | None:
        if rates is not None and not (_rising(rates) and rates[0] > 0 and rates[-1] < 1):
            raise FindingError(
                Text("expected four rising probabilities between 0 and 1", "应为四个介于 0 与 1 之间的递增概率")
            )
        return rates


class Meaning(Strict):
    """What a feature means, in both languages."""

    en: str = Field(min_length=1)
    zh: str = Field(min_length=1)


class SegmentSettings(Strict):
    """Where the scores of the RFM segments begin: ``levels`` of equal size, or fixed cuts, one fewer than levels.

    A value above a cut is one level further: days of silence (``recency_days``), days with a purchase (``purchase_days``)
    and ``spend`` of the last 365 days.
    """

    cuts: Literal["quantile", "fixed"] = "quantile"
    levels: int = Field(5, ge=2, le=9, strict=True)
    recency_days: tuple[_Number, ...] | None = None
    purchase_days: tuple[_Number, ...] | None = None
    spend: tuple[_Number, ...] | None = None

    @model_validator(mode="after")
    def _all_or_none(self) -> "SegmentSettings":
        given = {name: getattr(self, name) for name in ("recency_days", "purchase_days", "spend")}
        if self.cuts == "quantile":
            if wrong := [name for name, cuts in given.items() if cuts is not None]:
                raise FindingError(
                    Text('{name} goes with cuts = "fixed"', '{name} 只能与 cuts = "fixed" 一起使用').format(
                        name=wrong[0]
                    )
                )
            return self
        for name, cuts in given.items():
            if cuts is None or len(cuts) != self.levels - 1 or not _rising(cuts):
                raise FindingError(
                    Text(
                        'with cuts = "fixed", {name} needs {count} rising numbers, one fewer than levels',
                        '使用 cuts = "fixed" 时，{name} 须为 {count} 个递增的数，比 levels 少一个',
                    ).format(name=name, count=self.levels - 1)
                )
        return self


class TierSettings(Strict):
    """How customers are graded into four tiers: by which score, from which score on, and how far it must pass that.

    ``shares`` of the customers with a score above 0, best first, fill the three upper tiers at the beginning of each year,
    unless ``thresholds`` give the scores that they begin at. A tier changes when the score is beyond ``band_share`` of the
    threshold above or below it. ``names`` are the project's own words, best first.
    """

    by: Literal["spend", "margin", "value_score"] = "spend"
    names: tuple[str | Meaning, ...] | None = None
    shares: tuple[_Number, ...] = (0.05, 0.15, 0.4)
    thresholds: tuple[_Number, ...] | None = None
    band_share: float = Field(0.1, ge=0, lt=1, strict=True)
    year_begins_month: int = Field(1, ge=1, le=12, strict=True)

    @field_validator("names")
    @classmethod
    def _four_names(cls, names: tuple[str | Meaning, ...] | None) -> tuple[str | Meaning, ...] | None:
        said = [(n, n) if isinstance(n, str) else (n.en, n.zh) for n in names or ()]
        if names is not None and (len(said) != 4 or any(len(set(words)) != 4 for words in zip(*said, strict=True))):
            raise FindingError(Text("expected four different names, best first", "应为四个不同的名称，由高到低"))
        return names

    @field_validator("shares")
    @classmethod
    def _three_shares(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if len(shares) != 3 or min(shares) <= 0 or sum(shares) > 1:
            raise FindingError(
                Text(
                    "expected three shares of the customers above 0, best tier first, together at most 1",
                    "应为三个大于 0 的客户占比，由高到低，合计不超过 1",
                )
            )
        return shares

    @field_validator("thresholds")
    @classmethod
    def _three_thresholds(cls, thresholds: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if thresholds is not None and (len(thresholds) != 3 or not _rising(thresholds[::-1])):
            raise FindingError(Text("expected three falling scores, best tier first", "应为三个递减的分值，由高到低"))
        return thresholds


def _rising(numbers: tuple[float, ...]) -> bool:
    return all(low < high for low, high in pairwise(numbers))


class EventSettings(Strict):
    """That events are taken in real time. ``in_files``: the company's own files will hold them, too, so that of the log
    only what was received since the last run's ``as_of`` counts; otherwise the log is a source of facts for ever.
    """

    in_files: bool = Field(strict=True)


BusinessName = Literal["trade", "retail", "contract"]


class PlaybookSettings(Strict):
    """The file of retention actions, relative to the project file, or which of the built-in playbooks is used.

    Without either, what the project has tells which built-in one fits.
    """

    path: str | None = None
    built_in: BusinessName | None = None

    @model_validator(mode="after")
    def _one_playbook(self) -> "PlaybookSettings":
        if (self.path is None) == (self.built_in is None):
            raise FindingError(Text("give either path or built_in", "path 和 built_in 必须二选一"))
        return self


class StoreSettings(Strict):
    """The PostgreSQL database that keeps what is served and logged; without it a SQLite file in the workspace does."""

    url: str | None = Field(None, min_length=1)


class OwnFeature(Strict):
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


class Project(Strict):
    """A whole project file. ``root`` is the folder that it lies in; paths in it are relative to that folder."""

    root: Path
    project: ProjectSettings
    tables: dict[str, TableSource]
    churn: ChurnSettings = ChurnSettings()
    value: ValueSettings = ValueSettings()
    segments: SegmentSettings = SegmentSettings()
    tiers: TierSettings = TierSettings()
    credit: CreditSettings = CreditSettings()
    features: dict[Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,62}$")], OwnFeature] = Field(default_factory=dict)
    playbook: PlaybookSettings | None = None
    store: StoreSettings = StoreSettings()
    operation: OperationSettings = OperationSettings()
    serve: ServeSection = ServeSection()
    events: EventSettings | None = None

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
    ("value", "costs"): CostSettings,
    ("value", "score"): ValueScoreSettings,
    ("value", "suppliers"): SupplierScoreSettings,
    ("segments",): SegmentSettings,
    ("tiers",): TierSettings,
    ("credit",): CreditSettings,
    ("playbook",): PlaybookSettings,
    ("operation",): OperationSettings,
    ("serve",): ServeSection,
    ("serve", "oidc"): OidcSettings,
    ("events",): EventSettings,
}


def _keys(section: tuple[str, ...]) -> set[str]:
    """The keys that a section of the file may have."""
    other = OwnFeature if section[:1] == ("features",) else Judgement if "judgements" in section else TableSource
    return set(_SECTIONS.get(section, other).model_fields) - {"root"}

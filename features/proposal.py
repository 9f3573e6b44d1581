"""Propose a project file for a folder of files, with every guess explained.

A table is recognised by the names of its columns (features.synonyms) and by what they hold (features.profiling). What
is proposed is a beginning: the reader is asked to look at each guess.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from features.contracts import STARTING_TABLES, TABLES
from features.errors import FactsError, ProjectError
from features.fields import contract_columns
from features.guesses import TableGuess, best_tables, in_quotes
from features.profiling import SourceProfile, profile_folder
from features.text import Language, Text

CHINESE = re.compile("[一-鿿]")


@dataclass(frozen=True)
class Proposal:
    """A proposed project file: ``toml(language)`` is its text, ``explanations`` say what was guessed and why."""

    name: str
    currency: str
    timezone: str
    tables: tuple[TableGuess, ...]
    unused: tuple[Text, ...]
    sees_currency: bool = False

    @property
    def explanations(self) -> tuple[Text, ...]:
        """Every guess with its reason, table by table."""
        settings = _TOLD_SETTINGS if self.sees_currency else _SETTINGS
        found = [settings.format(currency=self.currency, timezone=self.timezone)]
        for guess in self.tables:
            found.append(guess.why)
            for column in guess.guesses:
                found.append(
                    Text("{table}.{column} = {source}: {why}", "{table}.{column} = {source}：{why}").format(
                        table=guess.table.name, column=column.column, source=column.toml, why=column.why
                    )
                )
            if guess.where_why:
                found.append(guess.where_why)
        return (*found, *self.unused)

    def toml(self, language: Language) -> str:
        """The project file, with a comment for each guess."""
        parts = [
            _comment(_TITLE, language),
            "",
            "[project]",
            f"name = {in_quotes(self.name)}",
            _line("currency", in_quotes(self.currency), _TOLD_CURRENCY if self.sees_currency else _CURRENCY, language),
            _line("timezone", in_quotes(self.timezone), _TIMEZONE, language),
        ]
        for guess in self.tables:
            parts += ["", *_table_lines(guess, language)]
        parts += self._churn(language)
        return "\n".join([*parts, *(_comment(text, language) for text in self.unused)]) + "\n"

    def _churn(self, language: Language) -> list[str]:
        """The section that says what leaving is, by the tables that are there."""
        given = {guess.table.name: {g.column for g in guess.guesses} for guess in self.tables}
        if "orders" in given:
            return [
                "",
                f"[churn]  {_comment(_CHURN, language)}",
                'kind = "silence"',
                _line("horizon_days", "90", _HORIZON, language),
                _line("active_within_days", "180", _ACTIVE, language),
            ]
        if "ended_at" in given.get("subscriptions", ()):
            horizon = _line("horizon_days", "90", _NOTICE, language)
            return ["", f"[churn]  {_comment(_CONTRACT, language)}", 'kind = "contract"', horizon]
        if "label" in given.get("panel", ()):
            horizon = _line("horizon_days", "90", _LABEL_HORIZON, language)
            return ["", f"[churn]  {_comment(_PANEL, language)}", 'kind = "panel"', horizon]
        return []


def propose(folder: Path) -> Proposal:
    """Look at the CSV and Parquet files in a folder and one level below, and propose a project file.

    Raises ProjectError: there are none, or none that a project can start from.
    """
    if not folder.is_dir():
        raise ProjectError(Text("There is no folder {folder}.", "找不到文件夹 {folder}。"), folder=folder)
    sources, broken = profile_folder(folder)
    if not sources and not broken:
        raise ProjectError(
            Text(
                "{folder} holds no CSV or Parquet files, nor do the folders in it. Put exports of your orders there "
                "(one row per purchase), or write retinue.toml by hand for a database.",
                "{folder} 及其下一级文件夹中没有 CSV 或 Parquet 文件。请将订单导出文件（每笔购买一行）放入其中；"
                "若数据在数据库中，请手工编写 retinue.toml。",
            ),
            folder=folder,
        )
    tables = best_tables(sources)
    if not any(name in tables for name in STARTING_TABLES):
        raise _nothing_to_start_from(folder, sources, broken)
    used = {guess.source.path for guess in tables.values()}
    unused = [
        _UNUSED.format(path=s.path, columns=", ".join(c.name for c in s.columns)) for s in sources if s.path not in used
    ]
    unused += [_BROKEN.format(file=file.name, fault=fault.text) for file, fault in broken]
    is_chinese = any(CHINESE.search(c.name) for guess in tables.values() for c in guess.source.columns)
    currency = _currency_of(list(tables.values()))
    return Proposal(
        name=folder.resolve().name or "Company",
        currency=currency or ("CNY" if is_chinese else "EUR"),
        timezone="Asia/Shanghai" if is_chinese else "UTC",
        tables=tuple(tables[name] for name in TABLES if name in tables),
        unused=tuple(unused),
        sees_currency=currency is not None,
    )


def _currency_of(tables: Sequence[TableGuess]) -> str | None:
    """The currency whose sign stands beside the amounts of most columns; None where there is none."""
    used = [(guess.source.column(name)).finding.notation for guess in tables for g in guess.guesses for name in g.names]
    signs = [notation.currency for notation in used if notation and notation.currency]
    return max(sorted(set(signs)), key=signs.count, default=None)


def _table_lines(guess: TableGuess, language: Language) -> list[str]:
    lines = [_comment(guess.why, language), f"[tables.{guess.table.name}]", f"path = {in_quotes(guess.source.path)}"]
    if guess.where and guess.where_why:
        lines.append(_line("where", in_quotes(guess.where), guess.where_why, language))
    lines += ["", f"[tables.{guess.table.name}.columns]"]
    lines += [_line(g.column, g.toml, g.why, language) for g in guess.guesses]
    if guess.unused:
        said = _ATTRIBUTES if guess.table.any_attribute and not guess.table.key else _NOT_USED
        lines.append(_comment(said.format(columns=", ".join(guess.unused)), language))
    open_columns = [c.name for c in contract_columns(guess.table) if c.name not in {g.column for g in guess.guesses}]
    lines.append(_comment(_COULD_BE.format(columns=", ".join(open_columns)), language))
    return lines


def _line(key: str, value: str, why: Text, language: Language) -> str:
    return f"{key} = {value}  {_comment(why, language)}"


def _comment(text: Text, language: Language) -> str:
    return "# " + "".join(sign if sign.isprintable() else " " for sign in text.of(language))


def _nothing_to_start_from(
    folder: Path, sources: Sequence[SourceProfile], broken: Sequence[tuple[Path, FactsError]]
) -> ProjectError:
    seen = [_SEEN.format(path=s.path, columns=", ".join(c.name for c in s.columns)) for s in sources]
    seen += [_BROKEN.format(file=file.name, fault=fault.text) for file, fault in broken]
    return ProjectError(
        Text(
            "No file in {folder} looks like orders (a customer, a date and an amount in each row), invoices, subscriptions "
            "or a panel with a label:\n{seen}\nName the columns so, or write retinue.toml by hand.",
            "{folder} 中没有文件像订单（每行有客户、日期和金额）、发票、合同或带标签的快照：\n{seen}\n"
            "请按此命名各列，或手工编写 retinue.toml。",
        ),
        folder=folder,
        seen=Text("\n".join(t.en for t in seen), "\n".join(t.zh for t in seen)),
    )


_TITLE = Text(
    "Proposed by 'retinue init'. Each comment says why; look at every line, then run 'retinue check'.",
    "由“retinue init”生成。注释说明了每项猜测的理由；请逐行核对，然后运行“retinue check”。",
)
_SETTINGS = Text(
    "currency {currency} and timezone {timezone} are assumed; nothing in the files says so",
    "货币 {currency} 和时区 {timezone} 为假设，文件中没有依据",
)
_TOLD_SETTINGS = Text(
    "currency {currency} is taken from the signs beside the amounts; timezone {timezone} is assumed",
    "货币 {currency} 取自金额旁的符号；时区 {timezone} 为假设",
)
_TOLD_CURRENCY = Text("by the signs beside the amounts", "根据金额旁的符号")
_CURRENCY = Text("assumed: please set", "假设，请核对")
_TIMEZONE = Text("assumed: times without an offset are read in it", "假设，请核对：不带时区偏移的时间按此读取")
_CHURN = Text("who has left: no purchase within the horizon", "何谓流失：预测期内没有购买")
_CONTRACT = Text("who has left: no contract runs when the horizon ends", "何谓流失：预测期结束时没有生效的合同")
_PANEL = Text("who has left: as the panel's label says", "何谓流失：以快照的标签为准")
_NOTICE = Text("assumed: how far ahead somebody can still act", "假设：仍来得及采取行动的提前天数")
_LABEL_HORIZON = Text("assumed: please set the days that the label looks ahead", "假设：请填写标签所看的天数")
_HORIZON = Text(
    "assumed: about two or three usual gaps between purchases are good", "假设：约为平常购买间隔的两三倍为宜"
)
_ACTIVE = Text("only who bought so recently counts as a customer to lose", "近期购买过的客户才谈得上流失")
_NOT_USED = Text("columns of the source that are not used: {columns}", "数据源中未使用的列：{columns}")
_ATTRIBUTES = Text(
    "all other columns are attributes to learn from; leave out those that were filled in after a customer had left:"
    " attributes = [...] lists the ones to keep of {columns}",
    "其余各列均作为学习用的属性；请去掉在客户流失之后才填写的列：用 attributes = [...] 列出要保留的，现有 {columns}",
)
_COULD_BE = Text("could be given as well: {columns}", "还可以提供：{columns}")
_UNUSED = Text("{path} is not used; its columns are {columns}", "未使用 {path}；其列为 {columns}")
_SEEN = Text("  {path}: {columns}", "  {path}：{columns}")
_BROKEN = Text("{file} is not used: {fault}", "未使用 {file}：{fault}")

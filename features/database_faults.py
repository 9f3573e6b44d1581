"""What is said when a database cannot be read; never with its password."""

import re
from collections.abc import Iterable

import sqlalchemy as sa

from features.errors import FactsError, nearest
from features.project import TableSource
from features.text import Text

MOST_NAMES = 50
"""So many tables are listed when none has a name like the one asked for."""

_UNKNOWN = re.compile(r'relation "([^"]+)" does not exist|no such table: (\S+)|Table with name (\S+) does not exist')


def display_name(url: str) -> str:
    """The database's address without its password."""
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except sa.exc.ArgumentError:
        return url.split("@")[-1]


def unreachable(url: str, fault: object) -> FactsError:
    """The error for a database that cannot be opened."""
    return FactsError(
        Text(
            "The database {url} cannot be opened: {fault}. Check its address, that it runs, and your rights.",
            "无法打开数据库 {url}：{fault}。请检查地址、数据库是否在运行，以及访问权限。",
        ),
        url=display_name(url),
        fault=_first_line(fault),
    )


def refused(source: TableSource, fault: object, tables: Iterable[str] = ()) -> FactsError:
    """The error for a table or query that the database does not give; ``tables`` are those it has, to suggest one."""
    return FactsError(
        Text(
            "The database {url} refuses to give {what}: {fault}. {hint}Check 'table' or 'query' in the project file.",
            "数据库 {url} 无法提供 {what}：{fault}。{hint}请检查项目文件中的 table 或 query。",
        ),
        url=display_name(str(source.database)),
        what=source.table or source.query,
        fault=_first_line(fault),
        hint=_hint(source, str(fault), sorted(tables)),
    )


def _hint(source: TableSource, fault: str, tables: list[str]) -> Text:
    unknown = _UNKNOWN.search(fault)
    if unknown is None or not tables:
        return Text("", "")
    wanted = source.table or next(name for name in unknown.groups() if name)
    hint = nearest(wanted, tables if len(tables) <= MOST_NAMES else tables[:MOST_NAMES])
    return Text("{hint} ", "{hint}").format(hint=hint)


def _first_line(fault: object) -> str:
    return str(fault).strip().split("\n")[0].rstrip(".")

"""What is said when the store's database or disk fails: what happened, that nothing was changed, and what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import disk_usage
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoFreeConnection

from features.errors import StorageError
from features.text import Text
from serving.store.places import Place, shown

_LEAST_FREE_BYTES = 2**20

_EXPLANATIONS = {
    "locked": Text(
        "The store {place} is in use by another run of Retinue ({fault}); nothing was changed. "
        "Wait until it ends and try again.",
        "存储 {place} 正被另一个 Retinue 进程使用（{fault}）；未作任何更改。请等它结束后重试。",
    ),
    "full": Text(
        "The disk that holds the store {place} is full ({fault}); nothing was changed. Free some space and try again.",
        "存储 {place} 所在磁盘已满（{fault}）；未作任何更改。请释放空间后重试。",
    ),
    "not a store": Text(
        "The file {place} is not a Retinue store ({fault}). Move it away; 'retinue score' makes a new one.",
        "文件 {place} 不是 Retinue 的存储（{fault}）。请将它移走，“retinue score”会重新创建。",
    ),
    "damaged": Text(
        "The store {place} is damaged ({fault}); nothing was changed. Move it away, then bring a backup back with"
        " 'retinue restore', or let 'retinue score' make a new one.",
        "存储 {place} 已损坏（{fault}）；未作任何更改。请将它移走，再用“retinue restore”恢复备份，或由“retinue score”重新创建。",
    ),
    "down": Text(
        "The store {place} cannot be reached ({fault}); nothing was changed. Check that the database runs, its address and"
        " its password; a service that runs goes on by itself once it is back.",
        "无法连接存储 {place}（{fault}）；未作任何更改。请检查数据库是否运行、地址与密码；恢复后运行中的服务会自动继续。",
    ),
    "refused": Text(
        "The store {place} refused the work ({fault}); nothing was changed. Check that its user may create tables and write.",
        "存储 {place} 拒绝了操作（{fault}）；未作任何更改。请检查其用户是否有建表和写入权限。",
    ),
    "unusable": Text(
        "The store {place} cannot be used ({fault}); nothing was changed. "
        "Check that the folder exists and can be written.",
        "无法使用存储 {place}（{fault}）；未作任何更改。请检查该文件夹是否存在并可写。",
    ),
}

# PostgreSQL's codes of errors, or their first two letters (a class of them).
_KINDS = {"55P03": "locked", "53100": "full", "57": "down", "08": "down", "53": "down"}


@contextmanager
def storage_faults(place: Place) -> Iterator[None]:
    """Turn faults of the database or the file system into a StorageError that says what to do."""
    try:
        yield
    except DBAPIError as fault:
        said = _first_line(fault.orig)
        kind = _of_file(said, place) if isinstance(place, Path) else _of_server(fault.orig)
        raise StorageError(_EXPLANATIONS[kind], place=shown(place), fault=said) from fault
    except NoFreeConnection as fault:
        raise StorageError(_EXPLANATIONS["locked"], place=shown(place), fault=_first_line(fault)) from fault
    except OSError as fault:
        raise StorageError(_EXPLANATIONS["unusable"], place=shown(place), fault=fault) from fault


def _of_file(said: str, path: Path) -> str:
    if "disk I/O error" in said and _is_full(path):
        return "full"
    for words, kind in (
        ("locked", "locked"),
        ("full", "full"),
        ("not a database", "not a store"),
        ("malformed", "damaged"),
    ):
        if words in said:
            return kind
    return "unusable"


def _of_server(fault: Any) -> str:
    code = getattr(fault, "sqlstate", None)
    if code is None:  # no word from the server: it could not be asked
        return "down"
    return _KINDS.get(code, _KINDS.get(code[:2], "refused"))


def _is_full(path: Path) -> bool:
    """Whether the disk has no room for SQLite's own files: it then speaks of an I/O error."""
    try:
        return disk_usage(path.parent).free < _LEAST_FREE_BYTES
    except OSError:
        return False


def _first_line(fault: object) -> str:
    return next(iter(str(fault).splitlines()), type(fault).__name__)

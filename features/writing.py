"""Writing files so that a reader sees the old or the new one, never half of one, and a full disk harms nothing."""

import errno
import fcntl
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from features.errors import FullDiskError, StorageError
from features.text import Text

MEGABYTE = 1_000_000


@contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """A temporary path beside ``target`` that takes its place when the block ends well and is removed otherwise.

    Raises StorageError: the disk is full or the place cannot be written.
    """
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(target)
        descriptor, name = tempfile.mkstemp(prefix=_prefix(target), dir=target.parent)
        os.close(descriptor)
        temporary = Path(name)
        try:
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.chmod(0o644)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """A folder beside ``target`` that takes its name when the block ends well and is removed otherwise.

    Raises StorageError: ``target`` exists and is not empty, the disk is full, or the place cannot be written.
    """
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise StorageError(
            Text(
                "{target} exists already and is not empty; name another folder, or remove it first.",
                "{target} 已存在且不为空；请换一个文件夹，或先将其删除。",
            ),
            target=target,
        )
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(target)
        temporary = Path(tempfile.mkdtemp(prefix=_prefix(target), dir=target.parent))
        try:
            yield temporary
            temporary.chmod(0o755)
            temporary.replace(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def nameless_file(target: Path) -> Iterator[Path]:
    """A new file beside ``target``, gone at the end unless it was renamed; those that killed processes have left are removed.

    Raises StorageError.
    """
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(target)
        descriptor, name = tempfile.mkstemp(prefix=_prefix(target), dir=target.parent)
        os.close(descriptor)
        try:
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)


def nameless_folder(target: Path) -> Path:
    """A new folder beside ``target``, to be renamed to it; those that killed processes have left are removed.

    Raises StorageError.
    """
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(target)
        return Path(tempfile.mkdtemp(prefix=_prefix(target), dir=target.parent))


def _prefix(target: Path) -> str:
    """How the temporary names of this process begin; they carry its number, so that others can tell if it still runs."""
    return f".{target.name}.{os.getpid()}."


def _remove_abandoned(target: Path) -> None:
    """Remove what processes that were killed have left beside ``target``."""
    for path in target.parent.glob(f".{glob.escape(target.name)}.*"):
        owner = path.name.removeprefix(f".{target.name}.").partition(".")[0]
        if owner.isdigit() and not _runs(int(owner)):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def storage_errors(place: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write into a StorageError that says what to do."""
    try:
        yield
    except OSError as fault:
        if fault.errno == errno.ENOSPC:
            raise full_disk(place) from fault
        if fault.errno in (errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST):
            raise StorageError(
                Text(
                    "{place} cannot be written: {fault}. Choose another place or change its permissions.",
                    "无法写入 {place}：{fault}。请选择其他位置或修改其权限。",
                ),
                place=place,
                fault=fault.strerror,
            ) from fault
        raise


def has_locked(file: TextIO) -> bool:
    """Lock a file if no other process has; whoever dies, even by a kill, lets go of it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def full_disk(place: Path) -> FullDiskError:
    """The error for a disk that is full."""
    return FullDiskError(
        Text(
            "The disk that holds {place} is full; nothing was changed. Free some space and run the command again.",
            "{place} 所在磁盘已满；未做任何更改。请释放空间后重新运行该命令。",
        ),
        place=place,
    )


def require_space(place: Path, megabytes: int) -> None:
    """Raise StorageError when the disk has less than this much free, before work that would be lost begins."""
    existing = next(p for p in (place, *place.absolute().parents) if p.exists())
    free = shutil.disk_usage(existing).free // MEGABYTE
    if free < megabytes:
        raise StorageError(
            Text(
                "The disk that holds {place} has {free} MB free and this needs about {need} MB; nothing was changed."
                " Free some space and run the command again.",
                "{place} 所在磁盘剩余 {free} MB，而本操作约需 {need} MB；未做任何更改。请释放空间后重新运行该命令。",
            ),
            place=place,
            free=free,
            need=megabytes,
        )

"""What a scoring has finished, kept in the workspace until it is published: one that was killed goes on from there.

The folder's name tells everything that decides the outcome, so that what lies in it is what would be computed again.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from features.errors import FullDiskError
from features.event_facts import known_events
from features.project import Project
from features.raw_tables import matching_files
from features.sources import Facts
from features.writing import atomic_file, has_locked, nameless_folder, storage_errors
from serving.decisions.playbook import Playbook
from training.run_marks import CODE_PACKAGES, code_version

SETTINGS = "settings"
"""Under which a run's notes have the `settings_key` that it was made with."""
FOLDER = "scoring"
"""In the workspace: what the scoring that runs, or the last one that was broken off, has finished."""
_LOCK = "scoring.lock"
_NEXT = "next"
Files = list[tuple[str, int, int]]
"""Path, size in bytes, and time of change in ns."""
_COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4")


class KeptWork:
    """Finished parts of a scoring by name, each in a file or a folder of its own that is whole or not there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.before = frozenset(file.stem for file in folder.iterdir())

    def table(self, name: str, compute: Callable[[], pa.Table]) -> pa.Table:
        """What was kept under ``name``, else what is computed now, which is kept. Raises StorageError."""
        file = self.folder / f"{name}.arrow"
        if file.exists():
            with pa.OSFile(str(file)) as source:
                return pa.ipc.open_file(source).read_all()
        computed = compute()
        with (
            atomic_file(file) as temporary,
            pa.OSFile(str(temporary), "wb") as sink,
            pa.ipc.new_file(sink, computed.schema, options=_COMPRESSED) as writer,
        ):
            writer.write_table(computed)
        return computed

    def frame(self, name: str, compute: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """The same of a frame; its index is kept."""
        computed: list[pd.DataFrame] = []  # beside it a second one, made of the table, would need much memory

        def table() -> pa.Table:
            computed.append(compute())
            return pa.Table.from_pandas(computed[0])

        found = self.table(name, table)
        return computed[0] if computed else found.to_pandas()

    def values(self, name: str, compute: Callable[[], Mapping[str, Any] | None]) -> dict[str, Any] | None:
        """The same of some values by name, as JSON has them; None is kept, too."""
        file = self.folder / f"{name}.json"
        if not file.exists():
            computed = compute()
            with atomic_file(file) as temporary:
                temporary.write_text(json.dumps(computed), encoding="utf-8")
        found: dict[str, Any] | None = json.loads(file.read_text(encoding="utf-8"))
        return found


@contextmanager
def kept_work(workspace: Path, key: str | None) -> Iterator[KeptWork]:
    """What was kept of the work ``key``, to go on with; at the end it is removed, after a failure or a kill it stays.

    What another key has kept is removed. Without a key, and beside another process that is at work, nothing is kept.
    A full disk gets its room back. Raises StorageError.
    """
    place = workspace / FOLDER
    with storage_errors(place):
        place.mkdir(parents=True, exist_ok=True)
        lock = (workspace / _LOCK).open("w")
    with lock:
        is_ours = key is not None and has_locked(lock)
        folder = place / key if is_ours and key is not None else nameless_folder(place / _NEXT)
        if is_ours:
            for other in set(place.glob("[!.]*")) - {folder}:
                shutil.rmtree(other, ignore_errors=True)
            folder.mkdir(exist_ok=True)
        stays = False
        try:
            yield KeptWork(folder)
        except BaseException as fault:
            stays = is_ours and not isinstance(fault, FullDiskError)
            raise
        finally:
            if not stays:
                shutil.rmtree(folder, ignore_errors=True)


def settings_key(project: Project, playbook: Playbook) -> str:
    """A name for what a project and its playbook want, and for what Retinue makes of it."""
    told = [code_version((*CODE_PACKAGES, "serving")), project.model_dump_json(exclude={"root"}), playbook]
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def work_key(facts: Facts, files: Files | None, as_of: datetime, *decisive: object) -> str | None:
    """A name for the scoring of ``facts``, read from ``files`` (`files_of`), as of an instant by ``decisive`` models, versions and
    beliefs, each told by its repr. None where a source does not tell whether it is still the same.
    """
    if files is None:
        return None
    events = known_events(facts.connection, facts.project, as_of)
    told = [as_of.astimezone(UTC).isoformat(), files, events, *decisive]
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def files_of(project: Project) -> Files | None:
    """The files of all tables as they are now; None where one is read from a database.

    To be asked before the facts are read: what was made of a file that changed meanwhile must not pass for the new one's.
    Raises FactsError, ProjectError: a file is missing, or is none of facts.
    """
    found: Files = []
    for name, source in project.tables.items():
        if source.path is None:
            return None
        for file in matching_files(project.root, source.path, name):
            told = file.stat()
            found.append((str(file), told.st_size, told.st_mtime_ns))
    return found

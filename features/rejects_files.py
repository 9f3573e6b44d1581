"""Files with the rows that were set aside, for the people who can put them right: table, file, line, value, reason."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from features.errors import StorageError
from features.project import Project
from features.rejections import Rejection, each_rejection
from features.sources import Facts
from features.writing import atomic_file, storage_errors

COLUMNS = ("table", "file", "line", "column", "value", "reason", "原因")


@dataclass(frozen=True)
class SetAside:
    """How many rows of a project's sources were set aside, and whether they could be written to ``folder``."""

    rows: int
    folder: Path
    is_written: bool


def keep_set_aside(facts: Facts) -> SetAside | None:
    """Write what was set aside to the project's own folder; None where nothing was.

    That the folder cannot be written is told, not raised: the work with the other rows need not fail for it.
    """
    folder = rejects_folder(facts.project)
    rows = sum(reading.set_aside for reading in facts.readings.values())
    try:
        write_rejects(facts, folder)
    except StorageError:
        return SetAside(rows, folder, False) if rows else None
    return SetAside(rows, folder, True) if rows else None


def rejects_folder(project: Project) -> Path:
    """Where the rejects files of a project lie, one for each table."""
    return project.workspace / "rejects"


def write_rejects(facts: Facts, folder: Path) -> dict[str, Path]:
    """Write what was set aside to FOLDER/TABLE.csv, and remove the files of tables of which nothing was.

    Gives the file of each table that has one. Each appears whole or not at all; a value stands in it as in the source.
    """
    files = {name: folder / f"{name}.csv" for name in facts.readings}
    for name, file in files.items():
        if facts.readings[name].set_aside:
            write_rejects_file(facts, [name], file)
        else:
            with storage_errors(file):
                file.unlink(missing_ok=True)
    return {name: file for name, file in files.items() if facts.readings[name].set_aside}


def write_rejects_file(facts: Facts, tables: Iterable[str], file: Path) -> int:
    """Write what was set aside of these tables to one file; gives the number of rows."""
    rows = 0
    with atomic_file(file) as temporary, temporary.open("w", encoding="utf-8-sig", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(COLUMNS)
        for rejection in _rejections(facts, tables):
            writer.writerow(_row(rejection))
            rows += 1
    return rows


def _rejections(facts: Facts, tables: Iterable[str]) -> Iterator[Rejection]:
    for name in tables:
        yield from each_rejection(facts.connection, facts.readings[name])


def _row(rejection: Rejection) -> tuple[str | int, ...]:
    r = rejection
    return r.table, r.file, r.line, r.column, r.value, r.reason.en, r.reason.zh

"""CSV files: their header and delimiter, the SQL that reads them as text, and the line on which a row stands.

Every field is read as text, so that an id keeps its leading zeros and a bad value can be shown as it was written.
"""

import csv
import gzip
import io
from codecs import BOM_UTF8
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, cast

from features.errors import FactsError
from features.readers import literal, quoted
from features.text import Text

DELIMITERS = (",", ";", "\t", "|")
BLANK_LINES = (b"\n", b"\r\n", b"")
ERRORS, SCANS = "csv_errors", "csv_scans"
SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz")


@dataclass(frozen=True)
class CsvFile:
    """One CSV file with its delimiter and the names in its header, made unique.

    ``has_bare_returns``: its lines end as old Macintosh programs end them.
    """

    path: Path
    delimiter: str
    header: tuple[str, ...]
    has_bare_returns: bool = False


def is_csv(path: Path) -> bool:
    """Whether the file's name says that it is CSV."""
    return path.name.lower().endswith(SUFFIXES)


def open_csv(path: Path) -> CsvFile:
    """Read the header; the delimiter is the one of comma, semicolon, tab and bar that gives the most fields."""
    try:
        with open_text(path) as file:
            lines = list(islice(file, 50))
    except (OSError, EOFError) as fault:
        raise FactsError(
            Text("{file} cannot be read: {fault}.", "无法读取 {file}：{fault}。"), file=path, fault=fault
        ) from None
    if not any(line.strip() for line in lines):
        raise FactsError(
            Text(
                "{file} is empty; a CSV file begins with a line of column names.",
                "{file} 是空文件；CSV 文件的第一行应为列名。",
            ),
            file=path,
        )
    headers = {d: next(r for r in csv.reader(lines, delimiter=d) if r) for d in DELIMITERS}
    delimiter = max(DELIMITERS, key=lambda d: len(headers[d]))
    header = _unique(headers[delimiter])
    if any("\udc80" <= sign <= "\udcff" for sign in "".join(header)):
        raise _not_utf8(path)
    return CsvFile(path, delimiter, header, has_bare_returns=lines[0].endswith("\r"))


def select_text(files: Sequence[CsvFile], names: Mapping[str, str], first: int) -> str:
    """SQL that gives ``#file``, counted from ``first``, and columns as VARCHAR under their ``names``.

    The files must share one header and delimiter; a column that is not in the header is NULL. Lines that are no proper
    CSV go to the tables ERRORS and SCANS.
    """
    header = files[0].header
    columns = [
        f"{quoted(column) if column in header else 'CAST(NULL AS VARCHAR)'} AS {quoted(name)}"
        for column, name in names.items()
    ]
    number = f'CAST(file_index + {first} AS UINTEGER) AS "#file"'
    return f"SELECT {', '.join([number, *columns])} FROM {_read_csv(files)}"


def _read_csv(files: Sequence[CsvFile]) -> str:
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in files[0].header)
    return (
        f"read_csv([{', '.join(literal(str(f.path)) for f in files)}], auto_detect = false, header = true, "
        f"columns = {{{columns}}}, delim = {literal(files[0].delimiter)}, quote = '\"', escape = '\"', "
        f"rejects_table = '{ERRORS}', rejects_scan = '{SCANS}')"
    )


def select_malformed(files: Sequence[CsvFile], first: int) -> str:
    """SQL that gives each malformed record: its file, byte offset, number of lines, and what kind of fault it is."""
    numbers = ", ".join(f"({literal(str(f.path))}, {n})" for n, f in enumerate(files, start=first))
    return f"""
        SELECT n.number, e.line_byte_position,
            max(len(string_split(ltrim(e.csv_line, chr(10)), chr(10)))),
            max(CAST(e.error_type AS VARCHAR))
        FROM {ERRORS} e JOIN {SCANS} s USING (scan_id, file_id) JOIN (VALUES {numbers}) n(path, number)
            ON n.path = s.file_path
        GROUP BY ALL"""


def lines_of(
    file: CsvFile, rows: Collection[int], spans: Mapping[int, int], starts: Collection[int]
) -> tuple[dict[int, int], dict[int, tuple[int, str]]]:
    """The lines, counted from 1, on which rows and malformed records begin.

    Parameters: ``rows`` are the rows wanted, counted from 0 after the header without malformed ones; ``spans`` says for
    the byte offset of each malformed record how many lines it takes; ``starts`` are the offsets wanted.
    Gives ({row: line}, {offset: (line, its text)}).
    """
    found: dict[int, int] = {}
    malformed: dict[int, tuple[int, str]] = {}
    last_row, last_start = max(rows, default=-1), max(starts, default=-1)
    lines = _Lines(file)
    lines.skip_header()
    row = -1
    while (row < last_row or lines.offset < last_start) and (record := lines.next_line()):
        number, offset, text = record
        # DuckDB counts bytes from 1, and begins a line at the second half of the \r\n before it
        if offset + 1 in spans or offset in spans:
            start = offset + 1 if offset + 1 in spans else offset
            malformed[start] = (number, _decoded(text).rstrip("\r\n"))
            lines.skip(spans[start] - 1)
        elif text not in BLANK_LINES or len(file.header) == 1:  # an empty line is a row only where rows have one field
            row += 1
            if b'"' in text:
                lines.finish(text)
            if row in rows:
                found[row] = number
    return found, malformed


class _Lines:
    """The physical lines of a file, each with its number from 1 and its byte offset."""

    def __init__(self, file: CsvFile) -> None:
        self._file = file
        self._lines = self._read(file.path)
        self.offset = 0

    @staticmethod
    def _read(path: Path) -> Iterator[tuple[int, int, bytes]]:
        offset = 0
        with open_binary(path) as file:
            for number, text in enumerate(file, start=1):
                yield number, offset, text
                offset += len(text)

    def next_line(self) -> tuple[int, int, bytes] | None:
        line = next(self._lines, None)
        self.offset = line[1] if line else self.offset
        return line

    def skip_header(self) -> None:
        """Go past the header, however many lines it takes."""
        while line := self.next_line():
            if line[2].removeprefix(BOM_UTF8) not in BLANK_LINES:
                self.finish(line[2])
                return

    def finish(self, text: bytes) -> None:
        """Go past the further lines of a row whose first line is ``text``: those after quoted line ends."""
        rest = (_decoded(line[2]) for line in iter(self.next_line, None))
        next(csv.reader(chain([_decoded(text)], rest), delimiter=self._file.delimiter))

    def skip(self, count: int) -> None:
        for _ in range(count):
            self.next_line()


def _decoded(line: bytes) -> str:
    return line.removeprefix(BOM_UTF8).decode("utf-8", "replace")


def with_plain_line_ends(file: CsvFile, folder: Path) -> CsvFile:
    """A copy of a file in which all lines end in one newline; line numbers stay the same."""
    copy = folder / f"{abs(hash(file.path))}.csv"
    with (
        open_text(file.path, newline=None) as source,
        copy.open("w", encoding="utf-8", errors="surrogateescape", newline="\n") as target,
    ):
        target.writelines(source)
    return CsvFile(copy, file.delimiter, file.header)


def open_binary(path: Path) -> BinaryIO:
    """A plain or gzipped file as bytes."""
    return cast(BinaryIO, gzip.open(path, "rb")) if path.name.lower().endswith(".gz") else path.open("rb")


def open_text(path: Path, newline: str | None = "") -> io.TextIOWrapper:
    """A plain or gzipped file as text, by default with its line ends left as they are; bad bytes are kept as surrogates."""
    return io.TextIOWrapper(open_binary(path), encoding="utf-8-sig", errors="surrogateescape", newline=newline)


def _unique(header: Sequence[str]) -> tuple[str, ...]:
    """Names as DuckDB needs them: none empty, none twice when case is ignored."""
    names: list[str] = []
    taken: set[str] = set()
    for position, raw in enumerate(header, start=1):
        name = base = raw.strip().lstrip("\ufeff") or f"column{position}"
        copy = 1
        while name.lower() in taken:
            name, copy = f"{base}_{copy}", copy + 1
        taken.add(name.lower())
        names.append(name)
    return tuple(names)


def _not_utf8(path: Path) -> FactsError:
    return FactsError(
        Text(
            "{file} is not UTF-8 text. Save it as 'CSV UTF-8' (Excel offers it under Save as), or convert it, "
            "e.g. iconv -f GB18030 -t UTF-8 old.csv > new.csv.",
            "{file} 不是 UTF-8 文本。请另存为“CSV UTF-8”（Excel 的“另存为”中可选），或用命令转换，"
            "例如 iconv -f GB18030 -t UTF-8 old.csv > new.csv。",
        ),
        file=path,
    )

"""CSV files: their header and delimiter, the SQL that reads them as text, and the line on which a row stands.

Every field is read as text, so that an id keeps its leading zeros and a bad value can be shown as it was written.
"""

import csv
from codecs import BOM_UTF8
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

from features.encodings import Encoding, encoding_at_first_sight, encoding_of, open_binary, open_text, utf8_copy
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

    ``has_bare_returns``: its lines end as old Macintosh programs end them. DuckDB reads it only if ``is_readable``; else
    ``readable_copy`` gives one that it reads.
    """

    path: Path
    delimiter: str
    header: tuple[str, ...]
    has_bare_returns: bool = False
    encoding: Encoding = "utf-8"

    @property
    def is_readable(self) -> bool:
        """Whether it is UTF-8 with lines that end in a newline."""
        return self.encoding == "utf-8" and not self.has_bare_returns


def is_csv(path: Path) -> bool:
    """Whether the file's name says that it is CSV."""
    return path.name.lower().endswith(SUFFIXES)


def open_csv(path: Path) -> CsvFile:
    """Read the header; the delimiter is the one of comma, semicolon, tab and bar that gives the most fields."""
    try:
        encoding = encoding_at_first_sight(path)
        with open_text(path, encoding=encoding or "utf-8") as file:
            lines = list(islice(file, 50))
    except (OSError, EOFError, UnicodeDecodeError) as fault:
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
    header = unique_names(headers[delimiter])
    if any("\udc80" <= sign <= "\udcff" for sign in "".join(header)):
        raise _unknown_encoding(path)
    return CsvFile(path, delimiter, header, lines[0].endswith("\r"), encoding or "utf-8")


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


def readable_copy(file: CsvFile, folder: Path, plain_line_ends: bool = False) -> CsvFile:
    """A copy of a file in UTF-8, its line ends all one newline where they are bare returns or ``plain_line_ends`` asks.

    Line numbers stay the same. Raises FactsError: a text in it does not belong to its encoding.
    """
    copy = folder / f"{abs(hash(file.path))}.csv"
    change_ends = plain_line_ends or file.has_bare_returns
    try:
        utf8_copy(file.path, file.encoding, copy, newline=None if change_ends else "")
    except UnicodeDecodeError:
        raise _unknown_encoding(file.path) from None
    return CsvFile(copy, file.delimiter, file.header)


def looked_at_closely(file: CsvFile) -> CsvFile:
    """The same file, its encoding told from all of it, not from its beginning only."""
    return file if file.encoding != "utf-8" else replace(file, encoding=encoding_of(file.path) or "utf-8")


def unique_names(header: Sequence[str]) -> tuple[str, ...]:
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


def _unknown_encoding(path: Path) -> FactsError:
    return FactsError(
        Text(
            "{file} is not UTF-8 text, nor GB18030 (GBK, GB2312) or UTF-16. Save it as 'CSV UTF-8' (Excel offers it under "
            "Save as), or convert it, e.g. iconv -f WINDOWS-1252 -t UTF-8 old.csv > new.csv.",
            "{file} 不是 UTF-8 文本，也不是 GB18030（GBK、GB2312）或 UTF-16。请另存为“CSV UTF-8”（Excel 的“另存为”中可选），"
            "或用命令转换，例如 iconv -f BIG5 -t UTF-8 old.csv > new.csv。",
        ),
        file=path,
    )

"""How a text file is encoded: UTF-8, UTF-16 with its mark, or GB18030 (which holds GBK and GB2312); others are not guessed.

A file that is not UTF-8 is read from a UTF-8 copy that has the same lines.
"""

import gzip
import io
import re
import shutil
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, cast

Encoding = Literal["utf-8", "utf-16", "gb18030"]

HEAD_BYTES = 65_536
CHUNK_BYTES = 1_000_000
_ASCII = re.compile("[\\x00-\\x7f]+")
COMMON_SHARE = 0.6
"""From this share of everyday characters on, bytes are Chinese: accented and Cyrillic letters read as Chinese give rare ones."""
LAST_COMMON = 0xD7
"""GB2312 holds signs and everyday characters in the rows up to this first byte, the rarer characters above it."""
UTF8_SHARE = 0.2
"""With more lines of proper UTF-8 than this for each other one, a file is UTF-8 with broken lines."""


def open_binary(path: Path) -> BinaryIO:
    """A plain or gzipped file as bytes."""
    return cast(BinaryIO, gzip.open(path, "rb")) if path.name.lower().endswith(".gz") else path.open("rb")


def open_text(path: Path, newline: str | None = "", encoding: Encoding = "utf-8") -> io.TextIOWrapper:
    """A plain or gzipped file as text, by default with its line ends left as they are.

    Bad bytes of UTF-8 are kept as surrogates; those of other encodings raise UnicodeDecodeError.
    """
    if encoding == "utf-8":
        return io.TextIOWrapper(open_binary(path), encoding="utf-8-sig", errors="surrogateescape", newline=newline)
    return io.TextIOWrapper(open_binary(path), encoding=encoding, newline=newline)


def encoding_at_first_sight(path: Path) -> Encoding | None:
    """The encoding that a file's beginning shows; only where that is not UTF-8, the whole file is looked at."""
    with open_binary(path) as file:
        head = file.read(HEAD_BYTES)
    complete = head if len(head) < HEAD_BYTES else head[: head.rfind(b"\n") + 1]
    return "utf-8" if _is_utf8(complete) else encoding_of(path)


def encoding_of(path: Path) -> Encoding | None:
    """The encoding of a whole file, read line by line; None if it is neither of those known.

    A file that is UTF-8 but for a few lines counts as UTF-8.
    """
    with open_binary(path) as file:
        if file.read(2) in (BOM_UTF16_LE, BOM_UTF16_BE):
            return "utf-16"
        file.seek(0)
        found = _look_at(file)
    if found.other == 0 or found.utf8 > UTF8_SHARE * found.other:
        return "utf-8"
    return "gb18030" if found.is_gb18030 and found.common >= COMMON_SHARE * found.characters else None


def utf8_copy(path: Path, encoding: Encoding, target: Path, newline: str | None = "") -> None:
    """Write a file as UTF-8, line by line the same; ``newline=None`` makes all lines end in one newline."""
    with (
        open_text(path, newline, encoding) as source,
        target.open("w", encoding="utf-8", errors="surrogateescape", newline="\n" if newline is None else "") as copy,
    ):
        shutil.copyfileobj(source, copy, HEAD_BYTES)


@dataclass
class _Lines:
    """What the lines with other than ASCII signs are: proper UTF-8 or not; and the Chinese characters of the latter."""

    utf8: int = 0
    other: int = 0
    is_gb18030: bool = True
    characters: int = 0
    common: int = 0


def _look_at(file: BinaryIO) -> _Lines:
    found = _Lines()
    while lines := file.readlines(CHUNK_BYTES):
        others = [line for line in lines if not line.isascii() and not _is_utf8(line)]
        found.utf8 += sum(not line.isascii() for line in lines) - len(others)
        found.other += len(others)
        try:
            signs = _ASCII.sub("", b"".join(others).decode("gb18030"))
        except UnicodeDecodeError:
            found.is_gb18030 = False
            continue
        found.characters += len(signs)
        first_bytes = signs.encode("gb2312", "ignore")[::2]
        found.common += len(first_bytes) - len(first_bytes.translate(None, bytes(range(LAST_COMMON + 1))))
    return found


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True

"""What somebody could leave in the place of a model's file so that reading it runs code of theirs."""

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class _Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.marker), "w")


def pickled(marker: Path, protocol: int = 4) -> bytes:
    """A pickle that makes ``marker`` when it is read as one; protocol 0 is plain ASCII."""
    return pickle.dumps(_Touch(marker), protocol=protocol)


def payloads(marker: Path) -> dict[str, bytes]:
    """Contents by what they are, each of which makes ``marker`` when it is read as that."""
    call = f"open({str(marker)!r}, 'w').close()"
    return {
        "pickle": pickled(marker),
        "pickle in ASCII": pickled(marker, protocol=0),
        "Python": f"{call}\n".encode(),
        "YAML": f'!!python/object/apply:builtins.open ["{marker}", "w"]\n'.encode(),
    }


@contextmanager
def in_its_place(file: Path, content: bytes) -> Iterator[None]:
    """A file with another content while the block runs."""
    before = file.read_bytes()
    file.write_bytes(content)
    try:
        yield
    finally:
        file.write_bytes(before)

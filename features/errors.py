"""Everything that can go wrong for a user. Each error says what was got, what was expected and what to do next.

Core code raises these; the command line turns them into an exit code and the API into a problem document.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from features.text import Text


class RetinueError(Exception):
    """Base of all errors that are meant for a user's eyes. ``str()`` gives English, ``text`` both languages."""

    def __init__(self, text: Text, **values: Any) -> None:
        self.text = text.format(**values) if values else text
        super().__init__(self.text.en)


class ProjectError(RetinueError):
    """The project file or the playbook is missing, unreadable or says something that cannot be."""


class FactsError(RetinueError):
    """The company's data cannot be read, or do not hold what the contract asks for."""


class AsOfError(RetinueError):
    """A point in time lies where the data cannot answer for it."""


class NotEnoughDataError(RetinueError):
    """The data are sound but do not suffice for what was asked."""


class ModelError(RetinueError):
    """A model is missing, or what was stored does not match what is asked of it."""


class EngineError(RetinueError):
    """The engine that the project chose is not installed, cannot start, or cannot compute what was asked."""


class StorageError(RetinueError):
    """Something could not be written; nothing was changed."""


class FullDiskError(StorageError):
    """The disk is full; nothing was changed."""


class NotFoundError(RetinueError):
    """The thing asked for is not there."""


def nearest(word: str, words: Iterable[str]) -> Text:
    """A clause that suggests the closest of ``words``, or lists them when none is close."""
    known = sorted(words)
    close = get_close_matches(word.lower(), [k.lower() for k in known], n=1, cutoff=0.6)
    if close:
        right = next(k for k in known if k.lower() == close[0])
        return Text("Did you mean '{right}'?", "您是否想写“{right}”？").format(right=right)
    return Text("It can be one of: {known}.", "可选的有：{known}。").format(known=", ".join(known) or "–")

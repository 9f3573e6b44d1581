"""How long work tells what it is doing, without knowing who listens."""

from collections.abc import Callable

from features.text import Text

Progress = Callable[[Text, float], None]
"""Called with what is being done now and the share of the whole that is already done (0 to 1)."""


def silent(step: Text, done: float) -> None:
    """A listener that does not care."""


def part_of(progress: Progress, begin: float, end: float) -> Progress:
    """A listener for a part of the work, which takes its share done for that from ``begin`` to ``end`` of the whole."""

    def part(step: Text, done: float) -> None:
        progress(step, begin + (end - begin) * done)

    return part

"""The parts that a card is made of, in both languages; `html` and `markdown` write the same ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from features.text import Text
from training.evaluation.bootstrap import Estimate

MISSING = "–"


@dataclass(frozen=True)
class Paragraph:
    """A sentence or more."""

    text: Text
    kind: str = "paragraph"


@dataclass(frozen=True)
class Bullets:
    """Sentences one below the other."""

    items: Sequence[Text]
    kind: str = "bullets"


@dataclass(frozen=True)
class Tile:
    """One number that matters, what it is, and what to hold it against."""

    value: Text
    label: Text
    note: Text


@dataclass(frozen=True)
class Tiles:
    """The numbers of the first screen."""

    tiles: Sequence[Tile]
    kind: str = "tiles"


@dataclass(frozen=True)
class Table:
    """Rows of texts below a head; all columns but the first ``words`` hold numbers. ``strong``: rows that stand out."""

    head: Sequence[Text]
    rows: Sequence[Sequence[Text]]
    words: int = 1
    strong: frozenset[int] = frozenset()
    kind: str = "table"


@dataclass(frozen=True)
class Picture:
    """A picture by its name, with what it shows."""

    name: str
    shows: Text
    kind: str = "picture"


Block = Paragraph | Bullets | Tiles | Table | Picture


@dataclass(frozen=True)
class Section:
    """A part of the card with its title."""

    title: Text
    blocks: Sequence[Block]


def same(said: object) -> Text:
    """What is written alike in both languages: a number, a date, a name."""
    return Text(*(str(said), str(said)))


def number(value: float, decimals: int = 0) -> str:
    """A number with thousands separated and a true minus.

    >>> number(-1234.5, 1)
    '−1,234.5'
    """
    if value != value:
        return MISSING
    said = f"{value:,.{decimals}f}"
    return said.lstrip("-") if not float(said.replace(",", "")) else said.replace("-", "−")


def percent(share: float, decimals: int = 1) -> str:
    """A share of 1 in per cent.

    >>> percent(0.213)
    '21.3%'
    """
    return MISSING if share != share else f"{number(share * 100, decimals)}%"


def points(gap: float) -> str:
    """A difference of two shares in percentage points, with its sign.

    >>> points(0.021)
    '+2.1'
    """
    said = number(gap * 100, 1)
    return said if said[0] in "−–" or float(said) == 0 else f"+{said}"


def share(estimate: Estimate | None) -> Text:
    """A share in per cent with its interval."""
    return _interval(estimate, percent)


def decimal(estimate: Estimate | None) -> Text:
    """A number of three digits behind the point with its interval."""
    return _interval(estimate, lambda value: number(value, 3))


def amount(estimate: Estimate | None) -> Text:
    """Whole currency units with their interval."""
    return _interval(estimate, number)


def gap(estimate: Estimate | None) -> Text:
    """Percentage points with their interval."""
    return _interval(estimate, points)


def _interval(estimate: Estimate | None, write: Callable[[float], str]) -> Text:
    if estimate is None or not estimate.known:
        return same(MISSING)
    if not estimate.bounded:
        return same(write(estimate.value))
    value, low, high = (write(number) for number in (estimate.value, estimate.low, estimate.high))
    # no line ends within the brackets, and no dash stands beside a minus
    if low[0].isdigit() and high[0].isdigit():
        return same(f"{value} ({low}–\u2060{high})")
    return Text(f"{value} ({low}\u00a0to\u00a0{high})", f"{value} ({low}\u00a0至\u00a0{high})")

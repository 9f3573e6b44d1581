"""How numbers, money and dates are written on a page."""

from datetime import datetime
from math import ceil
from zoneinfo import ZoneInfo

from features.text import Language, Text
from serving.pages.texts import METRICS, PAGE
from serving.schemas import PublishedRun

STALE_AFTER_DAYS = 7
"""Scores older than this are marked as old, in days."""

MISSING = "–"


def number(value: float | None) -> str:
    """A whole number with thousands separated.

    >>> number(18250.4)
    '18,250'
    """
    return MISSING if value is None else f"{_nearest(value):,}".replace("-", "−")


def _nearest(value: float) -> int:
    """The nearest whole number; halves go away from zero, as people round money."""
    return int(value + 0.5) if value >= 0 else -int(-value + 0.5)


def money(value: float | None) -> str:
    """An amount without its currency, which stands beside it: whole above 100, with cents below.

    >>> money(25.5)
    '25.50'
    """
    if value is None or abs(value) >= 100 or value == int(value):
        return number(value)
    return f"{value:,.2f}".replace("-", "−")


def amount_of(value: float | None) -> str:
    """A number of things that need not be whole: with one decimal below ten.

    >>> amount_of(7.42)
    '7.4'
    """
    return MISSING if value is None else number(value) if value >= 9.95 else f"{value:.1f}"


def percent(share: float | None, decimals: int = 0) -> str:
    """A share of 1 in per cent; never rounded to a certainty that it is not.

    >>> percent(0.9999)
    '>99%'
    """
    if share is None:
        return MISSING
    if decimals == 0 and 0.995 <= share < 1:
        return ">99%"
    if decimals == 0 and 0 < share < 0.005:
        return "<1%"
    return f"{share * 100:.{decimals}f}%"


def interval(low: float, high: float) -> str:
    """A range of shares in per cent, as short as it can be written.

    >>> interval(0.47, 0.62)
    '47–62%'
    """
    ends = percent(low), percent(high)
    return f"{ends[0].removesuffix('%') if ends[0][0].isdigit() else ends[0]}–{ends[1]}"


def day(instant: datetime, zone: ZoneInfo, language: Language) -> str:
    """The date on the project's own calendar, with the time when it is not midnight."""
    local = instant.astimezone(zone)
    time = "" if (local.hour, local.minute) == (0, 0) else local.strftime(" %H:%M")
    if language == "zh":
        return f"{local.year}年{local.month}月{local.day}日{time}"
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}{time}"


_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def age(as_of: datetime, now: datetime) -> tuple[Text, bool]:
    """How old scores are, in words, and whether that is too old to act on."""
    days = max(0, (now - as_of).days)
    if days == 0:
        return PAGE["today"], False
    if days == 1:
        return PAGE["days_old_one"], False
    if days <= 730:
        return PAGE["days_old"].format(days=days), days > STALE_AFTER_DAYS
    return PAGE["years_old"].format(years=days / 365.25), True


def quality(run: PublishedRun) -> Text | None:
    """The model's measured quality in one line; None when the run says nothing about it."""
    known = [
        text.format(value=value) for name, text in METRICS.items() if (value := run.model_metrics.get(name)) is not None
    ]
    return Text(" · ".join(t.en for t in known), " · ".join(t.zh for t in known)) if known else None


def measured(value: float | None, unit: str, language: Language) -> str:
    """What a warning measures, with its unit.

    >>> measured(16.0, "days", "en")
    '16 days'
    """
    if value is None:
        return MISSING
    match unit:
        case "share":
            return percent(value)
        case "yearly_share":
            return "<0.1%" if value < 0.001 else percent(value, 1)
        case "points":
            return f"{value:+.1f}".replace("-", "−")
        case "days":
            return Text("{n} days", "{n} 天").format(n=number(value)).of(language)
        case _:
            return number(value)


def bar_width(count: int, most: int) -> float:
    """The length of a bar in per cent of the longest; what exists is always visible."""
    return max(1, ceil(1000 * count / most) / 10) if count and most else 0

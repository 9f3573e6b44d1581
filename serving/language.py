"""Which language a reader wants."""

from typing import TypeGuard

from starlette.requests import Request

from features.text import LANGUAGES, Language

COOKIE = "retinue_language"


def language_of(request: Request) -> Language:
    """The language in the address (``?lang=``), else the one chosen before, else the browser's, else English."""
    for wanted in (request.query_params.get("lang"), request.cookies.get(COOKIE)):
        if is_language(wanted):
            return wanted
    return preferred(request.headers.get("accept-language", ""))


def is_language(wanted: str | None) -> TypeGuard[Language]:
    """Whether the service speaks it."""
    return wanted in LANGUAGES


def preferred(accept_language: str) -> Language:
    """The first language of an Accept-Language header, by its weights, that the service speaks; English if none.

    >>> preferred("fr, zh-CN;q=0.8, en;q=0.5")
    'zh'
    """
    return named(accept_language) or "en"


def named(accept_language: str) -> Language | None:
    """The same; None if it names no language that the service speaks."""
    ranked = sorted((_weighted(part) for part in accept_language.split(",")), key=lambda pair: -pair[0])
    for weight, tag in ranked:
        language = tag.split("-")[0]
        if weight > 0 and is_language(language):
            return language
    return None


def _weighted(part: str) -> tuple[float, str]:
    tag, _, parameters = part.partition(";")
    try:
        weight = float(parameters.strip().removeprefix("q=")) if parameters else 1.0
    except ValueError:
        weight = 0.0
    return weight, tag.strip().lower()

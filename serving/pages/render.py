"""Templates filled with what the store says, in the reader's language."""

from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from features.catalogue import BY_NAME
from features.ledger.names import BUCKETS
from features.text import Language, Text
from serving.alerts.kinds import COLOURS, LEVELS, RULES, trend_of
from serving.alerts.moves import MOVES, STATUSES, next_moves
from serving.decisions.payers import PAYERS
from serving.pages import formats
from serving.pages.alert_texts import ALERTS
from serving.pages.plan_texts import PLAN
from serving.pages.sign_in_texts import SIGN_IN
from serving.pages.texts import BANDS, NO_ACTION, PAGE, SORTS, SORTS_OF_MONEY, SORTS_OF_VALUE
from serving.score_schema import BilingualText
from training.life_cycle import STAGES
from training.models.population import MOVED
from training.models.rfm import SEGMENTS
from training.tiers import TIERS
from training.trajectory.states import STATES

_TEXTS = PAGE | ALERTS | PLAN | SIGN_IN
_FOLDER = Path(__file__).parent


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": formats.number,
        "money": formats.money,
        "percent": formats.percent,
        "amount_of": formats.amount_of,
        "as_path": lambda text: quote(text, safe=""),
    }
    environment.globals |= {
        "bar_width": formats.bar_width,
        "moved_above": MOVED,
        "address": address,
        "in_order": in_order,
        "interval": formats.interval,
        "segments": SEGMENTS,
        "bands": BANDS,
        "tiers": TIERS,
        "stages": STAGES,
        "trajectories": STATES,
        "buckets": BUCKETS,
        "payers": PAYERS,
        "sorts_of_value": SORTS_OF_VALUE,
    }
    environment.globals |= {
        "colours": COLOURS,
        "levels": LEVELS,
        "kinds": RULES,
        "statuses": STATUSES,
        "moves": MOVES,
        "next_moves": next_moves,
        "trend_of": trend_of,
        "measured": formats.measured,
    }
    environment.globals |= {"sorts": SORTS, "sorts_of_money": SORTS_OF_MONEY, "no_action": NO_ACTION}
    return environment


def render(template: str, language: Language, **values: Any) -> str:
    """The template as HTML. In it, ``say(name, …)`` is a text of the page and ``read(text)`` any bilingual text."""

    def say(name: str, **placeholders: Any) -> str:
        text = _TEXTS[name]
        return (text.format(**placeholders) if placeholders else text).of(language)

    def read(text: Text | BilingualText | None) -> str:
        return "" if text is None else str(getattr(text, language))

    def segment_name(segment: str | None) -> str:
        if segment is None:
            return formats.MISSING
        return SEGMENTS[segment].name.of(language) if segment in SEGMENTS else segment

    def feature_name(name: str) -> str:
        return BY_NAME[name].meaning.of(language) if name in BY_NAME else name

    named = {"say": say, "read": read, "segment_name": segment_name, "feature_name": feature_name}
    return _environment().get_template(template).render(language=language, **named, **values)


def in_order(by_segment: dict[str, int]) -> list[tuple[str, int]]:
    """Segments with their sizes, from the most to the least valuable; those without a known rank come last."""
    ranks = {segment: rank for rank, segment in enumerate(SEGMENTS)}
    return sorted(by_segment.items(), key=lambda item: ranks.get(item[0], len(ranks)))


def address(path: str, **parameters: str | None) -> str:
    """A path with those parameters that have a value."""
    given = {name: value for name, value in parameters.items() if value}
    return f"{path}?{urlencode(given)}" if given else path

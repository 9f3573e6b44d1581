"""A card as one HTML page that needs nothing else: styles and pictures are in it."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from features.text import Language, Text
from training.card.blocks import Block, Section


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("card.html.jinja")


def html(
    title: Text, head: Sequence[Block], parts: Sequence[Section], pictures: Mapping[str, bytes], language: Language
) -> str:
    """The page. ``pictures`` are PNG files by name; a picture that is not there is left out."""
    return _template().render(
        title=title,
        head=head,
        parts=parts,
        pictures={name: b64encode(data).decode() for name, data in pictures.items()},
        language=language,
        say=lambda text: text.of(language),
    )

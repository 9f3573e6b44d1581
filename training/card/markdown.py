"""A card as Markdown, with its pictures beside it as files."""

from collections.abc import Iterator, Sequence

from features.text import Language, Text
from training.card.blocks import Block, Bullets, Paragraph, Picture, Section, Table, Tiles

SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\`*_[]<>|#"} | {"\n": " "})


def markdown(
    title: Text, head: Sequence[Block], parts: Sequence[Section], pictures: dict[str, str], language: Language
) -> str:
    """The page. ``pictures`` gives the file of each picture by name; those without are left out."""
    lines = [f"# {_plain(title, language)}"]
    for block in head:
        lines += ["", *_block(block, pictures, language)]
    for part in parts:
        lines += ["", f"## {_plain(part.title, language)}"]
        for block in part.blocks:
            lines += ["", *_block(block, pictures, language)]
    return "\n".join(lines) + "\n"


def _block(block: Block, pictures: dict[str, str], language: Language) -> Iterator[str]:
    match block:
        case Paragraph():
            yield _plain(block.text, language)
        case Bullets():
            yield from (f"- {_plain(item, language)}" for item in block.items)
        case Tiles():
            for tile in block.tiles:
                yield (
                    f"- **{_plain(tile.value, language)}** {_plain(tile.label, language)} ({_plain(tile.note, language)})"
                )
        case Table():
            yield _row([_plain(cell, language) for cell in block.head])
            yield _row(["---" if i < block.words else "---:" for i in range(len(block.head))])
            for number, row in enumerate(block.rows):
                mark = "**" if number in block.strong else ""
                yield _row([f"{mark}{_plain(cell, language)}{mark}" for cell in row])
        case Picture() if block.name in pictures:
            yield f"![{_plain(block.shows, language)}]({pictures[block.name]})"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _plain(text: Text, language: Language) -> str:
    return text.of(language).translate(SPECIAL)

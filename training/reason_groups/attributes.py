"""What the attributes of a ready-made panel say: each under its own name, levels by their texts."""

from features.text import Text
from training.models.attributes import UNKNOWN, Attributes
from training.reason_groups.group import Group

_IS = Text("{name}: {value}.", "{name}：{value}。")


def attribute_groups(attributes: Attributes) -> tuple[Group, ...]:
    """A group for each attribute. Braces would be read as placeholders."""
    return tuple(_group(attributes, name) for name in attributes.names)


def _group(attributes: Attributes, name: str) -> Group:
    said = _plain(name)
    column = '"' + name.replace('"', '""') + '"'
    unknown = (f"{column} IS NULL OR isnan({column})", _IS.format(name=said, value=UNKNOWN))
    if name in attributes.levels:
        labels = attributes.levels[name].labels()
        known = [
            (f"{column} = {code}", _IS.format(name=said, value=_texts(label))) for code, label in enumerate(labels)
        ]
    elif ":" in name or "{" in name or "}" in name:  # no placeholder can hold such a name
        known = []
    else:
        known = [("TRUE", _IS.format(name=said, value=f"{{{column}:number}}"))]
    return Group(name, "own", (name,), Text(said, said), (unknown, *known))


def _texts(text: Text) -> Text:
    return Text(_plain(text.en), _plain(text.zh))


def _plain(words: str) -> str:
    return words.replace("{", "(").replace("}", ")")

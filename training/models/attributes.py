"""Ready-made attributes of customers as numbers that a model can learn from, and back into words.

A panel brings its own columns: amounts, texts such as "Month-to-month", yes and no. `Attributes` learns from one frame what
each column is, without looking at any outcome, and turns every later frame into the same float64 columns.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype

from features.errors import FactsError, NotEnoughDataError, nearest
from features.readers import MISSING_WORDS
from features.text import Text

Floats = NDArray[np.float64]

MOST_LEVELS = 30
"""The most frequent texts of a column are levels of their own; the others share one."""
LEAST_OF_LEVEL = 20
"""A text that fewer customers have tells too little of what becomes of them to be a level of its own."""
NUMBERS_SHARE = 0.99
"""A column of texts holds numbers when at least this share of what is known reads as one."""

OTHER = Text("another value", "其他取值")
UNKNOWN = Text("not known", "未知")

NOTHING_KNOWN = Text("it holds no value", "没有任何取值")
ALWAYS_THE_SAME = Text("it is the same for all customers", "所有客户取值相同")
NAMES_CUSTOMERS = Text("it is different for each customer, as an id is", "每位客户都不同，属于编号")
TOO_MANY_TEXTS = Text(
    "hardly any of its texts is shared by {least} customers", "几乎没有文本取值为 {least} 位客户所共有"
).format(least=LEAST_OF_LEVEL)
A_DATE = Text("it is a date; give the days since then instead", "这是日期；请改为提供距今天数")

_ID_WORDS = {"id", "uuid", "guid", "key", "no", "nr", "number", "index"}
_ID_ENDINGS = ("编号", "号码", "序号", "账号", "卡号")
_LEADING_ZERO = r"[+-]?0\d"
_WHOLE_WITH_POINT = r"^([+-]?\d+)\.0+$"


@dataclass(frozen=True)
class Levels:
    """The texts of a column in alphabetical order; a text's place is its code.

    ``has_other``: rarer texts share one further code, which is also that of texts never seen before.
    """

    texts: tuple[str, ...]
    has_other: bool

    @property
    def other(self) -> float:
        """The code of texts that are no level of their own; NaN when there is none."""
        return float(len(self.texts)) if self.has_other else np.nan

    def codes(self, texts: pd.Series) -> Floats:
        """Codes of trimmed texts, shape (rows,), NaN where missing."""
        place = pd.Index(self.texts, dtype=object).get_indexer(pd.Index(texts, dtype=object)).astype(np.float64)
        place[place < 0] = self.other
        place[texts.isna().to_numpy()] = np.nan
        return np.asarray(place, dtype=np.float64)

    def labels(self) -> tuple[Text, ...]:
        """What each code says, in the order of the codes."""
        return (*(Text(text, text) for text in self.texts), *([OTHER] if self.has_other else []))


@dataclass(frozen=True)
class Attributes:
    """What the columns of a panel are. ``names`` are those that a model learns from, in the order of the panel.

    ``levels`` belong to the columns of texts; all other names are numbers. ``left_out`` says of each column that no model
    should see why not.
    """

    names: tuple[str, ...]
    levels: Mapping[str, Levels]
    left_out: Mapping[str, Text]

    @classmethod
    def learn(cls, frame: pd.DataFrame) -> Self:
        """Learn from columns of numbers and texts (NaN or None where missing); the order of the rows does not matter.

        Raises NotEnoughDataError: no column is left that a model could learn from.
        """
        kinds = {str(name): _kind(str(name), frame[name]) for name in frame.columns}
        found = cls(
            names=tuple(name for name, kind in kinds.items() if not isinstance(kind, Text)),
            levels={name: kind for name, kind in kinds.items() if isinstance(kind, Levels)},
            left_out={name: kind for name, kind in kinds.items() if isinstance(kind, Text)},
        )
        if not found.names:
            raise NotEnoughDataError(
                Text(
                    "None of the {columns} attributes tells customers apart{first}. Give at least one column of numbers,"
                    " or of texts that several customers share.",
                    "{columns} 个属性均无法区分客户{first}。请至少提供一列数值，或一列由多位客户共有的文本。",
                ),
                columns=len(kinds),
                first=found._first_left_out(),
            )
        return found

    @property
    def categories(self) -> tuple[str, ...]:
        """The names whose encoded values are codes of levels, not amounts."""
        return tuple(name for name in self.names if name in self.levels)

    def encode(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The learnt columns as float64: amounts, and codes of levels; NaN where missing or not to be read.

        Raises FactsError: a column is missing.
        """
        absent = [name for name in self.names if name not in frame.columns]
        if absent:
            raise FactsError(
                Text(
                    "The panel has no column '{column}', which the model has learnt from. {hint} Give the same columns as in"
                    " training, or train again with 'retinue train'.",
                    "数据表缺少模型训练时使用的列“{column}”。{hint}请提供与训练时相同的列，或用“retinue train”重新训练。",
                ),
                column=absent[0],
                hint=nearest(absent[0], map(str, frame.columns)),
            )
        encoded = {name: self._encoded(name, frame[name]) for name in self.names}
        return pd.DataFrame(encoded, index=frame.index, columns=list(self.names), dtype=np.float64)

    def label(self, name: str, value: float) -> Text:
        """What an encoded value says: the level's text, or the number as people write it.

        Raises KeyError: there is no such attribute.
        """
        if name not in self.names:
            raise KeyError(name)
        if np.isnan(value):
            return UNKNOWN
        if name in self.levels:
            return self.levels[name].labels()[int(value)]
        said = _readable(value)
        return Text(said, said)

    def as_dict(self) -> dict[str, Any]:
        """What `from_dict` reads; plain JSON."""
        return {
            "names": list(self.names),
            "levels": {
                name: {"texts": list(levels.texts), "has_other": levels.has_other}
                for name, levels in self.levels.items()
            },
            "left_out": {name: list(why) for name, why in self.left_out.items()},
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Read what `as_dict` gave."""
        return cls(
            names=tuple(document["names"]),
            levels={
                name: Levels(tuple(levels["texts"]), bool(levels["has_other"]))
                for name, levels in document["levels"].items()
            },
            left_out={name: Text(*why) for name, why in document["left_out"].items()},
        )

    def _encoded(self, name: str, column: pd.Series) -> Floats:
        if name in self.levels:
            return self.levels[name].codes(texts_of(column))
        return _numbers(column)

    def _first_left_out(self) -> Text:
        if not self.left_out:
            return Text("", "")
        name, why = next(iter(self.left_out.items()))
        return Text(" ('{name}': {why})", "（“{name}”：{why}）").format(name=name, why=why)


def _kind(name: str, column: pd.Series) -> Levels | Text | None:
    """The levels of a column of texts, None for one of numbers, and for one to leave out the reason."""
    if is_datetime64_any_dtype(column):
        return A_DATE
    if _is_number(column):
        return _why_no_number(name, _numbers(column))
    texts = texts_of(column)
    if _reads_as_numbers(texts):
        return _why_no_number(name, _numbers(column))
    return _levels(texts)


def _is_number(column: pd.Series) -> bool:
    return is_numeric_dtype(column) and not is_bool_dtype(column)


def _why_no_number(name: str, values: Floats) -> Text | None:
    known = np.sort(values[~np.isnan(values)])
    if not len(known):
        return NOTHING_KNOWN
    if known[0] == known[-1] and len(values) - len(known) < LEAST_OF_LEVEL:
        return ALWAYS_THE_SAME
    return NAMES_CUSTOMERS if _is_id(name, known) else None


def _is_id(name: str, known: Floats) -> bool:
    """Whether ascending numbers name customers: all whole and different, and consecutive or called an id."""
    if len(known) < LEAST_OF_LEVEL or (known != np.floor(known)).any() or (np.diff(known) == 0).any():
        return False
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    called = bool(words) and words[-1].lower() in _ID_WORDS
    return called or name.endswith(_ID_ENDINGS) or bool(known[-1] - known[0] == len(known) - 1)


def _levels(texts: pd.Series) -> Levels | Text:
    counts = texts.value_counts()
    if counts.empty:
        return NOTHING_KNOWN
    missing = len(texts) - int(counts.sum())
    if len(counts) == 1 and missing < LEAST_OF_LEVEL:
        return ALWAYS_THE_SAME
    if len(counts) == counts.sum():
        return NAMES_CUSTOMERS
    by_size = sorted(counts[counts >= LEAST_OF_LEVEL].items(), key=lambda level: (-level[1], level[0]))
    if not by_size:
        return TOO_MANY_TEXTS
    kept = sorted(str(text) for text, _ in by_size[:MOST_LEVELS])
    return Levels(tuple(kept), has_other=len(kept) < len(counts))


def texts_of(column: pd.Series) -> pd.Series:
    """Trimmed texts of any column, None where missing; a whole number is written without its decimal point.

    Only the empty text is missing: words such as "none" may well be a level.
    """
    column = column.reset_index(drop=True)
    texts = column[column.notna()].astype(str).str.strip().str.replace(_WHOLE_WITH_POINT, r"\1", regex=True)
    known = texts[texts != ""].astype(object)
    return known.reindex(column.index).where(lambda text: text.notna(), None)


def _numbers(column: pd.Series) -> Floats:
    """Numbers of any column, NaN where missing, infinite or no number."""
    values = pd.to_numeric(column if _is_number(column) else texts_of(column), errors="coerce")
    plain = values.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isfinite(plain), plain, np.nan)


def _reads_as_numbers(texts: pd.Series) -> bool:
    """Whether known texts are numbers, rather than codes such as 007."""
    known = texts.dropna().astype(str)
    known = known[~known.str.lower().isin(MISSING_WORDS)]
    if known.empty or known.str.match(_LEADING_ZERO).any():
        return False
    return bool(pd.to_numeric(known, errors="coerce").notna().mean() >= NUMBERS_SHARE)


def _readable(value: float) -> str:
    if value == round(value):
        return f"{value:,.0f}"
    return f"{value:,.2f}" if abs(value) >= 0.1 else f"{value:.2g}"

"""What every evaluation starts from: the rows that models were judged on, what came true, and what each model said."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import ModelError
from features.text import Text

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Marks = NDArray[np.bool_]

REQUIRED = ("customer_id", "as_of", "churned", "value_at_stake")


@dataclass(frozen=True)
class Judged:
    """Rows that no model was fitted on, with their outcomes, and the probabilities of each model.

    ``rows`` has one row per customer and cut-off with ``customer_id``, ``as_of``, ``churned`` (0 or 1) and
    ``value_at_stake`` (currency; NaN: unknown); all other columns are attributes to group by. ``probabilities`` holds
    for each model an array of shape (rows,) in [0, 1]; ``chosen`` is the model that serves.
    Raises ModelError: a column is missing, there are no rows, or outcomes or probabilities are not what they must be.
    """

    rows: pd.DataFrame
    probabilities: Mapping[str, Floats]
    chosen: str

    def __post_init__(self) -> None:
        missing = [name for name in REQUIRED if name not in self.rows.columns]
        if missing or not len(self.rows):
            raise ModelError(
                Text(
                    "Rows to judge a model on need {required}; missing: {missing} (rows: {rows}). Add them.",
                    "评估模型的数据行需要 {required} 各列；缺少：{missing}（行数：{rows}）。请补充。",
                ),
                required=", ".join(REQUIRED),
                missing=", ".join(missing) or "–",
                rows=len(self.rows),
            )
        if not self.rows["churned"].isin((0, 1)).all():
            raise ModelError(
                Text(
                    "Outcomes to judge a model on must be 0 or 1; got also {other}. Leave out rows without outcome.",
                    "评估模型的结果必须为 0 或 1；却有 {other}。请去掉没有结果的行。",
                ),
                other=", ".join(map(str, self.rows.loc[~self.rows["churned"].isin((0, 1)), "churned"].unique()[:3])),
            )
        if self.chosen not in self.probabilities:
            raise ModelError(
                Text(
                    "The chosen model '{chosen}' has no probabilities; there are some of {known}.",
                    "所选模型“{chosen}”没有概率；现有 {known} 的概率。",
                ),
                chosen=self.chosen,
                known=", ".join(self.probabilities) or "–",
            )
        for name, values in self.probabilities.items():
            # NaN fails both comparisons
            if values.shape != (len(self.rows),) or not ((values >= 0) & (values <= 1)).all():
                raise ModelError(
                    Text(
                        "Model '{name}' must give one probability from 0 to 1 for each of the {rows} rows; got shape"
                        " {shape}, smallest {least}, largest {most}.",
                        "模型“{name}”须为 {rows} 行各给出一个 0 到 1 的概率；实际形状 {shape}，最小 {least}，最大 {most}。",
                    ),
                    name=name,
                    rows=len(self.rows),
                    shape=values.shape,
                    least=values.min() if values.size else "–",
                    most=values.max() if values.size else "–",
                )

    @cached_property
    def churned(self) -> Integers:
        """1 where the customer left, shape (rows,)."""
        return self.rows["churned"].to_numpy(dtype=np.int64)

    @cached_property
    def value(self) -> Floats:
        """Value at stake in currency, NaN where unknown, shape (rows,)."""
        return self.rows["value_at_stake"].to_numpy(dtype=np.float64, na_value=np.nan)

    @cached_property
    def customers(self) -> Integers:
        """Whose row each is, as numbers from 0 without gaps, shape (rows,)."""
        return np.asarray(pd.factorize(self.rows["customer_id"])[0], dtype=np.int64)

    @property
    def probability(self) -> Floats:
        """What the chosen model said, shape (rows,)."""
        return self.probabilities[self.chosen]

    @property
    def attributes(self) -> tuple[str, ...]:
        """The columns that rows can be grouped by."""
        return tuple(name for name in self.rows.columns if name not in REQUIRED)

    def where(self, kept: Marks) -> "Judged":
        """The same judgement of some of the rows."""
        return Judged(
            self.rows[kept].reset_index(drop=True),
            {name: values[kept] for name, values in self.probabilities.items()},
            self.chosen,
        )

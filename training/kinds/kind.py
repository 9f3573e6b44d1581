"""What a meaning of leaving is made of: who can be lost, what is looked at afterwards, and who has left by it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.project import ChurnSettings
from features.text import Text

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

WINDOWS = "(SELECT unnest($cutoffs::TIMESTAMP[]) AS as_of, unnest($ends::TIMESTAMP[]) AS until)"
"""SQL for the windows [as_of, until) that are looked at, as the relation of every kind's ``evidence``."""


class Columns(Protocol):
    """Features by name: a frame, or plain arrays."""

    def __getitem__(self, name: str, /) -> Any:
        """The values of one feature, shape (rows,)."""


@dataclass(frozen=True)
class ChurnKind:
    """One meaning of leaving.

    ``needs`` are the tables and columns ("table", "table.column") without which it cannot be told. ``population`` are the
    features that say who can be lost; ``at_risk(frame, horizon_days, active_within_days)`` marks these rows.
    ``evidence`` is SQL that gives (as_of, customer_id, value) of the customers of whom anything is known in the windows,
    from facts known before ``$known_before``; ``left(frame, value, settings)`` marks who has left (value: NaN where there
    is no evidence). ``alone`` are features that rank customers without a model, by the name of the baseline that they
    make, with the sign by which they rank (1: the higher, the likelier to leave).

    ``lacking`` says what the project must give when it lacks what is needed.
    """

    name: str
    needs: tuple[str, ...]
    first_fact: str
    population: tuple[str, ...]
    at_risk: Callable[[Columns, int, int], Flags]
    evidence: str
    left: Callable[[pd.DataFrame, Floats, ChurnSettings], Flags]
    alone: Mapping[str, tuple[str, int]]
    lacking: Text

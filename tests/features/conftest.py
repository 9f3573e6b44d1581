from collections.abc import Callable
from pathlib import Path

import pytest

from tests.features.builders import Values, values_by_hand, values_each

ByHand = Callable[..., dict[str, Values]]
EachByHand = Callable[..., list[dict[str, Values]]]


@pytest.fixture
def at(tmp_path: Path) -> ByHand:
    """``at(as_of, timezone="UTC", orders="…", …)``: customer → feature → value, from tables drawn by hand."""

    def values(as_of: str, timezone: str = "UTC", **tables: str) -> dict[str, Values]:
        return values_by_hand(tmp_path, as_of, timezone, **tables)

    return values


@pytest.fixture
def at_each(tmp_path: Path) -> EachByHand:
    """``at_each(*days, orders="…", …)``: what ``at`` gives for one day after the other; the tables are read once."""

    def values(*as_of: str, **tables: str) -> list[dict[str, Values]]:
        return values_each(tmp_path, as_of, **tables)

    return values

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.features.builders import Values, values_by_hand

ByHand = Callable[..., dict[str, Values]]


@pytest.fixture
def at(tmp_path: Path) -> ByHand:
    """``at(as_of, timezone="UTC", orders="…", …)``: customer → feature → value, from tables drawn by hand."""

    def values(as_of: str, timezone: str = "UTC", **tables: str) -> dict[str, Values]:
        return values_by_hand(tmp_path, as_of, timezone, **tables)

    return values

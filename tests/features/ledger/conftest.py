from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from features.ledger import Ledger, open_ledger
from features.sources import open_facts
from tests.features.builders import instant, write_by_hand

OpenBooks = Callable[..., Ledger]


@pytest.fixture
def books(tmp_path: Path) -> Iterator[OpenBooks]:
    """``books(as_of, timezone="UTC", invoices="…", …)``: the ledger of tables drawn by hand, read as a user's files are."""
    with ExitStack() as stack:

        def opened(as_of: str, timezone: str = "UTC", **tables: str) -> Ledger:
            project = write_by_hand(tmp_path, timezone, **tables)
            facts = stack.enter_context(open_facts(project))
            return open_ledger(facts, instant(as_of, project))

        yield opened

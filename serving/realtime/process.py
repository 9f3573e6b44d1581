"""The process beside the server that scores customers again: it reads the project from its input, and ends with it."""

import logging
import os
import select
import sys
import time
from datetime import UTC, datetime

from features.errors import RetinueError
from features.project import Project
from serving.realtime.rescoring import Rescorer
from serving.store import open_project_store

LOGGER = logging.getLogger(__name__)

LONGEST_SLEEP_SECONDS = 0.25
"""A new run, or a fact that becomes due, is seen after this long; an event wakes the process at once."""
AFTER_A_FAULT_SECONDS = 1.0


def main() -> None:
    """Read the project's JSON from the first line of standard input; every further byte means that events wait."""
    project = Project.model_validate_json(sys.stdin.buffer.readline())
    store = open_project_store(project)
    rescorer = Rescorer(project, store, lambda: datetime.now(UTC))
    said = ""
    while True:
        try:
            busy = rescorer.tick() is not None
            said = ""
        except RetinueError as fault:
            if str(fault) != said:
                LOGGER.warning("%s", fault)
            said, busy = str(fault), False
            time.sleep(AFTER_A_FAULT_SECONDS)
        if not _wait(0 if busy else LONGEST_SLEEP_SECONDS):
            return


def _wait(seconds: float) -> bool:
    """Wait until events are announced or the time is over. False: the server is gone."""
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    return not ready or bool(os.read(sys.stdin.fileno(), 65_536))


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    main()

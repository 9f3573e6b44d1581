"""The process beside the server that scores customers again: it reads the project from its input, and ends with it.

Of several, one beside each worker of a server, one works; the others wait for its place.
"""

import logging
import os
import select
import sys
import time
from datetime import UTC, datetime
from typing import TextIO

import pyarrow as pa

from features.errors import RetinueError
from features.project import Project
from features.writing import has_locked
from serving.realtime.rescoring import Rescorer
from serving.store import open_project_store

LOGGER = logging.getLogger(__name__)

PLACE_FILE = "rescoring.lock"
"""In the workspace: whoever has it locked scores again."""
LONGEST_SLEEP_SECONDS = 0.1
"""A new run, a fact that becomes due, or an event that another worker took is seen after this long; an event of the own
server wakes the process at once."""
AFTER_A_FAULT_SECONDS = 1.0


def main() -> None:
    """Read the project's JSON from the first line of standard input; every further byte means that events wait."""
    pa.set_cpu_count(1)  # a dozen rows at a time; the other cores answer look-ups
    project = Project.model_validate_json(sys.stdin.buffer.readline())
    with (project.workspace / PLACE_FILE).open("w") as place:
        if has_locked(place) or _waited_for(place):
            _work(project)


def _waited_for(place: TextIO) -> bool:
    """Wait until the place is free. False: the server is gone."""
    while _wait(LONGEST_SLEEP_SECONDS):
        if has_locked(place):
            return True
    return False


def _work(project: Project) -> None:
    """Score again until the server is gone."""
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

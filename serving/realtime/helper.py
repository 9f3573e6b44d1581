"""The process that scores again, kept alive beside the server and woken by it."""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Sequence

from features.project import Project

LOGGER = logging.getLogger(__name__)

SHORTEST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0


class RescoringProcess:
    """Starts ``python -m serving.realtime.process`` and starts it again whenever it dies; it ends with this process."""

    def __init__(self, project: Project) -> None:
        self._line = project.model_dump_json().encode() + b"\n"
        self._stopped = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep_running, name="rescoring", daemon=True)
        self._thread.start()

    def announce(self) -> None:
        """Tell that events wait."""
        process = self._process
        if process is not None and process.stdin is not None:
            try:
                os.write(process.stdin.fileno(), b".")
            except (OSError, ValueError):  # it is dying, or its pipe is full of such news: it looks by itself
                return

    def stop(self) -> None:
        """End the process and wait for it."""
        self._stopped.set()
        if self._process is not None:
            self._process.kill()  # any moment will do: a tick has happened or not
        self._thread.join(10)

    def _keep_running(self) -> None:
        pause = SHORTEST_PAUSE_SECONDS
        while not self._stopped.is_set():
            code = self._run_once()
            if self._stopped.is_set():
                return
            LOGGER.warning("the process that scores again has ended (%s); it is started again", code)
            self._stopped.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _run_once(self) -> int:
        environment = {"GLIBC_TUNABLES": _KEEP_MEMORY, **os.environ, "OMP_NUM_THREADS": "1"}
        with subprocess.Popen(_COMMAND, stdin=subprocess.PIPE, env=environment, start_new_session=True) as process:
            assert process.stdin is not None
            try:
                process.stdin.write(self._line)
                process.stdin.flush()
            except BrokenPipeError:
                pass
            os.set_blocking(process.stdin.fileno(), False)
            self._process = process
            if self._stopped.is_set():
                process.kill()
            return process.wait()


_KEEP_MEMORY = "glibc.malloc.tcache_count=65535:glibc.malloc.trim_threshold=1073741824:glibc.malloc.top_pad=67108864"
"""For glibc's malloc (other systems do not read it): a tick takes and gives back the same hundred thousand small pieces of
memory each time; where they stay at hand it needs 10 % less CPU."""
_COMMAND: Sequence[str] = (sys.executable, "-m", "serving.realtime.process")

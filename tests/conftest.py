"""What all tests share, and which process runs which of them."""

import os

import pytest

# As the commands do: waiting threads must not spin, for two test processes share two cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

# Tests ask services on this machine, without encryption. To read every root certificate for each request, as httpx does
# with a file of them, would take ten times as long as the answer; in a folder they are looked up when they are needed.
os.environ.pop("SSL_CERT_FILE", None)
os.environ.setdefault("SSL_CERT_DIR", "/etc/ssl/certs")

WITH_SPARK = "tests/features/engines/"
SLOW = (
    "tests/whole/",
    "tests/test_notebooks.py",
    WITH_SPARK,
    "tests/serving/realtime/test_kill.py",
    "tests/features/test_no_leakage.py",
    "tests/training/test_job.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, so that no process is left with one of them at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(SLOW))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Hand out whole files, so that what a file sets up is set up once; files with Spark together, for it starts a Java."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return WITH_SPARK if nodeid.startswith(WITH_SPARK) else super()._split_scope(nodeid)

    return ByFile(config, log)

"""What the files of this folder share: a shop that is trained once for all test processes."""

import fcntl
import os
import shutil
from pathlib import Path

import pytest

from tests.whole.company import AS_OF, orders, retinue, write_company


@pytest.fixture(scope="session")
def trained_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corner shop, trained and scored into its folder ``out`` by commands. Not to be touched: see ``shop``."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    made = shared / "shop-as-made"
    with (shared / "shop-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the first process makes it, the others wait
        if not made.exists():
            folder = write_company(shared / "shop", orders())
            for arguments in (("train",), ("score", "--out", folder / "out")):
                ended = retinue(*arguments, "--project", folder, "--as-of", AS_OF)
                assert ended.returncode == 0, ended.stderr
            # MLflow knows the first folder: what copies of the shop train goes there as well.
            shutil.copytree(folder, made.with_suffix(".part")).replace(made)
    return made


@pytest.fixture(scope="module")
def shop(trained_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the trained shop for one file of tests."""
    return shutil.copytree(trained_shop, tmp_path_factory.mktemp("whole") / "shop")

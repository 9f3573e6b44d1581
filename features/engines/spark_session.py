"""The Spark session that features are computed in: started when it is first needed, stopped when the process ends.

Which Spark that is, Spark's own environment says: ``SPARK_REMOTE`` (Spark Connect), or ``SPARK_CONF_DIR`` or
``SPARK_HOME`` with a ``spark-defaults.conf``. Without them it is a local one on all cores.
"""

import atexit
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from features.engines.java import find_java, launcher_home
from features.errors import EngineError
from features.text import Text

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.caseSensitive": "false",
}
"""What features hang on: naive times stay as they are, and what cannot be computed fails instead of being NULL."""

_NOT_INSTALLED = Text(
    'The project file says engine = "spark", but Spark is not installed here ({missing} is missing). Run: pip install'
    " 'retinue[spark]', or say engine = \"duckdb\".",
    "项目文件指定 engine = \"spark\"，但此处未安装 Spark（缺少 {missing}）。请运行：pip install 'retinue[spark]'，"
    '或改为 engine = "duckdb"。',
)
_NOT_STARTED = Text(
    "Spark did not start: {fault}. See above for what it said itself; check SPARK_REMOTE, SPARK_CONF_DIR and SPARK_HOME"
    " if you have set them.",
    "Spark 未能启动：{fault}。请查看上方 Spark 自身的输出；若设置了 SPARK_REMOTE、SPARK_CONF_DIR 或 SPARK_HOME，请检查其值。",
)
_OTHER_SETTING = Text(
    "This Spark refuses the setting {name} = {wanted}; it keeps {got}, which would change features. Use another Spark.",
    "该 Spark 拒绝设置 {name} = {wanted}，仍为 {got}，这会改变特征值。请使用其他 Spark。",
)


@cache
def spark_session() -> "SparkSession":
    """A session of our own: its settings and views are not those of other users of the same Spark.

    Raises EngineError: Spark or Java is missing, it cannot start, or it refuses a setting that features hang on.
    """
    _require_packages()
    from pyspark.errors import PySparkException

    with quiet():
        try:
            session = _started().newSession()
            for name, value in SETTINGS.items():
                session.conf.set(name, value)
            check_settings(session)
        except (PySparkException, ImportError, OSError) as fault:
            raise EngineError(_NOT_STARTED, fault=first_line(fault)) from fault
    return session


def check_settings(session: "SparkSession") -> None:
    """Raise EngineError when a session is not set in the way that features hang on."""
    for name, wanted in SETTINGS.items():
        got = session.conf.get(name)
        if str(got).lower() != wanted.lower():
            raise EngineError(_OTHER_SETTING, name=name, wanted=wanted, got=got)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence what Spark's Python side says about itself: its view of pandas' version, faults that we tell ourselves."""
    logging.getLogger("SQLQueryContextLogger").disabled = True
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning, module="pyspark")
        warnings.filterwarnings("ignore", category=ResourceWarning)
        yield


def _require_packages() -> None:
    for package in ("pyspark", "sqlglot"):
        try:
            __import__(package)
        except ImportError:
            raise EngineError(_NOT_INSTALLED, missing=package) from None


def _started() -> "SparkSession":
    from pyspark.sql import SparkSession

    return SparkSession.getActiveSession() or (_configured_elsewhere() if _is_configured() else _local())


def _is_configured() -> bool:
    """Whether the environment names a Spark."""
    return any(os.environ.get(name) for name in ("SPARK_REMOTE", "SPARK_CONF_DIR", "SPARK_HOME"))


def _configured_elsewhere() -> "SparkSession":
    from pyspark.sql import SparkSession

    session = SparkSession.builder.appName("retinue").getOrCreate()
    atexit.register(session.stop)
    return session


def _local() -> "SparkSession":
    """A Spark in this machine only, that listens to nobody else and leaves nothing behind."""
    from pyspark.sql import SparkSession

    folder = Path(tempfile.mkdtemp(prefix="retinue-spark-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    log = Path(__file__).with_name("spark_log4j2.properties")
    settings: dict[str, str | bool | int | float | None] = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={log.as_uri()} -Dderby.system.home={folder}",
        "spark.driver.maxResultSize": "0",
        "spark.driver.memory": f"{_memory_mb()}m",
        "spark.local.dir": str(folder),
        "spark.sql.shuffle.partitions": str(2 * (os.cpu_count() or 1)),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    home = launcher_home(find_java(), folder / "java")
    with _java_home(home):
        session = SparkSession.builder.master("local[*]").appName("retinue").config(map=settings).getOrCreate()
    atexit.register(session.stop)
    return session


@contextmanager
def _java_home(home: Path) -> Iterator[None]:
    """Name the Java that a process started meanwhile shall use."""
    before = os.environ.get("JAVA_HOME")
    os.environ["JAVA_HOME"] = str(home)
    try:
        yield
    finally:
        if before is None:
            del os.environ["JAVA_HOME"]
        else:
            os.environ["JAVA_HOME"] = before


def _memory_mb() -> int:
    """A quarter of the machine's memory for Spark's Java, at least 1 GB."""
    return max(1024, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4_000_000)


def first_line(fault: BaseException) -> str:
    """What a fault says, without the trace that Spark adds."""
    lines = [line.removeprefix(": ").rstrip(".; ") for line in str(fault).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith("An error occurred while calling")]
    return (telling or lines or [type(fault).__name__])[0]

"""Whether this machine can run Spark."""

from importlib.util import find_spec

import pytest

from features.engines.java import find_java
from features.errors import EngineError


def why_no_spark() -> str:
    """What is missing for Spark to run here; empty when nothing is."""
    for package in ("pyspark", "sqlglot"):
        if find_spec(package) is None:
            return f"{package} is not installed: pip install 'retinue[spark]'"
    try:
        find_java()
    except EngineError as fault:
        return str(fault)
    return ""


needs_spark = pytest.mark.skipif(bool(why_no_spark()), reason=why_no_spark())

on_spark = [needs_spark, pytest.mark.slow]
"""For tests that compute with Spark."""

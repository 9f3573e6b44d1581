"""Every command explains itself, with an example, in both languages."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.whole.company import environment, retinue

COMMANDS = (
    "init",
    "check",
    "features",
    "leakage",
    "train",
    "evaluate",
    "backtest",
    "score",
    "value",
    "segments",
    "receivables",
    "plan",
    "explain",
    "serve",
    "backup",
    "restore",
    "demo",
    "simulate",
    "alerts",
    "models",
    "experiment",
    "keys",
    "events",
)
GROUPS = {
    "alerts": ("raise", "list", "show", "act"),
    "models": ("list", "show", "compare", "promote", "challenge", "rollback", "ledger"),
    "experiment": ("assign", "report", "export", "learn"),
    "keys": ("create", "list", "rotate", "revoke"),
    "events": ("send",),
}


def test_the_overview_lists_exactly_the_commands() -> None:
    overview = retinue("--help").stdout

    assert tuple(re.findall(r"│ ([a-z]+)  ", overview)) == COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example_in_both_languages(name: str) -> None:
    english, chinese = retinue(name, "--help").stdout, retinue(name, "--help", language="zh").stdout

    assert f"Example: retinue {name}" in english
    assert f"示例：retinue {name}" in chinese


@pytest.mark.parametrize(("group", "name"), [(group, name) for group, names in GROUPS.items() for name in names])
def test_help_of_each_command_of_a_group_has_an_example_in_both_languages(group: str, name: str) -> None:
    overview = retinue(group, "--help").stdout
    english, chinese = (retinue(group, name, "--help", language=language).stdout for language in ("en", "zh"))

    assert tuple(re.findall(r"│ ([a-z]+)  ", overview)) == GROUPS[group]
    assert f"Example: retinue {group} {name}" in english
    assert f"示例：retinue {group} {name}" in chinese


@pytest.mark.parametrize("target", ["demo", "test", "lint", "bench", "serve", "help"])
def test_make_offers_what_the_readme_promises(target: str) -> None:
    root = Path(__file__).parents[2]

    told = subprocess.run(["make", "help"], cwd=root, env=environment(), capture_output=True, text=True, check=True)

    assert re.search(rf"make {target}\s", told.stdout)

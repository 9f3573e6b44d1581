"""Whoever runs a command that reads the facts learns how many rows were set aside, and where they are."""

from pathlib import Path

import pytest

from tests.whole.company import orders, retinue, write_company

TRAINED = "2025-10-01"
COMMANDS = {
    "train": ("--as-of", TRAINED),
    "score": ("--as-of", TRAINED, "--out", "scores"),
    "evaluate": ("--as-of", TRAINED),
    "features": ("--as-of", TRAINED, "--out", "features.parquet"),
}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop two of whose orders cannot be read."""
    folder = write_company(tmp_path_factory.mktemp("company") / "shop", orders(customers=900))
    with (folder / "orders.csv").open("a") as file:
        file.write("0001,some day,10\n,2025-05-01,10\n")
    return folder


def without_breaks(text: str) -> str:
    """A text whatever the width of the screen that it was printed on."""
    return "".join(text.split())


def said(company: Path, command: str, language: str) -> str:
    ended = retinue(command, "--project", company, *COMMANDS[command], language=language, cwd=company)
    assert ended.returncode == 0, ended.stderr
    return without_breaks(ended.stdout)


def test_each_command_says_how_many_rows_were_set_aside_and_where_they_are(company: Path) -> None:
    rejects = company / ".retinue" / "rejects"
    english = f"Rows of the sources that were set aside: 2; each with line and reason in {rejects}."
    chinese = f"数据源中被搁置的行：2，行号和原因见 {rejects}。"
    told = {
        "train": said(company, "train", "en").count(without_breaks(english)),
        "score": said(company, "score", "zh").count(without_breaks(chinese)),
        "evaluate": said(company, "evaluate", "en").count(without_breaks(english)),
        "features": said(company, "features", "zh").count(without_breaks(chinese)),
    }
    assert told == dict.fromkeys(COMMANDS, 1)
    assert len((rejects / "orders.csv").read_text(encoding="utf-8-sig").splitlines()) == 3


def test_nothing_is_said_where_every_row_could_be_read(tmp_path: Path) -> None:
    company = write_company(tmp_path / "shop", orders(customers=5))
    assert "setaside" not in said(company, "features", "en")
    assert not (company / ".retinue").exists()


def test_where_they_cannot_be_kept_the_work_goes_on_and_says_so(tmp_path: Path) -> None:
    company = write_company(tmp_path / "shop", orders(customers=5))
    with (company / "orders.csv").open("a") as file:
        file.write("0001,some day,10\n")
    (company / ".retinue").write_text("a file, where a folder is needed")
    rejects = company / ".retinue" / "rejects"
    assert without_breaks(f"set aside: 1; {rejects} cannot be written, 'retinue check --rejects FILE'") in said(
        company, "features", "en"
    )

"""``retinue simulate`` as a user calls it, and its refusals; tests/whole/test_whole_run.py trains and scores what it makes."""

from pathlib import Path

import pytest

from features.simulation.write import END as LIBRARY_END
from serving.cli.simulate import END
from tests.whole.company import files_below, retinue


def test_the_documented_end_is_that_of_the_library() -> None:
    assert LIBRARY_END.isoformat() == END


def test_the_same_arguments_make_the_same_files_and_another_seed_others(tmp_path: Path) -> None:
    made = [tmp_path / name / "company" for name in ("one", "two", "three")]
    for folder, seed in zip(made, ("3", "3", "4"), strict=True):
        ended = retinue("simulate", folder, "--customers", "20", "--months", "6", "--seed", seed, "--quiet")
        assert ended.returncode == 0, ended.stderr
    one, two, three = (files_below(folder.parent) for folder in made)
    assert "company-truth/silence.parquet" in one
    assert one == two
    assert one["company/facts/orders.parquet"] != three["company/facts/orders.parquet"]


@pytest.mark.parametrize(
    ("arguments", "english", "chinese"),
    [
        (("--customers", "0"), "got 0 customers", "现为 0 位客户"),
        (("--months", "0"), "1 to 240 months; got 0", "现为 0"),
        (("--end", "1.7.2026"), "'1.7.2026' is not a date", "“1.7.2026”不是日期"),
        (("--seed", "-1"), "got -1", "现为 -1"),
        (("--customers", "1000000000000"), "MB free and this needs about", "本操作约需"),
    ],
)
def test_what_cannot_be_is_refused_in_both_languages(
    tmp_path: Path, arguments: tuple[str, ...], english: str, chinese: str
) -> None:
    for language, said in (("en", english), ("zh", chinese)):
        ended = retinue("simulate", tmp_path / "company", *arguments, language=language)
        assert ended.returncode == 2
        assert said in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    ended = retinue("simulate", tmp_path, "--customers", "20")
    assert ended.returncode == 2
    assert "is not empty" in ended.stderr
    assert files_below(tmp_path) == {"mine.txt": b"mine"}

"""Every notebook runs from top to bottom in a process of its own, leaves nothing behind, and finds what it tells of."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def printed_by(notebook: str, folder: Path) -> str:
    """What a notebook prints when it is run in an empty folder."""
    ended = subprocess.run(
        [sys.executable, NOTEBOOKS / f"{notebook}.py"],
        cwd=folder,
        env=os.environ | {"MPLBACKEND": "Agg", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert not list(folder.iterdir())
    return ended.stdout


def numbers(pattern: str, text: str) -> list[float]:
    """The numbers that the groups of a pattern hold where it first occurs; percentages and thousands are read as such."""
    found = re.search(pattern, text)
    assert found, f"{pattern} not in:\n{text}"
    return [float(part.replace(",", "").rstrip("%")) for part in found.groups()]


def test_every_notebook_is_run_here_and_begins_with_a_summary_in_chinese() -> None:
    beside = Path(__file__).parent / "serving" / "client" / "test_examples.py"  # over a running service
    source = "".join(file.read_text(encoding="utf-8") for file in (Path(__file__), beside))
    for notebook in NOTEBOOKS.glob("*.py"):
        assert f'printed_by("{notebook.stem}"' in source
        first_cell = notebook.read_text(encoding="utf-8").split("\n# %%")[0]
        assert "\n# 中文摘要：" in first_cell


@pytest.mark.slow
def test_the_first_look_finds_the_cohort_its_rhythm_and_whose_silence_tells(tmp_path: Path) -> None:
    text = printed_by("first_look", tmp_path)

    assert numbers(r"([\d,]+) customers bought before 1998-01-01", text) == [23_570]
    assert re.search(r"1997-03-01 +7248 ", text)
    assert re.search(r"1997-04-01 +0 ", text)
    median, long, within = numbers(r"gaps: median (\d+) days, nine tenths within (\d+) days; ([\d.]+)% within", text)
    assert 25 < median < 40
    assert 140 < long < 180
    assert 70 < within < 85
    assert numbers(r"([\d,]+) active customers, ([\d.]+)% then stayed silent", text) == [6_343, 59.6]
    shares = {
        (demo, measure): numbers(rf"{demo}, {measure}: ([\d.]+)% of the lowest fifth .* ([\d.]+)% of the highest", text)
        for demo in ("CDNOW", "trading company")
        for measure in ("silence in days", "silence over own mean gap")
    }
    spread = {key: high - low for key, (low, high) in shares.items()}
    assert spread["CDNOW", "silence in days"] > spread["CDNOW", "silence over own mean gap"] > 5
    assert spread["trading company", "silence over own mean gap"] > 15
    assert "purchase_days_total" in text


@pytest.mark.slow
def test_training_beats_the_baselines_in_the_test_and_in_the_past(tmp_path: Path) -> None:
    text = printed_by("train_and_compare", tmp_path)

    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if re.match(r"\w+ +0\.\d", line)}
    loss = {name: float(figures[4]) for name, figures in rows.items()}
    [chosen] = re.findall(r"^chosen: (\w+)", text, re.MULTILINE)
    assert {chosen, "base_rate", "recency", "number_of_purchases"} <= set(loss)
    assert loss[chosen] < min(loss[name] for name in ("base_rate", "recency", "number_of_purchases"))
    assert float(rows["base_rate"][0]) == 0.5
    assert 0.68 < float(rows[chosen][0]) < 0.78
    inside, parts = numbers(r"(\d+) of (\d+) parts came true within their interval", text)
    assert inside >= parts / 2
    past = re.findall(r"^test \S+ \w+, AUC ([\d.]+), gain over \w+ (-?[\d.]+) ± ([\d.]+)", text, re.MULTILINE)
    assert len(past) == 2
    assert all(0.7 < float(auc) < 0.9 and float(gain) > -2 * float(error) for auc, gain, error in past)
    assert "leakage: passed" in text
    assert "log_loss" in text
    assert "calibration_in_the_large" in text


@pytest.mark.slow
def test_the_card_is_read_whole_and_compared_with_later_days(tmp_path: Path) -> None:
    text = printed_by("read_a_model_card", tmp_path)

    for title in ("How good it is", "What it is worth in money", "By group", "What it looks at"):
        assert f"\n{title}\n" in text
    assert "card.en.html" in text
    assert "PASS" in text
    assert "serves: True" in text
    auc, low, high = numbers(r"card, test of \S+: AUC ([\d.]+) \(([\d.]+) to ([\d.]+)\)", text)
    assert 0.8 < low < auc < high < 0.97
    for day in ("2025-01-01", "2025-07-01"):
        later, _, _, left = numbers(rf"{day}: AUC ([\d.]+) \(([\d.]+) to ([\d.]+)\), left ([\d.]+)%", text)
        assert 0.8 < later < 0.97
        assert 8 < left < 18


@pytest.mark.slow
def test_an_own_feature_is_kept_only_when_its_gain_is_beyond_chance(tmp_path: Path) -> None:
    text = printed_by("own_feature", tmp_path)

    assert re.search(r"^days_since_own_contact +\d", text, re.MULTILINE)
    low, high = numbers(r"days_since_own_contact: ([\d.]+)% of the lowest fifth left, ([\d.]+)% of the highest", text)
    assert high > low + 5
    found = {
        name: (float(gain), float(error), verdict)
        for name, gain, error, verdict in re.findall(
            r"^(.+): gain ([+-][\d.]+) ± ([\d.]+) nats: (.+)$", text, re.MULTILINE
        )
    }
    assert len(found) == 5
    for gain, error, verdict in found.values():
        assert abs(gain - 2 * error) < 0.00003 or (verdict == "keep") == (gain > 2 * error)
    assert found["monday_share"][2] != "keep"
    assert abs(found["monday_share"][0]) < 0.001
    assert found["control: contacts"][2] == "keep"
    assert found["days_since_own_contact"][2] != "keep"
    assert -0.002 < found["days_since_own_contact"][0] < 0.001

from pathlib import Path

import numpy as np

from training.evaluation.plots import plot_churn


def test_a_picture_is_written_in_each_language_that_can_be_drawn(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    probability = generator.uniform(0, 1, 200)
    churned = (generator.random(200) < probability).astype(np.int64)
    made = plot_churn(churned, {"model": probability, "base_rate": np.full(200, 0.5)}, tmp_path)
    assert set(made) <= {"churn.en.png", "churn.zh.png"}
    assert "churn.en.png" in made
    for name, path in made.items():
        assert path == tmp_path / name
        assert path.read_bytes().startswith(b"\x89PNG")

"""What a batch keeps with the facts of its run, so that its customers can be scored again by the same models."""

from dataclasses import asdict
from typing import Any

import pandas as pd

from features.catalogue import BY_NAME
from serving.realtime.kept import KEPT
from training.models.drift import LevelShift
from training.tracking import Champion, ChampionSegments


def notes_for(
    champion: Champion,
    shift: LevelShift | None,
    segments: ChampionSegments | None,
    frame: pd.DataFrame,
    named: pd.DataFrame,
) -> dict[str, Any]:
    """Model, version and level shift of the run, its segments, the catalogue's features of ``frame``, and which columns of
    ``named`` only a batch can tell. JSON.
    """
    return {
        "model": champion.name,
        "version": champion.version,
        "level_shift": None if shift is None else asdict(shift),
        "segments": None if segments is None else segments.model.to_json(),
        "features": [str(name) for name in frame.columns if name in BY_NAME],
        "kept": [name for name in KEPT if name in named],
    }

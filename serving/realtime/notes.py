"""What a batch keeps with the facts of its run, so that its customers can be scored again by the same models."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from features.catalogue import BY_NAME
from serving.realtime.kept import KEPT
from training.models.drift import LevelShift
from training.tracking import Champion, ChampionSegments


def notes_for(
    champion: Champion,
    shift: LevelShift | None,
    segments: ChampionSegments | None,
    features: Iterable[str],
    columns: Iterable[str],
) -> dict[str, Any]:
    """Model, version and level shift of the run, its segments, the catalogue's among its ``features``, and which of the
    scored ``columns`` only a batch can tell. JSON.
    """
    known = set(columns)
    return {
        "model": champion.name,
        "version": champion.version,
        "level_shift": None if shift is None else asdict(shift),
        "segments": None if segments is None else segments.model.to_json(),
        "features": [name for name in features if name in BY_NAME],
        "kept": [name for name in KEPT if name in known],
    }

"""The meanings of leaving that can be read from dated facts; a ready-made panel brings its own label (`training.panel`)."""

from training.kinds.contract import CONTRACT
from training.kinds.decline import DECLINE
from training.kinds.kind import ChurnKind
from training.kinds.silence import SILENCE

KINDS: dict[str, ChurnKind] = {kind.name: kind for kind in (SILENCE, CONTRACT, DECLINE)}

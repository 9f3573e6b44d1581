"""The feature catalogue: one literal module a family, read top to bottom."""

import hashlib

from features.catalogue import (
    breadth,
    calendar,
    contacts,
    contract,
    credit,
    frequency,
    habit,
    margin,
    monetary,
    payment,
    peers,
    profile,
    recency,
    returns,
    service,
)
from features.catalogue.feature import FAMILIES, Feature
from features.catalogue.relations import RELATIONS, Relation

FEATURES: tuple[Feature, ...] = (
    *recency.FEATURES,
    *frequency.FEATURES,
    *monetary.FEATURES,
    *habit.FEATURES,
    *breadth.FEATURES,
    *returns.FEATURES,
    *margin.FEATURES,
    *payment.FEATURES,
    *credit.FEATURES,
    *service.FEATURES,
    *contacts.FEATURES,
    *contract.FEATURES,
    *profile.FEATURES,
    *calendar.FEATURES,
    *peers.FEATURES,
)

BY_NAME: dict[str, Feature] = {f.name: f for f in FEATURES}


def catalogue_hash(features: tuple[Feature, ...]) -> str:
    """A short fingerprint of what the features *compute*; a model refuses to score what it was not trained on."""
    parts = [f"{f.name}={f.source}:{f.sql}:{f.empty}" for f in features]
    parts += [f"{r.name}={r.sql}:{r.sql_out_of_order}" for r in RELATIONS.values()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


__all__ = ["BY_NAME", "FAMILIES", "FEATURES", "RELATIONS", "Feature", "Relation", "catalogue_hash"]

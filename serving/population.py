"""How far the customers of a run are from those that its model was learnt among, gathered while they are scored."""

import pandas as pd
import pyarrow as pa

from serving.schemas import FeatureDrift, PopulationDrift
from training.models.population import PROBABILITY, Counts, Population, added

MOST_TOLD = 3


class PopulationCount:
    """Counts the customers of a batch, block by block; of a model that keeps no population, nothing."""

    def __init__(self, population: Population | None) -> None:
        self._population = population
        self._counts: Counts = {}

    def add(self, features: pd.DataFrame, scores: pa.Table) -> None:
        """Count a block: its ``features`` and the scores that were made of them, in one order."""
        if self._population is None:
            return
        probability = scores[PROBABILITY].to_numpy()
        rows = features.assign(**{PROBABILITY: probability})[pd.notna(probability)]
        self._counts = added(self._counts, self._population.counted(rows))

    def drift(self) -> PopulationDrift | None:
        """What was counted beside the model's population; None where one of them is nobody."""
        found = self._population.drift(self._counts) if self._population else None
        if found is None:
            return None
        moved = [name for name in found.moved if name != PROBABILITY]
        return PopulationDrift(
            customers_then=found.customers_then,
            customers_now=found.customers_now,
            churn_probability=found.index[PROBABILITY],
            churn_probability_limit=found.limit[PROBABILITY],
            moved=len(moved),
            moved_most=[
                FeatureDrift(feature=name, index=found.index[name], limit=found.limit[name])
                for name in moved[:MOST_TOLD]
            ],
        )

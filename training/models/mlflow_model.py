"""The churn model as MLflow loads it: a frame of features in, calibrated probabilities out.

MLflow keeps this file beside the native model files, so that nothing is pickled.
"""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from training.models.stored import load_model


class MlflowChurn(PythonModel):
    """Calibrated probability of leaving within the model's horizon."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the native files."""
        self.stored = load_model(Path(context.artifacts["churn"]))

    def predict(self, context: PythonModelContext, model_input: pd.DataFrame, params: Any = None) -> pd.Series:  # noqa: D102
        return pd.Series(self.stored.probability(model_input), index=model_input.index, name="churn_probability")


mlflow.models.set_model(MlflowChurn())

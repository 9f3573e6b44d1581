"""Calibration: raw log-odds into probabilities that may be multiplied with money, by a curve that the data can carry."""

from training.models.calibration.calibrator import Calibrator
from training.models.calibration.curves import sigmoid

__all__ = ["Calibrator", "sigmoid"]

"""A client of the service, on httpx and the standard library alone: this folder can be copied to where it is used."""

from .asking import Language
from .problems import RetinueProblem
from .retinue import Retinue

__all__ = ["Language", "Retinue", "RetinueProblem"]

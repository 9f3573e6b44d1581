"""Three companies to try Retinue on: two with real data from packages, one simulated with known truth."""

from serving.demo.demos import DEMOS, Demo, prepare

__all__ = ["DEMOS", "Demo", "prepare"]

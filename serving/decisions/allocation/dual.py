"""The lowest bound on the profit of customers who are held in memory: cutting planes in a region of trust.

The bound is convex and piecewise linear in the prices of the limits. Each look at it gives its value and a slope, that is
a plane below it; the lowest point of all planes (a linear program with a variable per limit) is where to look next
(Kelley 1960), as far as the planes can be trusted (Marsten, Hogan and Blankenship 1975).
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linprog

from serving.decisions.allocation.blocks import best_of, over_blocks, used_by_all
from serving.decisions.allocation.linear import Box
from serving.decisions.allocation.problem import Floats, Problem

LOOKS = 400


@dataclass(frozen=True)
class Part:
    """Customers in memory, each standing for ``weight`` of them, and the room (limits,) that all others leave."""

    problem: Problem
    weight: float
    room: Floats

    def look(self, prices: Floats) -> tuple[float, Floats]:
        """The bound at ``prices`` but for a constant, in currency, and its slope (limits,)."""
        best = over_blocks(lambda rows: best_of(self.problem, rows, prices, 0.0), self.problem.customers)
        slope = self.room - self.weight * used_by_all(self.problem, np.concatenate([b.choice for b in best]))[0]
        return self.weight * sum(b.worth for b in best) + float(prices @ self.room), slope


@dataclass
class Planes:
    """The planes below the bound, each through a point that was looked at."""

    points: list[Floats] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    slopes: list[Floats] = field(default_factory=list)

    def add(self, point: Floats, value: float, slope: Floats) -> None:
        """Keep what was seen at one more point."""
        self.points.append(point)
        self.values.append(value)
        self.slopes.append(slope)

    def lowest(self, box: Box, sizes: Floats) -> tuple[Floats, float]:
        """Where in the box the highest plane is lowest, and how low; ``sizes`` (limits,) are what prices are measured in."""
        [a, b], level = self._rows(box.centre, sizes)
        unit = max(float(np.abs(a[:, :-1]).max(initial=0.0)), 1e-300)
        a[:, :-1] /= unit
        bounds = [*zip((box.low - box.centre) / sizes, (box.high - box.centre) / sizes, strict=True), (None, None)]
        cost = np.append(np.zeros(len(sizes)), 1.0)
        found = linprog(cost, A_ub=a, b_ub=b / unit, bounds=bounds, method="highs")
        if found.status != 0:  # numbers at the end of what HiGHS can tell apart
            best = int(np.argmin(self.values))
            return self.points[best], self.values[best]
        return box.centre + found.x[:-1] * sizes, float(found.x[-1]) * unit + level

    def _rows(self, centre: Floats, sizes: Floats) -> tuple[list[Floats], float]:
        """The planes as rows of a program in (price − centre) / size and height − level: value + slope · step ≤ height."""
        points, slopes, level = np.array(self.points), np.array(self.slopes), min(self.values)
        scaled = slopes * sizes
        at_centre = np.array(self.values) - level + ((centre - points) * slopes).sum(axis=1)
        return [np.column_stack([scaled, -np.ones(len(points))]), -at_centre], level


def lowest_bound(part: Part, start: Floats, sizes: Floats, box: Box, tolerance: float) -> Floats:
    """The prices inside ``box`` at which the bound of ``part`` is lowest, to ``tolerance`` in currency.

    ``start`` is where to look first and ``sizes`` (limits,) how far to trust a first plane.
    """
    planes, reach = Planes(), 1.0
    best = np.clip(start, box.low, box.high)
    least, slope = part.look(best)
    planes.add(best, least, slope)
    for _ in range(LOOKS):
        trusted = Box(np.maximum(box.low, best - reach * sizes), np.minimum(box.high, best + reach * sizes))
        point, height = planes.lowest(trusted, sizes)
        inside = ((point > trusted.low) | (trusted.low == box.low)) & (
            (point < trusted.high) | (trusted.high == box.high)
        )
        if least - height <= tolerance:
            if inside.all():
                break
            reach *= 4
            continue
        value, slope = part.look(point)
        planes.add(point, value, slope)
        gain = (least - value) / (least - height)
        reach *= 2.0 if gain > 0.3 and not inside.all() else 0.6 if gain < 0 else 1.0
        if value < least:
            best, least = point, value
    return best

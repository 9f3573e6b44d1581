"""Which action for whom, within budget, capacity, contact limits and minimum shares, at any number of customers."""

from serving.decisions.allocation.allocate import Allocation, allocate
from serving.decisions.allocation.problem import AllocationError, Limit, Problem, problem_of, share_at_least
from serving.decisions.allocation.sentences import LimitUse

__all__ = [
    "Allocation",
    "AllocationError",
    "Limit",
    "LimitUse",
    "Problem",
    "allocate",
    "problem_of",
    "share_at_least",
]

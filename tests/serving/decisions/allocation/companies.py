"""Random companies to allocate actions in, and the same problem given whole to HiGHS."""

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, eye_array, kron, vstack

from features.text import Text
from serving.decisions.allocation import Limit, Problem, problem_of, share_at_least
from serving.decisions.allocation.problem import Floats

ACTIONS = 8
FIXED_COST = np.array([1, 3, 8, 15, 20, 40, 60, 120], dtype=np.float32)
SHARE_OF_VALUE = np.array([0, 0, 0.01, 0, 0.02, 0, 0.03, 0], dtype=np.float32)
VISIT_HOURS = np.array([0, 0, 0, 0, 0, 0, 1.0, 2.0])
PHONE_HOURS = np.array([0, 0, 0, 0.25, 0.25, 0.5, 0, 0])
LETTERS = np.array([1.0, 1, 1, 0, 0, 0, 0, 0])
CONTACTS = np.ones(ACTIONS)
EUR = Text("EUR", "EUR")
HOUR_OF_VISITS = Text("hour of visits", "小时拜访")
HOUR_OF_CALLS = Text("hour of calls", "小时通话")
LETTER = Text("letter", "封信函")
CONTACT = Text("contact", "次联系")


def company(customers: int, seed: int) -> Problem:
    """Skewed values, effects that go together, many actions that do not pay; a budget, three capacities, a minimum share."""
    random = np.random.default_rng(seed)
    value = random.lognormal(5, 1.2, customers).astype(np.float32)
    effect = random.gamma(0.5, 0.05, customers).astype(np.float32)[:, None]
    effect = effect * (0.5 + random.random((customers, ACTIONS), dtype=np.float32))
    effect *= np.linspace(0.5, 2.5, ACTIONS, dtype=np.float32)
    cost = value[:, None] * SHARE_OF_VALUE
    cost += FIXED_COST
    effect *= value[:, None]
    effect -= cost
    general = random.random(customers) < 0.3
    limits = (
        Limit(Text("Budget", "预算"), EUR, cost, at_most=1.6 * customers),
        Limit(Text("Visits", "拜访"), HOUR_OF_VISITS, VISIT_HOURS, at_most=0.007 * customers),
        Limit(Text("Calls", "电话"), HOUR_OF_CALLS, PHONE_HOURS, at_most=0.01 * customers),
        Limit(Text("Letters", "信函"), LETTER, LETTERS, at_most=float(round(0.06 * customers))),
        share_at_least(Text("Tier general", "普通级客户"), CONTACT, 0.4, general, CONTACTS),
    )
    return problem_of(effect, limits, "EUR")


def uses(problem: Problem) -> Floats:
    """``sign · use`` of each limit for each customer and action: (limits, customers, actions)."""
    shape = problem.profit.shape
    found = [
        limit.sign
        * np.broadcast_to(limit.use, shape).astype(float)
        * (np.ones((shape[0], 1)) if limit.of is None else np.asarray(limit.of, dtype=float)[:, None])
        for limit in problem.limits
    ]
    return np.array(found).reshape(-1, *shape)


def highs(problem: Problem, relative_gap: float = 1e-6) -> float:
    """The profit that HiGHS finds for the whole problem at once, in currency."""
    customers, actions = problem.profit.shape
    one_each = kron(eye_array(customers), np.ones((1, actions)))
    matrix = vstack([one_each, csr_array(uses(problem).reshape(len(problem.limits), -1))])
    found = milp(
        -np.nan_to_num(problem.profit.astype(float).ravel()),
        constraints=LinearConstraint(matrix, -np.inf, np.concatenate([np.ones(customers), problem.bounds])),
        bounds=Bounds(0, np.isfinite(problem.profit).astype(float).ravel()),
        integrality=np.ones(customers * actions),
        options={"mip_rel_gap": relative_gap, "node_limit": 20_000},
    )
    return -float(found.fun)

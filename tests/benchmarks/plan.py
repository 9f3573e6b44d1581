"""What a plan of actions earns on the simulated trading company, whose truth is known: ours, simpler ones, and oracles.

Four years of records with a campaign each quarter. On the last campaign whose 90 days are on record, each plan picks at most one
of four actions for each of the first 5,000 customers, under a budget; all customers are learnt from. What a plan earns: the
probability of leaving that it takes away times the margin of a year, less cost and vouchers. Held to is that expectation; the
same with what then happened (each customer leaves or not, chance running the same for all plans) stands beside it.
Budgets are shares of what the all-knowing oracle spends if it may spend any amount.

Oracles, none of whom a company can employ:

- all-knowing: told who has left, who is in trouble or looks at prices, and the true margin. Its plan is the best there is.
- observer: knows the laws, those of the actions too, and learns the customers from the records by Bayes' rule
  (`plan_observer`). No plan made from records can be expected to beat it.
- effects told: our own risks, with what the observer says each action does to each customer. What is left between it and
  ours is what learning from the log costs. Ours is held to this one: effects can be
  learnt from a log, while trouble, tastes and what silence means are hidden from everybody who reads records.

With our risks the observer's own effects come to .86, .93 and .97 of what it earns at the three budgets (seeds 1 to 3, 20,000
customers), so that this is the most that learning effects can reach of the observer; what was tried is in docs/attempts.md.

Wrong beliefs: the true mean effects of two actions are taken for three times, those of the other two for a third of what they
are, in all six ways; figures are means over them. Loss is what is earned with beliefs
alone that are true on average less what is earned with the wrong ones; recovered is the share of it that comes back when the
wrong beliefs meet a log of four campaigns. It can exceed one: a log tells customers apart, beliefs do not. Of loss and
recovery the sums over budgets and seeds are compared, so that a company that loses nothing does not decide.

Run as ``python -m tests.benchmarks.plan [--seeds 10] [--customers 10000] [--processes 1]``.
"""

import argparse
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from features.project import load_project
from features.simulation.actions import ACTIONS
from features.simulation.company import Company
from features.simulation.counterfactuals import Counterfactuals, counterfactuals, last_whole_campaign, stand_on
from features.simulation.plan import Plan, planned
from features.simulation.project import FACTS, write_project
from features.simulation.write import END, months_before
from features.sources import Facts, open_facts
from features.text import Text
from serving.decisions.allocation.allocate import allocate
from serving.decisions.allocation.problem import Limit, problem_of
from serving.decisions.eligibility import eligible
from serving.decisions.playbook import BUILT_IN, read_playbook
from tests.benchmarks.plan_observer import observed
from tests.benchmarks.report import Result, at_least, write
from training.dataset import active_snapshots, training_features
from training.treatment_effects.beliefs import Belief
from training.treatment_effects.learn import learn_effects, learn_from, prepare, with_attributes
from training.treatment_effects.learnt import Expected
from training.value import value_at_stake

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Choose = Callable[[float], Ints]
"""From a budget to the action of each customer, as a position; -1 for none."""

SEEDS, CUSTOMERS, MONTHS = 10, 10_000, 48
BUDGETS = (0.1, 0.3, 1.0)
BUDGET, EUR = Text("Budget", "预算"), Text("EUR", "EUR")
NAMES = tuple(action.name for action in ACTIONS)
COST = np.array([action.cost for action in ACTIONS])
VOUCHER_SHARE = np.array([0.1 if name == "small_voucher" else 0.0 for name in NAMES])
TERMS_BELIEF: Belief = (0.08, 0.02, 0.16)
"""The built-in playbook believes nothing of what terms do to leaving; here, what it believes of a call."""
LAST_CAMPAIGNS = 4
MOST = 0.9
"""No belief is wrong in taking more of the risk away."""
OURS, TOLD, OBSERVER = "ours: learnt and shrunk", "oracle: effects told, our risks", "oracle: observer of the laws"
RIGHT, ALONE, AND_FOUR = "right mean beliefs alone", "wrong beliefs alone", "wrong beliefs and four campaigns"
WRONG = tuple(np.array(one) for one in sorted(set(permutations((3.0, 3.0, 1 / 3, 1 / 3)))))
"""Six ways to be wrong by a factor of three: two actions are overrated, two underrated."""
DIGITS = "0123456789"
"""With which the names of the six ways to be wrong end; single ones are not shown."""
RIVALS = ("risk ranking", "value ranking", "default rules by risk")


@dataclass(frozen=True)
class Case:
    """One company on the day of the plan: the truth of the judged customers, and what is on record of them."""

    truth: Counterfactuals
    frame: pd.DataFrame
    stake: Floats
    expected: Expected
    """Learnt from the whole log with the playbook's beliefs."""
    right: Floats
    """True mean effects."""
    wrong: tuple[tuple[Floats, Expected], ...]
    """Mean effects as they might be taken for, and what is learnt with them from four campaigns."""

    def paid(self, leave: Floats, leave_if_nothing: Floats) -> Floats:
        """What each action earns with each customer, in currency, shape (customers, actions)."""
        kept = (leave_if_nothing[:, None] - leave) * self.truth.margin_per_year[:, None]
        return kept - COST - self.truth.voucher_amount[:, None] * (VOUCHER_SHARE > 0)

    def believed(self, leaves: Floats, reduction: Floats, gone: Floats) -> Floats:
        """What each action is expected to earn, by one who expects these risks and reductions."""
        order = np.nan_to_num(self.frame["purchase_amount_mean"].to_numpy()) * (1 - gone)
        return leaves[:, None] * reduction * self.stake[:, None] - COST - order[:, None] * VOUCHER_SHARE


def allocated(profit: Floats, budget: float) -> Ints:
    """Each customer's action by the allocation that makes the service's plans; -1 for none."""
    problem = problem_of(profit, [Limit(BUDGET, EUR, COST, at_most=budget)] if np.isfinite(budget) else [], "EUR")
    return allocate(problem).choice.astype(np.int64)


def by_rank(score: Floats, action: Ints, budget: float) -> Ints:
    """Each customer's action in the order of a score until the money is spent; -1 for who has no action."""
    order = np.argsort(-score, kind="stable")
    order = order[action[order] >= 0]
    paid = np.cumsum(COST[action[order]]) <= budget
    chosen = np.full(len(score), -1)
    chosen[order[paid]] = action[order[paid]]
    return chosen


def earned(chosen: Ints, profit: Floats) -> float:
    """What a plan earns, in currency."""
    acted = np.flatnonzero(chosen >= 0)
    return float(profit[acted, chosen[acted]].sum())


def beliefs_of_playbook() -> dict[str, Belief]:
    """By action of the simulation."""
    found = {one.id: one.effect for one in read_playbook(BUILT_IN["trade"]).actions if one.effect.kind == "churn"}
    known = {name: (found[name].mean, found[name].low, found[name].high) for name in NAMES if name in found}
    return {name: known.get(name, TERMS_BELIEF) for name in NAMES}


def case_of(seed: int, customers: int, folder: Path) -> tuple[Case, Plan, date]:
    """Simulate a company and learn from it."""
    plan = planned(seed, customers, months_before(END, MONTHS), END, Company(with_campaigns=True), [])
    day = last_whole_campaign(plan)
    truth = counterfactuals(plan, 0, day)
    here = ~truth.has_left
    left = truth.leave_if_nothing[here]
    right = 1 - truth.leave[here].sum(axis=0) / left.sum()
    wrong = [np.minimum(right * factor, MOST) for factor in WRONG]
    write_project(folder / "company", plan)
    project = load_project(folder / "company")
    as_of = datetime(day.year, day.month, day.day, tzinfo=project.timezone)
    with open_facts(project) as facts:
        learnt = learn_effects(facts, as_of, beliefs_of_playbook(), seed)
        frame = with_attributes(facts, active_snapshots(facts, [as_of], training_features(facts)), as_of)
        frame = frame.set_index("customer_id").loc[truth.customer_id].reset_index()
        keep_last_campaigns(facts, as_of)
        four = prepare(facts, as_of, seed)
    taught = [(mean, _ordered(learn_from(four, _as_beliefs(mean)).expected(frame))) for mean in wrong]
    stake = np.nan_to_num(value_at_stake(frame, project))
    case = Case(truth, frame, stake, _ordered(learnt.expected(frame)), right, tuple(taught))
    return case, plan, day


def _as_beliefs(means: Floats) -> dict[str, Belief]:
    """As sure as a playbook is: within a tenth of the risk that is left."""
    return {n: (m, m - 0.1 * (1 - m), m + 0.1 * (1 - m)) for n, m in zip(NAMES, means.tolist(), strict=True)}


def keep_last_campaigns(facts: Facts, as_of: datetime) -> None:
    """Leave but the last four campaigns before ``as_of`` in the log."""
    begin = as_of - timedelta(days=Company().campaign_every_days * LAST_CAMPAIGNS + 1)
    facts.connection.execute('CREATE TEMP TABLE kept AS SELECT * FROM treatments WHERE "at" >= $1', [begin])
    facts.connection.execute("CREATE OR REPLACE VIEW treatments AS SELECT * FROM kept")


def _ordered(expected: Expected) -> Expected:
    """With the actions in order of ACTIONS."""
    order = [expected.actions.index(name) for name in NAMES]
    reductions = (expected.reduction[:, order], expected.reduction_low[:, order], expected.reduction_high[:, order])
    return Expected(NAMES, expected.gone, expected.leaves, *reductions)


def plans(case: Case, plan: Plan, day: date, folder: Path, seed: int) -> dict[str, Choose]:
    """All plans that race, by name."""
    e, truth = case.expected, case.truth
    risk, playbook = np.minimum(e.gone + e.leaves, 1), beliefs_of_playbook()
    mean = (e.leaves[:, None] * e.reduction).sum(axis=0) / e.leaves.sum()
    best = np.full(len(risk), int(case.believed(e.leaves, mean[None, :], e.gone).mean(axis=0).argmax()))
    _, now = stand_on(plan, 0, day)
    seen = observed(folder / "company" / FACTS, plan, 0, now, truth, seed)
    seen_gone = 1 - seen.here
    told = 1 - seen.leaves / np.maximum(seen.leaves_if_nothing, 1e-12)[:, None]
    believed = np.array([playbook[name][0] for name in NAMES])[None, :]
    money: dict[str, Floats] = {
        "oracle: all-knowing": case.paid(truth.leave, truth.leave_if_nothing),
        OBSERVER: case.believed(seen.leaves_if_nothing, told, seen_gone),
        TOLD: case.believed(e.leaves, told, e.gone),
        OURS: case.believed(e.leaves, e.reduction, e.gone),
        "learnt, the same for all": case.believed(e.leaves, mean[None, :], e.gone),
        "playbook's beliefs alone": case.believed(e.leaves, believed, e.gone),
        "right mean beliefs alone": case.believed(e.leaves, case.right[None, :], e.gone),
    }
    for number, (mean, four) in enumerate(case.wrong):
        money[f"{ALONE} {number}"] = case.believed(e.leaves, mean[None, :], e.gone)
        money[f"{AND_FOUR} {number}"] = case.believed(e.leaves, four.reduction, e.gone)
    ranked = {
        "risk ranking": (risk, best),
        "value ranking": (case.stake, best),
        "default rules by risk": (risk, _by_rules(case, risk)),
        "random": (np.random.default_rng(seed).random(len(risk)), best),
    }
    chosen: dict[str, Choose] = {name: partial(allocated, profit) for name, profit in money.items()}
    return chosen | {name: partial(by_rank, score, action) for name, (score, action) in ranked.items()}


def _by_rules(case: Case, risk: Floats) -> Ints:
    """The first action of the built-in playbook that each customer is eligible for, of those that the company tries."""
    rules = {one.id: one.eligible for one in read_playbook(BUILT_IN["trade"]).actions if one.id in NAMES}
    columns = case.frame.select_dtypes("number").assign(churn_probability=risk)
    meant = eligible(pa.Table.from_pandas(columns, preserve_index=False), rules)
    action = np.full(len(risk), -1)
    for name in reversed(rules):
        action[meant[name]] = NAMES.index(name)
    return action


def measured(seed: int, customers: int) -> pd.DataFrame:
    """What each plan earns with one company: budget, plan, expected and realised, in currency."""
    with tempfile.TemporaryDirectory(prefix="retinue-plan-") as name:
        folder = Path(name)
        case, plan, day = case_of(seed, customers, folder)
        racing = plans(case, plan, day, folder, seed)
    truth = case.truth
    chance, happened = (
        case.paid(truth.leave, truth.leave_if_nothing),
        case.paid(truth.leaves, truth.leaves_if_nothing),
    )
    unlimited = racing["oracle: all-knowing"](np.inf)
    spent = float(COST[unlimited[unlimited >= 0]].sum())
    rows = [
        (seed, share, plan_name, earned(chosen, chance), earned(chosen, happened))
        for share in BUDGETS
        for plan_name, choose in racing.items()
        for chosen in [choose(share * spent)]
    ]
    found = pd.DataFrame(rows, columns=["seed", "budget", "plan", "expected", "realised"])
    print(
        f"seed {seed}: ours of effects told",
        *(f"{_ratio(found, b, OURS, TOLD).iloc[0]:.3f}" for b in BUDGETS),
        flush=True,
    )
    return found


def _ratio(found: pd.DataFrame, budget: float, plan: str, of: str) -> "pd.Series[float]":
    """By seed, what a plan earns (expected) as a share of what another does."""
    at = found[found["budget"] == budget].pivot(index="seed", columns="plan", values="expected")
    return at[plan] / at[of]


def results(found: pd.DataFrame) -> list[Result]:
    """The figures, means over the seeds, with the standard error of those that are held to something."""
    said = [Result("companies (seeds)", float(found["seed"].nunique()), "")]
    for budget in BUDGETS:
        at = found[found["budget"] == budget]
        where = f"budget {budget:.0%}"
        for oracle in ("oracle: all-knowing", OBSERVER, TOLD):
            ratio = _ratio(found, budget, OURS, oracle)
            what = f"{where}: ours, share of {oracle.removeprefix('oracle: ')}"
            said.append(
                at_least(what, float(ratio.mean()), "", 0.9)
                if oracle == TOLD
                else Result(what, float(ratio.mean()), "")
            )
            said.append(
                Result(
                    f"{what}, standard error",
                    float(ratio.std(ddof=1) / np.sqrt(max(len(ratio), 1))) if len(ratio) > 1 else 0.0,
                    "",
                )
            )
        mean = at.groupby("plan")[["expected", "realised"]].mean()
        ours = float(mean["expected"][OURS])
        said += [
            at_least(f"{where}: ours less {rival}", ours - float(mean["expected"][rival]), "EUR", 0.0)
            for rival in RIVALS
        ]
        for kind in ("expected", "realised"):
            best = float(mean[kind]["oracle: all-knowing"])
            said += [
                Result(f"{where}: {kind}, share of all-knowing: {p}", float(v) / best, "")
                for p, v in mean[kind].items()
                if p[-1] not in DIGITS
            ]
    total = found.groupby("plan")["expected"].sum()
    alone, four = (float(total[total.index.str.startswith(which)].sum()) / len(WRONG) for which in (ALONE, AND_FOUR))
    right = float(total[RIGHT])
    said.append(Result("wrong beliefs: lost, share of what right ones earn", (right - alone) / right, ""))
    recovered = (four - alone) / (right - alone)
    return [*said, at_least("wrong beliefs: recovered after four campaigns", recovered, "", 0.75)]


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--customers", type=int, default=CUSTOMERS)
    parser.add_argument("--processes", type=int, default=1)
    given = parser.parse_args()
    with ProcessPoolExecutor(given.processes) as pool:
        parts = pool.map(partial(measured, customers=given.customers), range(1, given.seeds + 1))
        write("plan", results(pd.concat(parts, ignore_index=True)))


if __name__ == "__main__":
    main()

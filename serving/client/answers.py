"""What the client gives and takes, as types. Written by ``python -m serving.client.reference``: change that, not this.

Instants are texts such as 2026-03-31T00:00:00Z, days such as 2026-03-31. What each field means stands at ``/openapi.json``.
"""

from typing import Any, Literal, NotRequired, TypedDict

AccompanyingChannel = Literal["phone", "visit", "email", "message", "letter"]
AlertCaseKind = Literal[
    "churn_risk",
    "broken_rhythm",
    "shrinking_value",
    "overdue_payment",
    "late_payment_ahead",
    "order_fulfilment",
    "open_complaint",
    "quality",
    "falling_satisfaction",
]
Arm = Literal["treated", "control", "withheld"]
Basis = Literal["history", "look_alikes"]
Because = Literal["missing", "damaged", "unfit"]
Bucket = Literal["current", "1_30", "31_60", "61_90", "over_90"]
Channel = Literal["phone", "visit", "email", "message", "letter"]
ChurnBand = Literal["low", "medium", "high"]
Colour = Literal["yellow", "orange", "red"]
CreditBasis = Literal["history", "look_alikes"]
CreditClass = Literal["A", "B", "C", "D", "E"]
CreditResponse = Literal["none", "early_discount", "secure", "instalments", "dun"]
Direction = Literal["raises", "lowers"]
Kind = Literal["retained", "left", "purchase", "payment", "contact", "other"]
LateBand = Literal["low", "medium", "high"]
LifecycleStage = Literal["prospect", "development", "growth", "maturity", "termination"]
Payer = Literal["cannot_pay", "will_not_pay", "unclear"]
Problem = Literal["invalid", "conflict"]
Role = Literal["champion", "challenger"]
Status = Literal["open", "acknowledged", "in_work", "resolved", "verified", "expired"]
Tier = Literal["strategic", "key", "general", "potential"]
Trajectory = Literal["rising", "peak", "stable", "declining"]
Trend = Literal["new", "worse", "better", "steady"]
Unit = Literal["share", "yearly_share", "days", "count", "points"]
What = Literal["acknowledge", "start", "resolve", "verify", "assign", "note"]
ScorePart = dict[str, Any]
"""Some fields of a score, or its texts in one language, as asked for."""


class BilingualText(TypedDict):
    """One sentence in both languages."""

    en: NotRequired[str]
    zh: NotRequired[str]


class Alternative(TypedDict):
    """Another action that fits the customer, and what it is expected to earn by itself."""

    action: str
    name: BilingualText
    action_cost: float
    expected_profit: float
    expected_profit_low: float
    expected_profit_high: float


class Reason(TypedDict):
    """Why the churn risk is what it is: one driver, the strongest first."""

    feature: str
    family: str
    direction: Direction
    weight: float
    en: NotRequired[str]
    zh: NotRequired[str]


class Score(TypedDict):
    """One customer at ``as_of``: churn risk, segment, money at stake, recommended action, and the reasons."""

    customer_id: str
    customer_name: str | None
    account_manager: str | None
    as_of: str
    churn_probability: float | None
    churn_probability_low: float | None
    churn_probability_high: float | None
    churn_horizon_days: int
    expected_days: float | None
    expected_days_low: float | None
    expected_days_high: float | None
    expected: BilingualText | None
    churn_band: ChurnBand | None
    segment: str | None
    days_since_last_purchase: float | None
    purchase_days_365d: float | None
    spend_365d: float | None
    overdue_balance: float | None
    value_at_stake: float | None
    value_horizon_days: int
    expected_purchases: NotRequired[float | None]
    expected_purchases_low: NotRequired[float | None]
    expected_purchases_high: NotRequired[float | None]
    expected_revenue: NotRequired[float | None]
    expected_revenue_low: NotRequired[float | None]
    expected_revenue_high: NotRequired[float | None]
    lifetime_value: NotRequired[float | None]
    lifetime_value_low: NotRequired[float | None]
    lifetime_value_high: NotRequired[float | None]
    lifetime_value_net: NotRequired[float | None]
    value_score: NotRequired[float | None]
    share_of_customer: NotRequired[float | None]
    tier: NotRequired[Tier | None]
    tier_name: NotRequired[BilingualText | None]
    lifecycle_stage: NotRequired[LifecycleStage | None]
    trajectory: NotRequired[Trajectory | None]
    trajectory_probability: NotRequired[float | None]
    trajectory_since: NotRequired[str | None]
    loyalty_index: NotRequired[float | None]
    cluster: NotRequired[int | None]
    cluster_name: NotRequired[BilingualText | None]
    credit_class: NotRequired[CreditClass | None]
    credit_score: NotRequired[float | None]
    credit_probability: NotRequired[float | None]
    late_probability: NotRequired[float | None]
    credit_response: NotRequired[str | None]
    credit_response_name: NotRequired[BilingualText | None]
    currency: str
    recommended_action: str | None
    recommended_action_name: BilingualText | None
    accompanying_action: NotRequired[str | None]
    accompanying_action_name: NotRequired[BilingualText | None]
    why: BilingualText | None
    action_cost: float | None
    assumed_effect: float | None
    assumed_effect_low: float | None
    assumed_effect_high: float | None
    expected_profit: float | None
    expected_profit_low: float | None
    expected_profit_high: float | None
    assumption: BilingualText | None
    alternatives: NotRequired[list[Alternative]]
    reasons: list[Reason]
    abstained_because: BilingualText | None
    model_version: str | None
    catalogue_hash: str


class LookupAnswer(TypedDict):
    """The customers found, in the order asked, each once; and the ids that are not in the run."""

    customers: list[Score | ScorePart]
    not_found: list[str]


class PlanItem(TypedDict):
    """One contact of the plan."""

    place: int
    customer_id: str
    customer_name: str | None
    account_manager: str | None
    tier: str | None
    churn_probability: float | None
    value_at_stake: float | None
    overdue_balance: float | None
    why: BilingualText | None
    action: str
    action_name: BilingualText
    channel: Channel
    team: str | None
    accompanying_action: str | None
    accompanying_action_name: BilingualText | None
    accompanying_channel: AccompanyingChannel | None
    accompanying_team: str | None
    minutes: float
    action_cost: float
    expected_profit: float
    expected_profit_low: float
    expected_profit_high: float
    currency: str


class Recommendations(TypedDict):
    """What to do about one customer, what else would fit, and what the plan holds for it."""

    customer_id: str
    as_of: str
    recommended_action: str | None
    recommended_action_name: BilingualText | None
    accompanying_action: str | None
    accompanying_action_name: BilingualText | None
    why: BilingualText | None
    action_cost: float | None
    expected_profit: float | None
    expected_profit_low: float | None
    expected_profit_high: float | None
    currency: str
    assumption: BilingualText | None
    alternatives: list[Alternative]
    planned: PlanItem | None


class Risk(TypedDict):
    """The risk of one row of features."""

    customer_id: str | None
    churn_probability: float | None
    churn_probability_low: float | None
    churn_probability_high: float | None
    churn_band: ChurnBand | None
    abstained_because: BilingualText | None
    reasons: list[Reason]
    model_version: str


class ActionEffect(TypedDict):
    """What an action of the playbook does to the churn probability, as it is believed or was learnt; not what a model says."""

    action: str
    action_name: BilingualText
    share: float
    share_low: float
    share_high: float
    churn_probability: float | None
    churn_probability_low: float | None
    churn_probability_high: float | None
    source: BilingualText


class ScoreAnswer(TypedDict):
    """Scores on request. Rows of features get a risk each; customers and facts a whole score, as in a batch."""

    as_of: str | None
    churn_horizon_days: int
    scores: list[Risk | Score]
    before: NotRequired[Score | None]
    changed: NotRequired[dict[str, float | None]]
    action_effect: NotRequired[ActionEffect | None]
    caution: NotRequired[BilingualText | None]


class RejectedEvent(TypedDict):
    """A line that was not added, and why."""

    line: int
    event_id: str | None
    problem: Problem
    reason: BilingualText


class EventsAnswer(TypedDict):
    """What became of the events. Those accepted are on the disk before this is said."""

    accepted: int
    duplicate: int
    rejected: int
    sequence: int
    rejections: list[RejectedEvent]


class EventsStatus(TypedDict):
    """How far the events have come into the scores that are served."""

    sequence: int
    applied: int
    waiting: int
    lag_ms: float
    rescored_as_of: str | None


class LogAnswer(TypedDict):
    """What was logged. All entries are on the disk before this is said."""

    added: int
    repeated: int
    ids: list[str]


class ActionEntry(TypedDict):
    """An action that was carried out, or the decision to withhold it."""

    action_id: NotRequired[str | None]
    customer_id: str
    at: str
    action: str
    arm: Arm
    campaign: NotRequired[str | None]
    channel: NotRequired[str | None]
    cost: NotRequired[float | None]
    propensity: NotRequired[float | None]
    by: NotRequired[str | None]
    note: NotRequired[str | None]


class OutcomeEntry(TypedDict):
    """Something that came of it."""

    outcome_id: NotRequired[str | None]
    customer_id: str
    at: str
    kind: Kind
    amount: NotRequired[float | None]
    campaign: NotRequired[str | None]
    note: NotRequired[str | None]


class PlanLimit(TypedDict):
    """One limit of the plan: how much of it is used, and what one more unit would be worth."""

    name: BilingualText
    unit: BilingualText
    used: float
    at_most: float | None
    at_least: float | None
    shadow_price: float
    sentence: BilingualText


class PlanSummary(TypedDict):
    """What the plan is, apart from its contacts."""

    plan_id: str
    run_id: str
    as_of: str
    made_at: str
    period_days: int
    currency: str
    customers: int
    contacts: int
    controls: int
    resting: int
    expected_profit: float
    expected_profit_low: float
    expected_profit_high: float
    most_possible_profit: float
    limits: list[PlanLimit]


class AlertCase(TypedDict):
    """A warning as a case: what is wrong, why, how it moves, what to do, who does it, and how far that is."""

    alert_id: str
    customer_id: str
    customer_name: str | None
    kind: AlertCaseKind
    kind_name: BilingualText
    colour: Colour
    status: Status
    owner: str | None
    level: int
    value: float | None
    unit: Unit
    trend: Trend
    trend_since: str
    cause: BilingualText
    proposal: BilingualText
    opened_at: str
    as_of: str
    calm_since: str | None
    closed_at: str | None


class AlertEvent(TypedDict):
    """One entry of a case's history; none is ever changed or removed."""

    event_id: str
    at: str
    by: str | None
    what: str
    what_name: BilingualText
    status: Status
    colour: Colour
    level: int
    owner: str | None
    value: float | None
    note: str | None


class AlertAnswer(TypedDict):
    """A case with its whole history, the oldest entry first."""

    alert: AlertCase
    history: list[AlertEvent]


class AlertMove(TypedDict):
    """What somebody does about a case. The same ``event_id`` again changes nothing."""

    event_id: str
    by: str
    what: What
    owner: NotRequired[str | None]
    note: NotRequired[str | None]


class CustomerReceivables(TypedDict):
    """What one customer owes at ``as_of``, how it pays, how far it can be trusted, and how to answer."""

    customer_id: str
    as_of: str
    currency: str
    balance: float
    open: float
    overdue: float
    open_current: float
    open_1_30: float
    open_31_60: float
    open_61_90: float
    open_over_90: float
    disputed_open: float
    unapplied: float
    open_items: int
    oldest_overdue_days: int
    credit_limit: float | None
    credit_used_share: float | None
    dso_days: float | None
    late_share: float | None
    late_probability: float | None
    expected_loss: float | None
    credit_class: CreditClass | None
    credit_score: float | None
    credit_probability: float | None
    credit_probability_low: float | None
    credit_probability_high: float | None
    credit_basis: CreditBasis | None
    points_character: float | None
    points_capacity: float | None
    points_capital: float | None
    points_collateral: float | None
    points_conditions: float | None
    has_overdue_risk: bool
    payer: Payer | None
    evidence: BilingualText | None
    credit_response: CreditResponse | None
    credit_response_name: BilingualText | None
    dunning_step: str | None
    dunning_step_name: BilingualText | None
    suggested_credit_limit: float | None
    suggested_terms_days: float | None
    suggested_deposit_share: float | None
    instalments: float | None
    instalment_amount: float | None
    early_discount_share: float | None
    early_discount_annual_cost: float | None


class InvoiceRisk(TypedDict):
    """One open invoice at ``as_of``: what is open, and when the money may be expected."""

    invoice_id: str
    customer_id: str
    as_of: str
    issued_at: str
    due_at: str
    amount: float
    open_amount: float
    days_overdue: int
    bucket: Bucket
    disputed: bool | None
    late_probability: float | None
    late_30_probability: float | None
    late_band: LateBand | None
    expected_paid_at: str | None
    expected_paid_low: str | None
    expected_paid_high: str | None
    unpaid_probability: float | None
    basis: Basis | None
    currency: str
    model_version: str | None


class ReceivablesAnswer(TypedDict):
    """One customer's debts with its open invoices, the oldest first."""

    customer: CustomerReceivables
    invoices: list[InvoiceRisk]


class FeatureDrift(TypedDict):
    """A feature whose values have moved since training."""

    feature: str
    index: float
    limit: NotRequired[float]


class PopulationDrift(TypedDict):
    """How far the customers at risk are from those that the model was learnt among: population stability indices."""

    customers_then: int
    customers_now: int
    churn_probability: float
    churn_probability_limit: NotRequired[float]
    moved: int
    moved_most: list[FeatureDrift]


class RunSummary(TypedDict):
    """Counts and sums over all customers of a run."""

    customers: int
    abstained: int
    leaving: NotRequired[BilingualText | None]
    by_segment: dict[str, int]
    by_churn_band: dict[str, int]
    by_tier: NotRequired[dict[str, int]]
    tier_names: NotRequired[dict[str, BilingualText]]
    by_lifecycle_stage: NotRequired[dict[str, int]]
    by_trajectory: NotRequired[dict[str, int]]
    lifetime_value: NotRequired[float | None]
    by_action: dict[str, int]
    action_names: dict[str, BilingualText]
    high_risk_value_at_stake: float | None
    expected_profit: float | None
    currency: str
    drift: NotRequired[PopulationDrift | None]
    churn_horizon_days: int
    value_horizon_days: int


class PublishedRun(TypedDict):
    """The run of scores that is served now."""

    run_id: str
    as_of: str
    published_at: str
    model_version: str | None
    model_metrics: dict[str, float | None]
    rows: int
    summary: RunSummary


class RefusedVersion(TypedDict):
    """A version of the churn model that is to serve and does not hold."""

    version: str
    role: Role
    because: Because
    reason: BilingualText


class ModelsInService(TypedDict):
    """The versions of the churn model that answer requests for scores, in the process that was asked."""

    champion: str | None
    challenger: str | None
    refused: list[RefusedVersion]


class Readiness(TypedDict):
    """What the service answers from."""

    status: Literal["ok"]
    run_id: str
    as_of: str
    age_seconds: int
    is_stale: bool
    models: ModelsInService | None


class ProblemFinding(TypedDict):
    """One thing that is wrong with a request."""

    where: str
    message: str

"""How debtors are answered: limits, terms and deposits by class, dunning by days overdue, and what waiting may cost."""

from itertools import pairwise

from pydantic import Field, model_validator

from features.text import Text
from serving.decisions.fields import Channel, Condition, Id, Share, Strict, Words, fault_of


class ByClass(Strict):
    """A number for each credit class, A (best) to E."""

    A: float = Field(ge=0)
    B: float = Field(ge=0)
    C: float = Field(ge=0)
    D: float = Field(ge=0)
    E: float = Field(ge=0)

    def rising(self) -> bool:
        """Whether no class has less than a better one."""
        return all(low <= high for low, high in pairwise(self.values()))

    def values(self) -> tuple[float, ...]:
        """The numbers from A to E."""
        return (self.A, self.B, self.C, self.D, self.E)


class DunningStep(Strict):
    """What is done about money that is overdue for so many days or more."""

    id: Id
    name: Words
    from_days_overdue: int = Field(ge=1)
    channel: Channel


class CreditPolicy(Strict):
    """The company's rules.

    ``limit_days``: the credit limit as days of the customer's usual purchases. ``terms_days``: days to pay (0: payment before
    delivery). ``deposit_share``: of an order, to be paid before delivery. ``early_discount_share`` is offered for payment
    within ``early_discount_days``, where it costs less than waiting. ``capital_cost_per_year``: what money that comes
    later costs. Who cannot pay now and ``is_worth_holding`` gets ``instalments`` monthly ones.
    """

    limit_days: ByClass
    terms_days: ByClass
    deposit_share: ByClass
    early_discount_share: Share
    early_discount_days: int = Field(ge=0)
    capital_cost_per_year: Share
    instalments: int = Field(ge=2, le=60)
    is_worth_holding: Condition
    dunning: tuple[DunningStep, ...]

    @model_validator(mode="after")
    def _ordered(self) -> "CreditPolicy":
        for name in ("limit_days", "terms_days"):
            values = getattr(self, name).values()
            if any(low > high for high, low in pairwise(values)):
                raise fault_of(
                    Text(
                        "{name} must not rise from A to E; got {values}", "{name} 从 A 到 E 不得递增；得到 {values}"
                    ).format(name=name, values=", ".join(f"{v:g}" for v in values))
                )
        if not self.deposit_share.rising() or self.deposit_share.E > 1:
            raise fault_of(
                Text("deposit_share must rise from A to E, up to 1", "deposit_share 从 A 到 E 应递增，且不超过 1")
            )
        days = [step.from_days_overdue for step in self.dunning]
        if not days or any(low >= high for low, high in pairwise(days)):
            raise fault_of(
                Text(
                    "dunning needs at least one step, each later than the one before; got days {days}",
                    "dunning 至少需要一个步骤，且逾期天数依次递增；得到 {days}",
                ).format(days=", ".join(map(str, days)))
            )
        return self

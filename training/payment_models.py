"""The models of payment that may speak as of an instant: those that serve, or ones learnt for one answer alone."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from features.progress import Progress, silent
from features.sources import Facts
from features.text import Text
from training.beside import or_why_not, serving_credit, serving_late_payment
from training.credit_score.fit import fit_credit_score
from training.credit_score.model import CreditScore
from training.late_payment.fit import fit_late_payment
from training.late_payment.model import LatePayment

SEED = 0

Model = TypeVar("Model")

LATE, CREDIT = Text("Who pays when", "付款时间"), Text("Credit", "信用")
REGISTERED = Text(
    "{subject}: told by version {version} of the last training, which knows facts before {known:%Y-%m-%d}.",
    "{subject}：使用最近一次训练的版本 {version}，其数据截至 {known:%Y-%m-%d} 之前。",
)
LEARNT = Text(
    "{subject}: learnt for this answer alone from the facts known before {as_of:%Y-%m-%d}; nothing of it is kept.",
    "{subject}：仅为本次查询、用 {as_of:%Y-%m-%d} 之前已知的数据训练；不会保留。",
)
UNTOLD = Text("{subject}: not told. {why}", "{subject}：无法判断。{why}")


@dataclass(frozen=True)
class PaymentModels:
    """The models, None where nothing can be told; ``told`` says where each comes from, or why there is none.

    Versions are those of the registry, None of a model that was learnt for this answer alone.
    """

    late: LatePayment | None
    credit: CreditScore | None
    late_version: str | None
    told: tuple[Text, ...]


def payment_models(facts: Facts, as_of: datetime, progress: Progress = silent) -> PaymentModels:
    """The models that serve, unless they know facts of after ``as_of`` (aware): those, and missing ones, are learnt now.

    Raises ModelError, StorageError: what is registered cannot be read.
    """
    local = as_of.astimezone(facts.project.timezone)
    late_serving, credit_serving = serving_late_payment(facts.project), serving_credit(facts.project)
    told: list[Text] = []
    late: LatePayment | Text
    credit: CreditScore | Text
    if late_serving is not None and (known := datetime.fromisoformat(late_serving.model.learnt.as_of)) <= as_of:
        late, late_version = late_serving.model, late_serving.version
        told.append(REGISTERED.format(subject=LATE, version=late_version, known=known))
    else:
        progress(Text("learning who pays when", "学习付款时间"), 0.05)
        late, late_version = or_why_not(lambda: fit_late_payment(facts, as_of, SEED)), None
        told.append(_learnt(LATE, late, local))
    if isinstance(late, LatePayment):
        told += late.said()
    if credit_serving is not None and (known := datetime.fromisoformat(credit_serving.model.as_of)) <= as_of:
        credit = credit_serving.model
        told.append(REGISTERED.format(subject=CREDIT, version=credit_serving.version, known=known))
    else:
        progress(Text("learning who grows overdue", "学习谁会逾期"), 0.4)
        credit = or_why_not(lambda: fit_credit_score(facts, as_of, SEED))
        told.append(_learnt(CREDIT, credit, local))
    return PaymentModels(
        late if isinstance(late, LatePayment) and late.passed else None,
        credit if isinstance(credit, CreditScore) else None,
        late_version,
        tuple(told),
    )


def _learnt(subject: Text, model: object, as_of: datetime) -> Text:
    if isinstance(model, Text):
        return UNTOLD.format(subject=subject, why=model)
    return LEARNT.format(subject=subject, as_of=as_of)

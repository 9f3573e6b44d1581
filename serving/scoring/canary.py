"""Which customers a challenger answers: a share of them, always the same ones, drawn anew for each challenger."""

import hashlib

_STEPS = 2**64


def is_canary(customer_id: str, seed: str, share: float) -> bool:
    """Whether a customer is among the ``share`` (0 to 1) whom the challenger answers.

    The draw hangs on the id and the seed alone: it is the same in every process, and who is in at one share is in at
    any larger one.

    >>> is_canary("C-1", "acme-churn 4", 0.0), is_canary("C-1", "acme-churn 4", 1.0)
    (False, True)
    """
    digest = hashlib.sha256(f"{seed}\0{customer_id}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) < share * _STEPS

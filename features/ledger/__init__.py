"""The receivables ledger: who owes what since when, reconciling to the cent, as it was known at any instant."""

from features.ledger.ledger import Ledger, open_ledger

__all__ = ["Ledger", "open_ledger"]

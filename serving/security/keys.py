"""API keys: ``rtn_ID_SECRET``. The secret is 256 random bits, so that a plain hash of it can be kept and compared fast."""

import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal, NamedTuple, get_args

from serving.store.keys import StoredKey

Scope = Literal["read", "score", "write", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""What a key may do: read what is stored, have customers scored, log and work on warnings, or everything."""

GRACE = timedelta(hours=24)
"""How long a key that was rotated stays good beside its successor."""

_PREFIX = "rtn"
_SECRET_BYTES = 32


class NewKey(NamedTuple):
    """A key that was just made: what is stored of it, and the text that is shown once."""

    stored: StoredKey
    text: str


class Given(NamedTuple):
    """A key as it was sent."""

    key_id: str
    secret: str


def make_key(
    name: str, scopes: Iterable[Scope], account_manager: str | None, created_at: datetime, life: timedelta
) -> NewKey:
    """A new key with a random id and secret."""
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(_SECRET_BYTES)
    granted: frozenset[str] = frozenset(scopes)
    stored = StoredKey(
        *(key_id, hash_secret(secret), name, granted, account_manager),
        *(created_at, created_at + life, None, None),
    )
    return NewKey(stored, f"{_PREFIX}_{key_id}_{secret}")


def parse_key(text: str) -> Given | None:
    """The id and the secret in a key; None: it is not written like one.

    >>> parse_key("rtn_0a1b2c_s_ecret")
    Given(key_id='0a1b2c', secret='s_ecret')
    """
    prefix, _, rest = text.partition("_")
    key_id, _, secret = rest.partition("_")
    return Given(key_id, secret) if prefix == _PREFIX and key_id and secret else None


def hash_secret(secret: str) -> str:
    """What is kept of a secret: SHA-256, hexadecimal."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def is_right(secret: str, secret_hash: str) -> bool:
    """Whether a secret is the one that was hashed; takes as long for a wrong one as for the right one."""
    return hmac.compare_digest(hash_secret(secret), secret_hash)

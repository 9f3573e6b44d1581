"""Signed in on the pages: a cookie that says which key was shown and until when, signed by this service."""

import hmac
import os
import secrets
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from features.text import Text
from serving.security.key_ring import Held, KeyRing
from serving.store.keys import StoredKey

COOKIE = "retinue_session"
SESSION_SECONDS = 12 * 3600
SECRET_FILE = "session.key"
_SECRET_BYTES = 32
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def session_secret(folder: Path) -> bytes:
    """The secret that signs sessions, made in ``folder`` when there is none; only its owner may read the file.

    Raises OSError: the file can neither be read nor made.
    """
    file = folder / SECRET_FILE
    whole = folder / f".{SECRET_FILE}.{secrets.token_hex(4)}"
    try:
        return file.read_bytes()
    except FileNotFoundError:
        pass
    with open(os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as made:
        made.write(secrets.token_bytes(_SECRET_BYTES))
    try:
        os.link(whole, file)  # whole or not at all, and the first of two servers wins
    except FileExistsError:
        pass
    finally:
        whole.unlink()
    return file.read_bytes()


def make_session(key: StoredKey, secret: bytes, now: float) -> str:
    """The cookie of who showed ``key``; ``now`` in seconds since 1970."""
    content = f"{key.key_id}.{int(now) + SESSION_SECONDS}"
    return f"{content}.{_signature(content, key, secret)}"


def holder_of(cookie: str, keys: KeyRing, secret: bytes, now: float) -> Held | None:
    """The live key behind a cookie; None: it expired, was changed, or its key was revoked. Raises StorageError."""
    content, _, signature = cookie.rpartition(".")
    key_id, _, end = content.partition(".")
    if not (end.isascii() and end.isdigit() and len(end) < 16 and now < int(end)):
        return None
    held = keys.live(key_id)
    is_ours = held is not None and hmac.compare_digest(
        signature.encode(), _signature(content, held.key, secret).encode()
    )
    if held is None or not is_ours:
        return None
    keys.note_use(key_id)
    return held


def _signature(content: str, key: StoredKey, secret: bytes) -> str:
    return hmac.new(secret + key.secret_hash.encode(), content.encode("utf-8", "replace"), sha256).hexdigest()


def is_foreign(headers: Headers) -> bool:
    """Whether a page of another site sent the request, which a browser does with the reader's cookies."""
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
        return True
    return headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")


FOREIGN = Text(
    "This form was sent by a page of another site, so nothing was done. Open the page here and do it again.",
    "该表单由其他网站的页面提交，未执行任何操作。请在本站打开该页面后重试。",
)

"""Bearer tokens of a company's own sign-on (OpenID Connect): signed by its keys, for this service, and not expired."""

import logging
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, build_opener

import jwt
import orjson
from starlette.concurrency import run_in_threadpool

from features.errors import RetinueError
from features.serve_settings import OidcSettings
from features.text import Text
from serving.problems import SIGN_ON_UNAVAILABLE, ApiError
from serving.security.access import Principal
from serving.security.keys import SCOPES

ALGORITHMS = ("RS256", "ES256")
"""Signatures by a key pair: with a shared secret (HS256), whoever knows the public key could sign."""
KEYS_GOOD_FOR_SECONDS = 3600.0
LEAST_SECONDS_BETWEEN_FETCHES = 10.0
_FETCH_SECONDS = 5.0
_MOST_BYTES = 1_000_000
_MOST_CHARACTERS = 8192
_LEEWAY_SECONDS = 30
_LOG = logging.getLogger(__name__)


class Tokens:
    """Checks tokens by the issuer's keys, which are fetched when they are first needed, hourly, and for an unknown key id."""

    def __init__(self, settings: OidcSettings) -> None:
        self._settings = settings
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._fetched_at = self._tried_at = float("-inf")

    async def who(self, token: str) -> Principal | None:
        """Who sends this token; None: it is no good. Raises ApiError: the issuer's keys cannot be had."""
        if len(token) > _MOST_CHARACTERS:
            return None
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in ALGORITHMS:
                return None
            key = await self._key(header.get("kid"))
            return None if key is None else _principal(self._claims(token, key), self._settings)
        except (jwt.PyJWTError, ValueError):
            return None

    def _claims(self, token: str, key: jwt.PyJWK) -> dict[str, Any]:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=list(ALGORITHMS),
            audience=self._settings.audience,
            issuer=self._settings.issuer,
            leeway=_LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )
        return claims

    async def _key(self, key_id: str | None) -> jwt.PyJWK | None:
        now = monotonic()
        is_old = now - self._fetched_at > KEYS_GOOD_FOR_SECONDS
        if (is_old or key_id not in self._keys) and now - self._tried_at > LEAST_SECONDS_BETWEEN_FETCHES:
            self._tried_at = now
            try:
                self._keys, self._fetched_at = await run_in_threadpool(fetch_keys, self._settings.keys), now
            except (OSError, ValueError, jwt.PyJWTError) as fault:
                _LOG.error("the keys of the sign-on cannot be read from %s: %s", self._settings.keys, fault)
        if not self._keys:
            raise ApiError(SIGN_ON_UNAVAILABLE, _UNAVAILABLE)
        return self._keys.get(key_id)


def fetch_keys(place: str) -> dict[str | None, jwt.PyJWK]:
    """The public keys of a JWKS, by id, those of the algorithms that are taken; a single one stands for tokens without an id.

    Raises OSError: it cannot be had; ValueError, PyJWTError: it is no JWKS.
    """
    if urlsplit(place).scheme in ("http", "https"):
        try:
            with build_opener(_NoRedirect).open(place, timeout=_FETCH_SECONDS) as answer:
                content = answer.read(_MOST_BYTES)
        except HTTPError as fault:
            fault.close()  # it holds the connection
            raise
    else:
        content = Path(place).read_bytes()
    listed = orjson.loads(content)
    if not isinstance(listed, dict) or not isinstance(listed.get("keys"), list):
        raise ValueError("expected a JSON object with a list of keys")
    keys: dict[str | None, jwt.PyJWK] = {}
    for described in listed["keys"]:
        if described.get("kty") in ("RSA", "EC") and described.get("use", "sig") == "sig":
            key = jwt.PyJWK.from_dict(described)
            if key.algorithm_name in ALGORITHMS:
                keys[key.key_id] = key
    return keys if len(keys) != 1 else keys | dict.fromkeys([None], next(iter(keys.values())))


class _NoRedirect(HTTPRedirectHandler):
    """The address in the project file is the one that is trusted, and no other."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _principal(claims: Mapping[str, Any], settings: OidcSettings) -> Principal | None:
    """Who the claims speak of; None: they name no account manager where they should, and would see everything."""
    given = claims.get(settings.scope_claim) or ()
    words = given.split() if isinstance(given, str) else given if isinstance(given, list) else ()
    scopes = frozenset(word for word in words if word in SCOPES)
    manager = claims.get(settings.account_manager_claim) if settings.account_manager_claim else None
    if settings.account_manager_claim and "admin" not in scopes and not (isinstance(manager, str) and manager):
        return None
    return Principal(f"token:{claims['sub']}", scopes, manager if isinstance(manager, str) and manager else None)


def check_keys(settings: OidcSettings) -> None:
    """Raises SignOnError: a file of keys that cannot be read; what comes over the network is fetched when needed."""
    if urlsplit(settings.keys).scheme in ("http", "https"):
        return
    try:
        fetch_keys(settings.keys)
    except (OSError, ValueError, jwt.PyJWTError) as fault:
        raise SignOnError(_NO_KEYS, file=settings.keys, fault=fault) from fault


class SignOnError(RetinueError):
    """The company's own sign-on is set up wrongly."""


_UNAVAILABLE = Text(
    "The keys of the company's sign-on cannot be read, so that no token can be checked. Try again, or use an access key.",
    "无法读取企业单点登录的公钥，暂不能验证令牌。请稍后重试，或使用访问密钥。",
)
_NO_KEYS = Text(
    "[serve.oidc] keys: the file {file} cannot be read as a JWKS ({fault}). Give the file that your sign-on publishes.",
    "[serve.oidc] keys：无法将文件 {file} 读作 JWKS（{fault}）。请提供单点登录系统发布的文件。",
)

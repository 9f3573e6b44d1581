"""Tokens of a company's sign-on: real signatures, and keys from a real HTTP server."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from features.errors import ProjectError
from features.project import load_project
from features.serve_settings import OidcSettings
from serving.problems import ApiError
from serving.security import tokens
from serving.security.access import Principal
from serving.security.tokens import SignOnError, Tokens, check_keys
from serving.server import settings_of
from tests.serving.conftest import write_project
from tests.serving.security.company import ANNA, bearer, fill, served

RSA, OTHER_RSA = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
EC = ec.generate_private_key(ec.SECP256R1())
ISSUER, AUDIENCE = "https://sign-on.example", "retinue"


def described(key: Any, key_id: str, algorithm: str) -> dict[str, Any]:
    """A public key as a JWKS tells it."""
    kind = jwt.algorithms.RSAAlgorithm if algorithm.startswith("RS") else jwt.algorithms.ECAlgorithm
    return {**kind.to_jwk(key.public_key(), as_dict=True), "kid": key_id, "alg": algorithm, "use": "sig"}


class SignOn(HTTPServer):
    """A sign-on that publishes keys, and counts how often it is asked."""

    asked = 0
    published: list[dict[str, Any]]
    status = 200


class Publishing(BaseHTTPRequestHandler):
    server: SignOn

    def do_GET(self) -> None:
        self.server.asked += 1
        self.send_response(self.server.status)
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(json.dumps({"keys": self.server.published}).encode())

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def sign_on() -> Iterator[SignOn]:
    server = SignOn(("127.0.0.1", 0), Publishing)
    server.published = [described(RSA, "r", "RS256"), described(EC, "e", "ES256")]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def settings(sign_on: SignOn, **changes: Any) -> OidcSettings:
    keys = f"http://127.0.0.1:{sign_on.server_port}/keys"
    return OidcSettings.model_validate({"issuer": ISSUER, "audience": AUDIENCE, "keys": keys} | changes)


def token(key: Any = RSA, key_id: str | None = "r", algorithm: str = "RS256", **changes: Any) -> str:
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "anna", "exp": now + 60, "scope": "openid read write"} | changes
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, key, algorithm, headers={"kid": key_id} if key_id else None)


def who(tokens: Tokens, text: str) -> Principal | None:
    return asyncio.run(tokens.who(text))


def test_good_tokens_of_both_kinds_of_keys_say_who_asks(sign_on: SignOn) -> None:
    checked = Tokens(settings(sign_on))
    expected = Principal("token:anna", frozenset({"read", "write"}))
    assert who(checked, token()) == who(checked, token(EC, "e", "ES256")) == expected
    assert who(checked, token(scope=["admin", "other"])) == Principal("token:anna", frozenset({"admin"}))
    assert who(checked, token(scope=None)) == who(checked, token(scope=7)) == Principal("token:anna", frozenset())
    assert sign_on.asked == 1


PUBLIC_PEM = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _hs256_by_public_key() -> str:
    """Signed with the public key as if it were a shared secret; the library refuses to make it, so it is made by hand."""
    import base64
    import hmac

    def part(content: dict[str, Any]) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=")

    claims = jwt.decode(token(), options={"verify_signature": False})
    content = part({"alg": "HS256", "kid": "r", "typ": "JWT"}) + b"." + part(claims)
    signature = base64.urlsafe_b64encode(hmac.digest(PUBLIC_PEM, content, "sha256")).rstrip(b"=")
    return (content + b"." + signature).decode()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(token(exp=int(time.time()) - 60), id="expired"),
        pytest.param(token(exp=None), id="never expires"),
        pytest.param(token(nbf=int(time.time()) + 600), id="not yet"),
        pytest.param(token(aud="another"), id="for another service"),
        pytest.param(token(aud=None), id="for nobody"),
        pytest.param(token(iss="https://elsewhere.example"), id="of another issuer"),
        pytest.param(token(sub=None), id="of nobody"),
        pytest.param(token(OTHER_RSA), id="signed by another key"),
        pytest.param(token(key_id=None), id="by no key of two"),
        pytest.param(token(EC, "r", "ES256"), id="key of another kind"),
        pytest.param(token("", "r", "none"), id="unsigned"),
        pytest.param(_hs256_by_public_key(), id="the public key as a secret"),
        pytest.param(token(RSA, "r", "RS512"), id="another algorithm"),
        pytest.param(token()[:-4] + "AAAA", id="changed signature"),
        pytest.param(token() + "x" * 9000, id="too long"),
        pytest.param("ey.ey.ey", id="no token"),
        pytest.param("", id="nothing"),
        pytest.param("é.ü.ñ", id="no text of a token"),
    ],
)
def test_other_tokens_are_refused(sign_on: SignOn, text: str) -> None:
    assert who(Tokens(settings(sign_on)), text) is None


def test_the_account_manager_comes_from_its_claim_and_is_never_left_out(sign_on: SignOn) -> None:
    checked = Tokens(settings(sign_on, account_manager_claim="manager"))
    assert who(checked, token(manager=ANNA)) == Principal("token:anna", frozenset({"read", "write"}), ANNA)
    assert who(checked, token()) is None
    assert who(checked, token(manager="")) is None
    assert who(checked, token(manager=["Anna"])) is None
    assert who(checked, token(scope="admin")) == Principal("token:anna", frozenset({"admin"}))


def test_a_new_key_is_fetched_when_it_is_first_seen_but_not_for_every_made_up_one(
    sign_on: SignOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.monotonic()
    monkeypatch.setattr(tokens, "monotonic", lambda: now)
    checked = Tokens(settings(sign_on))
    assert who(checked, token())
    sign_on.published = [described(OTHER_RSA, "new", "RS256")]
    for _ in range(5):
        assert who(checked, token(OTHER_RSA, "new")) is None
    assert sign_on.asked == 1
    now += 11
    assert who(checked, token(OTHER_RSA, "new"))
    assert who(checked, token()) is None  # taken back by the sign-on
    assert who(checked, token(OTHER_RSA, None))  # a single key needs no name
    sign_on.status = 500
    now += 4000
    assert who(checked, token(OTHER_RSA, "new"))  # the sign-on fails: the keys known stay good
    assert sign_on.asked == 3


def test_a_sign_on_that_leads_elsewhere_or_fails_is_said_to_be_unavailable(sign_on: SignOn) -> None:
    for status in (302, 500):
        sign_on.status = status
        with pytest.raises(ApiError, match="cannot be read"):
            who(Tokens(settings(sign_on)), token())


def test_a_server_with_a_sign_on_takes_its_tokens_and_keys(tmp_path: Path) -> None:
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [described(RSA, "r", "RS256")]}))
    serve = (
        f'\n[serve.oidc]\nissuer = "{ISSUER}"\naudience = "{AUDIENCE}"\nkeys = "jwks.json"\n'
        'account_manager_claim = "manager"\n'
    )
    fill(tmp_path, serve).close()
    with served(settings_of(load_project(tmp_path))) as client:
        assert client.get("/v1/customers/C-1").status_code == 401  # although there is no key
        headers = bearer(token(manager=ANNA))
        assert client.get("/v1/customers/C-1", headers=headers).status_code == 200
        assert client.get("/v1/customers/C-2", headers=headers).status_code == 404
        assert client.get("/v1/customers/C-2", headers=bearer(token(scope="admin"))).status_code == 200
        assert client.get("/v1/customers/C-1", headers=bearer(token(manager=ANNA, scope="write"))).status_code == 403


def test_a_sign_on_set_up_wrongly_stops_the_server_or_the_project_file(tmp_path: Path) -> None:
    with pytest.raises(SignOnError, match=r"cannot be read as a JWKS"):
        check_keys(OidcSettings(issuer=ISSUER, audience=AUDIENCE, keys=str(tmp_path / "none.json")))
    write_project(tmp_path)
    with (tmp_path / "retinue.toml").open("a") as file:
        file.write('\n[serve.oidc]\nissuer = "i"\naudience = "a"\nkeys = "http://sign-on.example/keys"\n')
    with pytest.raises(ProjectError, match="use https"):
        load_project(tmp_path)

"""How the service may be reached, in the project file: ``[serve]``."""

from urllib.parse import urlsplit

from pydantic import Field, field_validator

from features.project_faults import FindingError
from features.score_settings import Strict
from features.text import Text


class OidcSettings(Strict):
    """Tokens of a company's own sign-on: who issues them, for whom, and the keys that sign them (JWKS: an address or a file).

    ``scope_claim`` names the claim that holds read, score, write or admin; ``account_manager_claim`` the one that names the
    account manager whose customers the token may see.
    """

    issuer: str = Field(min_length=1)
    audience: str = Field(min_length=1)
    keys: str = Field(min_length=1)
    scope_claim: str = Field("scope", min_length=1)
    account_manager_claim: str | None = Field(None, min_length=1)

    @field_validator("keys")
    @classmethod
    def _safe_keys(cls, keys: str) -> str:
        where = urlsplit(keys)
        if where.scheme == "http" and where.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise FindingError(
                Text(
                    "keys that come over http could be anybody's; use https, or a file",
                    "通过 http 获取的公钥可能被篡改；请使用 https 或文件",
                )
            )
        return keys


class AccessSettings(Strict):
    """Who may reach the service, how often, and what is told.

    ``hosts`` are the names it answers to beside this machine's own; ``cors_origins`` the web sites whose pages may ask it;
    ``trusted_proxies`` the addresses whose word on the client's address and on https is taken.
    """

    hosts: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    personal_data: bool = Field(True, strict=True)
    audit_reads: bool = Field(False, strict=True)
    requests_per_minute: int = Field(60_000, ge=1, strict=True)
    anonymous_requests_per_minute: int = Field(60, ge=1, strict=True)
    request_seconds: int = Field(30, ge=1, le=3600, strict=True)
    oidc: OidcSettings | None = None

    @field_validator("hosts")
    @classmethod
    def _bare_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if not host or "/" in host or "*" in host or (":" in host and not host.endswith("]")):
                raise FindingError(
                    Text(
                        "expected names of hosts without scheme, port or *, such as churn.example.org; got {host}",
                        "应为不含协议、端口和 * 的主机名，例如 churn.example.org；现为 {host}",
                    ).format(host=host)
                )
        return tuple(host.lower() for host in hosts)

    @field_validator("cors_origins")
    @classmethod
    def _whole_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            parts = urlsplit(origin)
            if (
                parts.scheme not in ("http", "https")
                or not parts.netloc
                or origin != f"{parts.scheme}://{parts.netloc}"
            ):
                raise FindingError(
                    Text(
                        "expected origins such as https://crm.example.org, without a path; got {origin}",
                        "应为不含路径的来源，例如 https://crm.example.org；现为 {origin}",
                    ).format(origin=origin)
                )
        return origins


class ServeSection(AccessSettings):
    """The same, and how requests for scores are answered: ``canary_share`` of the customers by the challenger, the others by the champion.

    With ``shadow`` the challenger also scores what the champion answers, only to be compared with it.
    """

    canary_share: float = Field(0.0, ge=0, le=1, strict=True)
    shadow: bool = Field(False, strict=True)

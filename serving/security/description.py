"""What the description of the API (OpenAPI) says of keys: how they are sent, and how it answers who may not ask."""

from typing import Any

from fastapi import FastAPI

from serving.problems import NO_KEY, NOT_ALLOWED, TOO_MANY, TOO_SLOW, documented
from serving.security.access import PUBLIC

_SCHEMES = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "An access key, or a token of the sign-on / 访问密钥或令牌",
    },
    "key_header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An access key / 访问密钥"},
}
_REFUSALS = documented(NO_KEY, NOT_ALLOWED, TOO_MANY, TOO_SLOW)


def describe_keys(app: FastAPI) -> None:
    """Let the description of every operation say which keys open it, and how it answers otherwise."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = plain()
            document.setdefault("components", {})["securitySchemes"] = _SCHEMES
            for path, operations in document["paths"].items():
                if path not in PUBLIC:
                    for operation in operations.values():
                        _close(operation)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]


def _close(operation: dict[str, Any]) -> None:
    operation["security"] = [{name: []} for name in _SCHEMES]
    for status, answer in _REFUSALS.items():
        told = {name: said for name, said in answer.items() if name != "model"}
        operation["responses"].setdefault(str(status), told)

"""Answers without personal data: the names of people and companies, and notes, are left empty."""

from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import BaseModel
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PERSONAL = frozenset({"customer_name", "account_manager", "owner", "by", "note"})
"""Fields that name a customer or a person, or hold words that somebody wrote."""
_NAMES_OF_PEOPLE = ("owners", "managers")
"""Lists that pages offer to choose from."""


def without_personal_data(value: Any) -> Any:
    """The same with the fields of PERSONAL empty (None), at any depth: of JSON, or of models that a page shows."""
    if isinstance(value, BaseModel):
        changes = {
            name: None if name in PERSONAL else without_personal_data(getattr(value, name))
            for name in type(value).model_fields
        }
        return value.model_copy(update=changes)
    if isinstance(value, Mapping):
        return {name: None if name in PERSONAL else without_personal_data(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [without_personal_data(inner) for inner in value]
    return value


def page_without_personal_data(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a page shows, without personal data."""
    return {
        name: [] if name in _NAMES_OF_PEOPLE else "" if name == "by" else without_personal_data(value)
        for name, value in values.items()
        if name != "asked"
    } | ({"asked": values["asked"]} if "asked" in values else {})


class WithoutPersonalData:
    """Empties the personal fields of whatever the API answers as JSON."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back without personal data."""
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self.app(scope, receive, send)
            return
        start: Message = {}
        body = b""

        async def send_without(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body", False):
                return
            headers = MutableHeaders(scope=start)
            if body and headers.get("content-type", "") == "application/json":  # a 304 says it too, and holds nothing
                body = orjson.dumps(without_personal_data(orjson.loads(body)))
                headers["Content-Length"] = str(len(body))
            await send(start)
            await send({"type": "http.response.body", "body": body})

        await self.app(scope, receive, send_without)

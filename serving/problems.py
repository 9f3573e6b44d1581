"""What the API answers when it cannot answer: problem documents (RFC 9457), and the HTTP status of each error."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse

from features.errors import NotFoundError, RetinueError, StorageError
from features.text import Text
from serving.language import language_of
from serving.pages.render import render
from serving.schemas import Problem

MEDIA_TYPE = "application/problem+json"
MAX_BODY_BYTES = 4_000_000
"""The largest body of a request that is read: a thousand entries with long notes fit into it."""


_RETRY_SECONDS = "5"


class Kind(NamedTuple):
    """A kind of problem: its name in the document's ``type``, its status, its title."""

    name: str
    status: int
    title: Text


BAD_CURSOR = Kind("bad-cursor", 400, Text("The cursor is not valid", "游标无效"))
STALE_CURSOR = Kind("stale-cursor", 410, Text("The cursor belongs to an older run", "游标属于旧批次"))
NOTHING_PUBLISHED = Kind("nothing-published", 503, Text("No scores are published yet", "尚未发布评分"))
CUSTOMER_NOT_FOUND = Kind("customer-not-found", 404, Text("Customer not found", "未找到客户"))
NO_PLAN = Kind("no-plan", 404, Text("No plan was made yet", "尚未制定计划"))
ALERT_NOT_FOUND = Kind("alert-not-found", 404, Text("Warning not found", "未找到预警"))
IMPOSSIBLE_MOVE = Kind("impossible-move", 409, Text("The case cannot go that way", "无法执行该操作"))
FOREIGN_PAGE = Kind("foreign-page", 403, Text("Sent by a page of another site", "请求来自其他网站"))
NOT_FOUND = Kind("not-found", 404, Text("Not found", "未找到"))
METHOD_NOT_ALLOWED = Kind("method-not-allowed", 405, Text("Method not allowed", "不支持该请求方法"))
INVALID_REQUEST = Kind("invalid-request", 422, Text("The request is not valid", "请求无效"))
WRONG_HOST = Kind("wrong-host", 421, Text("Not the host of this service", "主机名不属于本服务"))
STORE_UNAVAILABLE = Kind("store-unavailable", 503, Text("The store cannot be read", "无法读取存储"))
BAD_REQUEST = Kind("bad-request", 400, Text("The request cannot be read", "无法读取请求"))
OVERLOADED = Kind("overloaded", 503, Text("Too many requests at once", "并发请求过多"))
CONFLICT = Kind("conflict", 409, Text("The id stands for another content", "编号已用于其他内容"))
NO_EVENTS = Kind("no-events", 404, Text("No events are taken", "不接收事件"))
TOO_MANY_EVENTS = Kind("too-many-events", 503, Text("Too many events wait", "等待处理的事件过多"))
TOO_LARGE = Kind("too-large", 413, Text("The request is too large", "请求过大"))
NO_KEY = Kind("no-access-key", 401, Text("An access key is needed", "需要访问密钥"))
NOT_ALLOWED = Kind("not-allowed", 403, Text("The key may not do that", "密钥无此权限"))
TOO_MANY = Kind("too-many-requests", 429, Text("Too many requests", "请求过于频繁"))
TOO_SLOW = Kind("too-slow", 503, Text("The answer took too long", "响应超时"))
SIGN_ON_UNAVAILABLE = Kind("sign-on-unavailable", 503, Text("The sign-on cannot be asked", "单点登录暂不可用"))
INTERNAL = Kind("internal-error", 500, Text("Something went wrong inside Retinue", "Retinue 内部出错"))

_BY_STATUS = {
    kind.status: kind for kind in (BAD_REQUEST, NOT_FOUND, METHOD_NOT_ALLOWED, TOO_LARGE, INVALID_REQUEST, INTERNAL)
}
_BY_ERROR: tuple[tuple[type[RetinueError], Kind], ...] = (
    (StorageError, STORE_UNAVAILABLE),
    (NotFoundError, NOT_FOUND),
    (RetinueError, INTERNAL),
)


class ApiError(RetinueError):
    """A request that cannot be answered; ``kind`` decides the status, ``findings`` name the faulty parts (where, what)."""

    def __init__(
        self,
        kind: Kind,
        text: Text,
        *,
        findings: Sequence[tuple[str, Text]] = (),
        headers: Mapping[str, str] | None = None,
        **values: Any,
    ) -> None:
        self.kind = kind
        self.findings = findings
        self.headers = headers
        super().__init__(text, **values)


def nothing_published() -> ApiError:
    """The error of every question about scores while there are none."""
    return ApiError(
        NOTHING_PUBLISHED,
        Text(
            "No scores are published yet. Run 'retinue score' for this project; the answer appears here at once.",
            "尚未发布评分。请为本项目运行“retinue score”，完成后此处即可查询。",
        ),
    )


def problem(
    request: Request,
    kind: Kind,
    detail: Text,
    errors: Sequence[tuple[str, Text]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The problem in the reader's language: a document, or a page where a browser asked for a page."""
    language = language_of(request)
    shown = {"Content-Language": language, "Vary": "Accept, Accept-Language", **(headers or {})}
    if wants_page(request):
        page = render("problem.html", language, title=kind.title.of(language), detail=detail.of(language))
        return HTMLResponse(page, status_code=kind.status, headers=shown)
    document: dict[str, Any] = {
        "type": f"urn:retinue:problem:{kind.name}",
        "title": kind.title.of(language),
        "status": kind.status,
        "detail": detail.of(language),
    }
    if errors:
        document["errors"] = [{"where": where, "message": message.of(language)} for where, message in errors]
    return Response(
        orjson.dumps(document),
        status_code=kind.status,
        media_type=MEDIA_TYPE,
        headers=shown,
    )


def wants_page(request: Request) -> bool:
    """Whether a browser asks for a page, and not a program for JSON."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/v1/")


async def on_retinue_error(request: Request, error: Exception) -> Response:
    """Answer an error that was raised with a text for people."""
    assert isinstance(error, RetinueError)
    if isinstance(error, ApiError):
        return problem(request, error.kind, error.text, error.findings, error.headers)
    kind = next(kind for type_, kind in _BY_ERROR if isinstance(error, type_))
    headers = {"Retry-After": _RETRY_SECONDS} if kind is STORE_UNAVAILABLE else None
    return problem(request, kind, error.text, headers=headers)


async def on_http_error(request: Request, error: Exception) -> Response:
    """Answer an unknown path, a method that a path does not have, or a body that cannot be read."""
    assert isinstance(error, HTTPException)
    kind = _BY_STATUS.get(error.status_code, Kind("http-error", error.status_code, BAD_REQUEST.title))
    return problem(request, kind, _HTTP_DETAILS.get(kind, BAD_REQUEST.title), headers=error.headers)


_HTTP_DETAILS = {
    NOT_FOUND: Text(
        "There is nothing at this address. The API is described at /openapi.json.",
        "该地址下没有内容。API 说明见 /openapi.json。",
    ),
    METHOD_NOT_ALLOWED: Text(
        "This address does not take that method; the Allow header names those it takes.",
        "该地址不支持此请求方法；可用方法见 Allow 响应头。",
    ),
    TOO_LARGE: Text(
        "The body of a request may hold {most:,} bytes. Send it in several requests.",
        "请求正文最多 {most:,} 字节。请分多次发送。",
    ).format(most=MAX_BODY_BYTES),
    BAD_REQUEST: Text(
        "The request's body cannot be read as JSON in UTF-8.",
        "请求正文无法按 UTF-8 编码的 JSON 读取。",
    ),
}


async def on_unexpected_error(request: Request, error: Exception) -> Response:
    """Answer what nobody foresaw, without telling its inside; the server's log has the whole story."""
    return problem(
        request,
        INTERNAL,
        Text("The service failed to answer. Its log tells why.", "服务未能作出回答，原因见服务日志。"),
    )


async def on_invalid_request(request: Request, error: Exception) -> Response:
    """Answer a request whose parameters or body break the schema, naming each fault."""
    assert isinstance(error, RequestValidationError)
    findings = [(_where(fault["loc"]), _finding(fault)) for fault in error.errors()]
    detail = Text("{count} thing(s) in the request need a change.", "请求中有 {count} 处需要修改。")
    return problem(request, INVALID_REQUEST, detail.format(count=len(findings)), findings)


_FINDINGS: dict[str, Text] = {
    "missing": Text("It is required.", "必填。"),
    "greater_than_equal": Text("It must be at least {ge}.", "不得小于 {ge}。"),
    "less_than_equal": Text("It must be at most {le}.", "不得大于 {le}。"),
    "string_too_short": Text("It must have at least {min_length} character(s).", "至少需要 {min_length} 个字符。"),
    "string_too_long": Text("It must have at most {max_length} characters.", "至多 {max_length} 个字符。"),
    "string_pattern_mismatch": Text("An id cannot hold the character NUL.", "编号不得含有字符 NUL。"),
    "too_short": Text("It must hold at least {min_length} item(s).", "至少需要 {min_length} 项。"),
    "too_long": Text("It must hold at most {max_length} items.", "至多 {max_length} 项。"),
    "literal_error": Text("It must be one of {expected}.", "只能是以下之一：{expected}。"),
    "int_parsing": Text("It must be a whole number.", "必须是整数。"),
    "string_type": Text("It must be text in quotes.", "必须是带引号的文本。"),
    "string_unicode": Text("It must be valid Unicode text.", "必须是有效的 Unicode 文本。"),
    "list_type": Text("It must be a list.", "必须是列表。"),
    "float_type": Text("It must be a number.", "必须是数字。"),
    "finite_number": Text("It must be a finite number.", "必须是有限数值。"),
    "instant": Text(
        "It must be an instant with its zone, such as 2026-07-01T08:30:00Z.",
        "必须是带时区的时刻，例如 2026-07-01T08:30:00Z。",
    ),
    "extra_forbidden": Text("There is no such field.", "没有这个字段。"),
    "json_invalid": Text("The body is not valid JSON.", "正文不是有效的 JSON。"),
    "model_attributes_type": Text("It must be a JSON object.", "必须是 JSON 对象。"),
    "dict_type": Text("It must be a JSON object.", "必须是 JSON 对象。"),
}


def _where(places: Sequence[Any]) -> str:
    """The place of a fault; a name in the request may hold what is not Unicode text."""
    return ".".join(str(place) for place in places).encode("utf-8", "replace").decode()


def _finding(fault: dict[str, Any]) -> Text:
    text = _FINDINGS.get(fault["type"], Text("The value is not valid.", "取值无效。"))
    return text.format(**fault.get("ctx", {}))


def documented(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of an operation in OpenAPI for the kinds of problem that it can answer with."""
    return {
        kind.status: {
            "model": Problem,
            "description": f"{kind.title.en} / {kind.title.zh}",
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for kind in kinds
    }

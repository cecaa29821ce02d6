"""The API's root: what it consists of, how it refuses, its description.

Every operation asks for a token (`accounts.api.TokenAuth`) and checks the role of its user.
Each room brings its own router; only this module knows them all.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, URLResolver
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, Throttled, ValidationError
from ninja.openapi.docs import DocsBase

from accounts.api import ManyProblems, TokenAuth
from alarms.api import router as alarms
from contracts.api import router as contracts
from energy.api import charging_orders, outputs
from energy.api import router as readings
from energy.quota_api import router as energy_quotas
from notifications.api import router as notifications
from quality.api import router as reports
from spc_site.errors import AppError, Conflict, NotAllowed

log = logging.getLogger("spc_site.api")

_STATUSES: tuple[tuple[type[AppError], int], ...] = ((NotAllowed, 403), (Conflict, 409), (AppError, 422))


class LocalDocs(DocsBase):
    """One plain page made from the description on the server: no script, nothing from elsewhere."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **kwargs: Any) -> HttpResponse:
        schema = api.get_openapi_schema(path_params=kwargs)
        context = {
            "title": api.title,
            "description": api.description.replace("`", ""),
            "groups": _by_tag(schema),
            "openapi_url": self.get_openapi_url(api, kwargs),
        }
        return render(request, "spc_site/api_docs.html", context)


def _for_people_and_programs(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Show the description to whoever is signed in, and to tokens."""

    @wraps(view, updated=())
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated and not TokenAuth()(request):
            return api.on_exception(request, AuthenticationError())
        return view(request, *args, **kwargs)

    return guarded


api = NinjaAPI(
    title="质量与能源后台 API",
    version="1",
    description=(
        "每个请求都带标头 `Authorization: Bearer <令牌>`；令牌在后台“API 令牌”处生成，"
        "以其用户的身份行事。\n\n"
        "拒绝时的回答总是 `{code, message, where, details}`：`code` 供程序判断，`message` 供人阅读，"
        "`where` 指出出错的参数或字段。"
    ),
    urls_namespace="api",
    auth=TokenAuth(),
    docs=LocalDocs(),
    docs_url="/",
    docs_decorator=_for_people_and_programs,
)
api.add_router("/reports", reports)
api.add_router("/notifications", notifications)
api.add_router("/alarms", alarms)
api.add_router("/readings", readings)
api.add_router("/outputs", outputs)
api.add_router("/quotas", energy_quotas)
api.add_router("/charging-orders", charging_orders)
api.add_router("/contracts", contracts)


# --- refusals -------------------------------------------------------------------------------


def _problem(
    request: HttpRequest,
    status: int,
    code: str,
    message: str,
    *,
    details: Sequence[dict[str, str]] = (),
) -> HttpResponse:
    where = details[0]["where"] if details else ""
    body = {"code": code, "message": message, "where": where, "details": list(details)}
    return api.create_response(request, body, status=status)


@api.exception_handler(AppError)
def _refused(request: HttpRequest, refusal: AppError) -> HttpResponse:
    status = next(status for kind, status in _STATUSES if isinstance(refusal, kind))
    details = refusal.details if isinstance(refusal, ManyProblems) else []
    return _problem(request, status, refusal.code, refusal.message, details=details)


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    details = [
        {"where": ".".join(str(part) for part in one["loc"]), "message": str(one["msg"])}
        for one in error.errors
    ]
    return _problem(
        request,
        422,
        "invalid",
        "；".join(f"{one['where']}: {one['message']}" for one in details),
        details=details,
    )


@api.exception_handler(AuthenticationError)
def _unknown_caller(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    response = _problem(request, 401, "unauthorized", _("没有令牌，或令牌无效、过期、已吊销。"))
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


@api.exception_handler(Throttled)
def _too_fast(request: HttpRequest, error: Throttled) -> HttpResponse:
    return _problem(request, 429, "too_fast", _("请求过于频繁，请稍后再试。"))


@api.exception_handler(Http404)
def _absent(request: HttpRequest, error: Http404) -> HttpResponse:
    return _problem(request, 404, "not_found", _("没有这一项，或者您无权查看。"))


@api.exception_handler(HttpError)
def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    return _problem(request, error.status_code, "bad_request", error.message)


@api.exception_handler(Exception)
def _fault(request: HttpRequest, error: Exception) -> HttpResponse:
    """Log the fault in full, tell the caller nothing of it."""
    log.exception("API %s %s failed", request.method, request.path)
    return _problem(request, 500, "internal", _("服务器内部错误，已记入日志。"))


# --- the description as a page --------------------------------------------------------------


def _by_tag(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the operations of an OpenAPI description, grouped by tag, ready to be written down."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            groups.setdefault(operation["tags"][0], []).append(
                {
                    "method": method.upper(),
                    "path": path,
                    "summary": operation.get("summary", ""),
                    "parameters": [_parameter(one) for one in operation.get("parameters", [])],
                    "body": _body_fields(schema, operation),
                    "answers": sorted(operation["responses"], key=str),
                }
            )
    return [{"tag": tag, "operations": operations} for tag, operations in groups.items()]


def _parameter(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": one["name"],
        "place": one["in"],
        "is_required": one.get("required", False),
        "kind": _kind(one["schema"]),
        "meaning": one.get("description") or one["schema"].get("description", ""),
    }


def _body_fields(schema: dict[str, Any], operation: dict[str, Any]) -> list[dict[str, Any]]:
    fields: list[dict[str, Any]] = []
    for content in operation.get("requestBody", {}).get("content", {}).values():
        body = _resolved(schema, content["schema"])
        for name, one in body.get("properties", {}).items():
            fields.append(
                {
                    "name": name,
                    "is_required": name in body.get("required", []),
                    "kind": _kind(_resolved(schema, one)),
                    "meaning": one.get("description", ""),
                }
            )
    return fields


def _resolved(schema: dict[str, Any], one: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in one:
        one = schema["components"]["schemas"][one["$ref"].rsplit("/", 1)[1]]
    return one


def _kind(one: dict[str, Any]) -> str:
    """Return in a few words what values a field takes."""
    if "$ref" in one:
        return str(one["$ref"].rsplit("/", 1)[1])
    if "enum" in one:
        return " | ".join(map(str, one["enum"]))
    if "anyOf" in one:
        return " | ".join(_kind(part) for part in one["anyOf"])
    if one.get("type") == "array":
        return f"[{_kind(one['items'])}]"
    return str(one.get("format") or one.get("type") or "any")


def _open_to_tokens(patterns: list[URLPattern | URLResolver]) -> list[URLPattern | URLResolver]:
    """Exempt the views from the login of browsers: tokens are checked by each operation."""
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            pattern.callback = login_not_required(pattern.callback)
    return patterns


_patterns, _app_name, _namespace = api.urls
urls = (_open_to_tokens(_patterns), _app_name, _namespace)
"""What `spc_site.urls` mounts at `/api/v1/`."""

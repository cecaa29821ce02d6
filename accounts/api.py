"""Who calls the API: a token that acts as its user, and what that user's role allows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, cast

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Schema
from ninja.security import HttpBearer

from accounts import services
from spc_site.errors import AppError, NotAllowed

MOST_ROWS = 200
"""Rows of one answer at most; the next ones are asked for with its cursor."""

Limit = Annotated[int, Query(ge=1, le=MOST_ROWS, description="最多返回多少条")]
Cursor = Annotated[int | None, Query(description="上一页的 next；不填从最新开始")]


class TokenAuth(HttpBearer):
    """`Authorization: Bearer …`; the session of a browser does not count, so no CSRF either."""

    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        user = services.authenticate_token(token)
        if user is not None:
            request.user = user
        return user


class Problem(Schema):
    """What every refusal looks like.

    `code` is stable and for programs, `message` for people; `where` names the parameter or
    field, where there is one; `details` has all of them, where there are several.
    """

    code: str
    message: str
    where: str = ""
    details: list[ProblemDetail] = []


class ProblemDetail(Schema):
    where: str
    message: str


Problem.model_rebuild()


class ManyProblems(AppError):
    """A refusal for several reasons, each with its place: pairs of place and sentence."""

    def __init__(self, code: str, message: str, problems: Iterable[tuple[str, str]]) -> None:
        super().__init__(code, message)
        self.details = [{"where": where, "message": sentence} for where, sentence in problems]


def caller(request: HttpRequest) -> User:
    """Return the user of the token."""
    return cast(User, request.user)


def require(request: HttpRequest, permission: str) -> None:
    """Raise NotAllowed unless the role of the caller has the permission."""
    if not request.user.has_perm(permission):
        raise NotAllowed(_("这个令牌的用户没有权限：%(permission)s") % {"permission": permission})


REFUSALS = dict.fromkeys((401, 403, 404, 409, 422, 429), Problem)
"""Answers other than success, for the description of an operation."""

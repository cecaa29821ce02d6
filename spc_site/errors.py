"""Errors whose message is for people, in their language; the edges translate them."""

from __future__ import annotations


class AppError(Exception):
    """A refusal that a person can act on.

    `code` is stable and for programs; `message` says what is wrong and what to do.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class NotAllowed(AppError):
    """The role of the person does not allow this."""

    def __init__(self, message: str) -> None:
        super().__init__("not_allowed", message)


class Conflict(AppError):
    """Somebody else changed the same thing meanwhile."""

    def __init__(self, message: str) -> None:
        super().__init__("conflict", message)

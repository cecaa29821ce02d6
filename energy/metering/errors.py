"""The one error of this package."""

from __future__ import annotations


class MeterError(ValueError):
    """An argument that cannot be what it should be; `argument` names it."""

    def __init__(self, argument: str, message: str) -> None:
        super().__init__(f"{argument}: {message}")
        self.argument = argument

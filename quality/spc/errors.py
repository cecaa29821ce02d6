"""The one error of the engine."""

from __future__ import annotations


class SpcInputError(ValueError):
    """An argument that cannot be worked with: text instead of numbers, shapes that do not fit, LSL above USL.

    `argument` names the parameter as the caller wrote it, so that a form can show it there.
    Data that is merely poor (constant, too few, missing) never raises: its results are missing with a reason,
    see `missing.py`.
    """

    def __init__(self, argument: str, message: str) -> None:
        super().__init__(f"{argument}: {message}")
        self.argument = argument
        self.message = message

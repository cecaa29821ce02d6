"""Rows that wait for their time: what is due, whether anything is, and since when. One shape for all."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Min, Model, QuerySet

from spc_site import clock


class Due:
    """The rows of a model that have these values and whose `next_at` has come."""

    def __init__(self, model: type[Model], **waiting: Any) -> None:
        self._model = model
        self._waiting = waiting

    def rows(self) -> QuerySet[Any]:
        """Return what is due now."""
        return self._model._default_manager.filter(**self._waiting, next_at__lte=clock.now())

    def is_any(self) -> bool:
        """Tell whether something is due. One query."""
        return self.rows().exists()

    def oldest(self) -> datetime | None:
        """Return since when the oldest has been due. One query."""
        found: datetime | None = self.rows().aggregate(first=Min("next_at"))["first"]
        return found

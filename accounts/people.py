"""What people are called, and the lines of a history that say who did something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def name_of(user: User | None) -> str:
    """Return what people call somebody; empty for nobody."""
    return (user.get_full_name() or user.get_username()) if user else ""


class HistoryLine(models.Model):
    """A line of something's history, never changed: when, and who it was unless it happened by itself."""

    at = models.DateTimeField(_("时间"))
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("人员"),
    )

    class Meta:
        abstract = True
        ordering = ["at", "pk"]

    @property
    def who(self) -> str:
        """Return the name of the person who did it; empty for what happened by itself."""
        return name_of(self.actor)

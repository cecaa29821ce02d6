"""Alarms about the customer's hooks: one for each point that keeps failing, until it works again."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from alarms import services
from alarms.models import Severity
from alarms.services import telling
from hooks.models import HookPoint

SOURCE = "hooks"


def _key_of(point: HookPoint) -> str:
    return f"hooks.paused:{point.name}"


def raise_for(point: HookPoint) -> None:
    """Tell people that a point of the customer's hooks was paused: one alarm until it works again.

    One that goes on failing keeps its alarm up to date, so that the clock does not close it.
    """
    link = reverse("admin:hooks_hookpoint_change", args=[point.pk])
    with transaction.atomic(), override(settings.LANGUAGE_CODE):
        services.raise_alarm(
            services.AlarmRequest(
                key=_key_of(point),
                source=SOURCE,
                severity=Severity.WARNING,
                title=_("扩展点暂停: %(point)s") % {"point": point.name},
                description=_("连续出错 %(failures)d 次，最近：%(error)s")
                % {"failures": point.failures, "error": point.last_error},
                value=str(point.failures),
                link=link,
                subject=f"hooks.point:{point.name}",
                group=telling.EVERYBODY,
                is_told=True,
                is_continuing=True,
                template="hook_paused",
                variables={
                    "hook": point.name,
                    "failures": point.failures,
                    "error": point.last_error,
                    "until": point.paused_until,
                    "url": settings.FRONTEND_URL.rstrip("/") + link,
                },
            )
        )


def recover_from(point: HookPoint) -> None:
    """Close the alarm about a point that works again, or that somebody has let go on."""
    services.recover([_key_of(point)])

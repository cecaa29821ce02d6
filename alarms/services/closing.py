"""Close what has not happened for days, where the rule of its source says so."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from alarms.models import Alarm, Resolution
from alarms.services import raising, sources
from spc_site import clock


def close_quiet(*, at: datetime | None = None) -> int:
    """Close the open alarms that were not seen for longer than their source's rule allows; count them."""
    at = at or clock.now()
    closed = 0
    rules = sources.read()
    for source in Alarm.objects.open().order_by().values_list("source", flat=True).distinct():
        rule = rules.of(source)
        if rule.quiet_days is None:  # only a rule that closes by itself has days
            continue
        with transaction.atomic(), override(settings.LANGUAGE_CODE):
            quiet = list(
                Alarm.objects.select_for_update()
                .open()
                .filter(source=source, last_seen_at__lte=at - timedelta(days=rule.quiet_days))
            )
            note = _("%(days)d 天未再发生，按来源设定自动关闭") % {"days": rule.quiet_days}
            closed += len(raising.close(quiet, reason=Resolution.QUIET, note=note, at=at))
    return closed

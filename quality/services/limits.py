"""Lock the control limits of a characteristic: a new version each time, with author and reason."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from quality import plans, spc
from quality.models import Characteristic, ControlLimits
from quality.models.reports import ReportEntry
from spc_site.errors import AppError


def lock_limits(
    characteristic: Characteristic, *, entries: Sequence[ReportEntry], user: User, reason: str
) -> ControlLimits:
    """Compute limits from the given entries and put them in force; return the new version.

    Subgroups do not cross from one entry into the next. Raises AppError when the entries are of
    another characteristic or their values give no limits.
    """
    if not entries or any(entry.characteristic_id != characteristic.pk for entry in entries):
        raise AppError("bad_baseline", _("基线必须是此项目的报告数据。"))
    size = plans.subgroup_size(characteristic, entries[0])
    plan = plans.plan_of(characteristic, subgroup_size=size)
    groups = [
        values[start : start + size]
        for entry in entries
        for values in [plans.numbers(entry.values)]
        for start in range(0, len(values), size)
    ]
    chart = spc.control_chart(spc.Subgroups(groups) if size > 1 else [one for [one] in groups], plan)
    limits = chart.limits
    if limits.centre is None or not limits.sigma:
        raise AppError("no_limits", _("这些数据算不出控制限：没有离散或数值太少。"))
    baseline = [
        {"kind": entry.KIND, "report": entry.report_id, "entry": entry.pk, "version": entry.version}
        for entry in entries
    ]
    return lock_given_limits(characteristic, limits=limits, user=user, reason=reason, baseline=baseline)


def lock_given_limits(
    characteristic: Characteristic,
    *,
    limits: spc.Limits,
    user: User,
    reason: str,
    baseline: Sequence[dict[str, object]] = (),
    at: datetime | None = None,
) -> ControlLimits:
    """Put limits in force as they are given; the version in force until now ends."""
    if not reason.strip():
        raise AppError("reason_missing", _("锁定控制限必须写明理由。"))
    at = at or timezone.now()
    with transaction.atomic():
        Characteristic.objects.select_for_update().get(pk=characteristic.pk)
        versions = ControlLimits.objects.filter(characteristic=characteristic)
        versions.filter(valid_to__isnull=True).update(valid_to=at)
        last = versions.aggregate(last=Max("version"))["last"] or 0
        return ControlLimits.objects.create(
            characteristic=characteristic,
            version=last + 1,
            centre=limits.centre,
            sigma=limits.sigma,
            ucl=limits.ucl,
            lcl=limits.lcl,
            secondary_centre=limits.secondary_centre,
            secondary_ucl=limits.secondary_ucl,
            secondary_lcl=limits.secondary_lcl,
            reason=reason.strip(),
            baseline=list(baseline),
            valid_from=at,
            author=user,
        )


def withdraw_limits(characteristic: Characteristic, *, at: datetime | None = None) -> bool:
    """End the version in force: limits are computed from each report again."""
    in_force = ControlLimits.objects.filter(characteristic=characteristic, valid_to__isnull=True)
    return bool(in_force.update(valid_to=at or timezone.now()))

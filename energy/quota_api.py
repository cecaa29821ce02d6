"""Quotas for programs: how they stand, setting them up, revising and switching them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from django.db.models import F
from django.http import Http404, HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Router, Schema
from ninja import Status as Answer
from pydantic import Field

from accounts.api import REFUSALS, Cursor, Limit, caller, require
from energy.models import Device, DeviceGroup, EnergyQuota, EnergyType, QuotaUsage
from energy.services import quotas
from spc_site import clock
from spc_site.errors import AppError

router = Router(tags=["energy quotas"])


class QuotaOut(Schema):
    id: int
    name: str
    energy_type: str = Field(description="能源种类代码；综合配额为空")
    converted_to: str
    group: str
    device: str
    period: str
    settlement_day: int
    quota_value: Decimal
    unit: str
    warning_threshold_pct: Decimal
    alert_threshold_pct: Decimal
    hysteresis_pct: Decimal
    is_active: bool

    @staticmethod
    def resolve_energy_type(quota: Any) -> str:
        return quota.energy_type.code if quota.energy_type else ""

    @staticmethod
    def resolve_group(quota: Any) -> str:
        return quota.group.code if quota.group else ""

    @staticmethod
    def resolve_device(quota: Any) -> str:
        return quota.device.code if quota.device else ""


class UsageOut(Schema):
    quota_id: int
    period_start: date
    period_end: date
    actual_value: Decimal | None
    quota_value: Decimal
    usage_rate_pct: Decimal | None
    status: str
    coverage_pct: Decimal | None
    is_provisional: bool
    projected_value: Decimal | None
    projected_by_weekday: Decimal | None
    exhausted_on: date | None
    is_closed: bool
    calculated_at: datetime


class QuotaPage(Schema):
    items: list[QuotaOut]
    next: int | None


class UsagePage(Schema):
    items: list[UsageOut]


class QuotaIn(Schema):
    name: str = Field(min_length=1, max_length=120)
    energy_type: str = Field(description="能源种类代码")
    group: str = Field("", description="设备组代码；与 device 选一")
    device: str = Field("", description="计量设备代码")
    period: Literal["monthly", "quarterly", "yearly"] = "monthly"
    settlement_day: int = Field(1, ge=1, le=28)
    quota_value: Decimal = Field(ge=0)
    unit: str = Field("", max_length=20, description="不填为能源种类的单位；可换算的单位会换算")
    warning_threshold_pct: Decimal = Decimal(80)
    alert_threshold_pct: Decimal = Decimal(95)
    hysteresis_pct: Decimal = Decimal(2)
    reason: str = Field(min_length=1, max_length=255)


class RevisionIn(Schema):
    value: Decimal = Field(ge=0)
    unit: str = Field("", max_length=20)
    period_start: date | None = Field(None, description="只改这一周期；不填则本期及以后")
    reason: str = Field(min_length=1, max_length=255)


class SwitchIn(Schema):
    is_active: bool


@router.get("", response={200: QuotaPage, **REFUSALS}, summary="配额列表，最新在前")
def list_quotas(
    request: HttpRequest, before: Cursor = None, limit: Limit = 50, is_active: bool | None = None
) -> dict[str, Any]:
    require(request, "energy.view_energyquota")
    found = _quotas().order_by("-pk")
    if is_active is not None:
        found = found.filter(is_active=is_active)
    if before is not None:
        found = found.filter(pk__lt=before)
    rows = list(found[: limit + 1])
    return {"items": rows[:limit], "next": rows[limit - 1].pk if len(rows) > limit else None}


@router.get("/usages", response={200: UsagePage, **REFUSALS}, summary="某日所在周期的使用情况")
def list_usages(request: HttpRequest, on: date | None = None, limit: Limit = 200) -> dict[str, Any]:
    """The usages of the periods in which a day lies (today by default), the highest rate first."""
    require(request, "energy.view_quotausage")
    on = on or timezone.localdate(clock.now())
    rows = QuotaUsage.objects.filter(quota__is_active=True, period_start__lte=on, period_end__gte=on)
    ordered = rows.order_by(F("usage_rate_pct").desc(nulls_last=True), "quota")
    return {"items": list(ordered.defer("daily", "top_meters")[:limit])}


@router.get("/{quota_id}", response={200: QuotaOut, **REFUSALS}, summary="一个配额")
def get_quota(request: HttpRequest, quota_id: int) -> EnergyQuota:
    require(request, "energy.view_energyquota")
    return _found(quota_id)


@router.get("/{quota_id}/usages", response={200: UsagePage, **REFUSALS}, summary="一个配额的各期，最新在前")
def get_usages(request: HttpRequest, quota_id: int, limit: Limit = 24) -> dict[str, Any]:
    require(request, "energy.view_quotausage")
    rows = QuotaUsage.objects.filter(quota=_found(quota_id)).defer("daily", "top_meters")
    return {"items": list(rows.order_by("-period_start")[:limit])}


@router.post("", response={201: QuotaOut, **REFUSALS}, summary="新建配额")
def create(request: HttpRequest, body: QuotaIn) -> Any:
    require(request, "energy.add_energyquota")
    fields = body.dict(exclude={"energy_type", "group", "device", "reason"})
    quota = EnergyQuota(
        energy_type=_by_code(EnergyType, body.energy_type),
        group=_by_code(DeviceGroup, body.group) if body.group else None,
        device=_by_code(Device, body.device) if body.device else None,
        **fields,
    )
    quotas.create_quota(quota, author=caller(request), reason=body.reason)
    return Answer(201, quota)


@router.post("/{quota_id}/revisions", response={200: QuotaOut, **REFUSALS}, summary="修改配额，须写原因")
def revise(request: HttpRequest, quota_id: int, body: RevisionIn) -> EnergyQuota:
    require(request, "energy.change_energyquota")
    quota = _found(quota_id)
    quotas.revise(
        quota,
        value=body.value,
        unit=body.unit,
        period_start=body.period_start,
        author=caller(request),
        reason=body.reason,
    )
    return quota


@router.post("/{quota_id}/switch", response={200: QuotaOut, **REFUSALS}, summary="启用或停用")
def switch(request: HttpRequest, quota_id: int, body: SwitchIn) -> EnergyQuota:
    require(request, "energy.change_energyquota")
    quota = _found(quota_id)
    quotas.switch(quota, is_active=body.is_active)
    return quota


def _quotas() -> Any:
    return EnergyQuota.objects.select_related("energy_type", "group", "device")


def _found(quota_id: int) -> EnergyQuota:
    found: EnergyQuota | None = _quotas().filter(pk=quota_id).first()
    if found is None:
        raise Http404
    return found


def _by_code(model: Any, code: str) -> Any:
    found = model.objects.filter(code=code).first()
    if found is None:
        raise AppError(
            "unknown_code",
            _("没有代码为“%(code)s”的%(what)s。") % {"code": code, "what": model._meta.verbose_name},
        )
    return found

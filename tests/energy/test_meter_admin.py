"""Meters in the admin: what is wrong is refused, what was changed is computed again and told."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from energy.choices import Way
from energy.models import DeviceGroup, DirtyRange, MeterChange, ReadingBatch, UpstreamLink, VirtualPart
from energy.services import days, readings
from hooks import services as hooks
from tests import builders
from tests.energy import builders as make

pytestmark = pytest.mark.django_db

START = datetime(2026, 3, 1, tzinfo=make.SHANGHAI)
EMPTY = {
    f"{prefix}-{name}": value
    for prefix in ("ratios", "attachments", "upstream", "parts")
    for name, value in (("TOTAL_FORMS", "0"), ("INITIAL_FORMS", "0"))
}


@pytest.fixture
def manager(client: Client) -> Client:
    client.force_login(builders.person("能源管理员"))
    return client


def test_every_page_about_meters_opens_for_the_energy_manager(manager: Client) -> None:
    meter = make.device("M1")
    make.attached(make.group("shop"), meter)
    make.used(meter, date(2026, 3, 1), "5")
    readings.record(
        readings.Batch(source="t", batch_id="1", way=Way.FILE, readings=[readings.Reading("M1", START, 1)])
    )
    rows = {
        "energytype": meter.energy_type_id,
        "devicegroup": DeviceGroup.objects.get().pk,
        "device": meter.pk,
        "readingbatch": ReadingBatch.objects.get().pk,
    }
    for name in (
        *rows,
        "meterchange",
        "alarmrule",
        "readingcorrection",
        "energydailysummary",
        "readingprofile",
    ):
        assert manager.get(reverse(f"admin:energy_{name}_changelist")).status_code == 200
    for name, pk in rows.items():
        assert manager.get(reverse(f"admin:energy_{name}_change", args=[pk])).status_code == 200


def test_what_a_person_changes_of_a_meter_is_told_and_computed_again(
    manager: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(
        hooks, "fire_many", lambda point, events: told.extend(payload for payload, _event_id in events)
    )
    meter = make.device("M1")
    make.taken(meter, (START, 1), (START + timedelta(days=1), 5))
    days.compute_due()
    form = {
        **EMPTY,
        "code": "M1",
        "name": "一号",
        "energy_type": meter.energy_type_id,
        "kind": "meter",
        "status": "standby",
        "reading_kind": "register",
        "label": "end",
        "count_size": "1",
        "interval_s": "900",
        "tolerance": "2",
        "location": "",
        "gateway": "",
    }
    answer = manager.post(reverse("admin:energy_device_change", args=[meter.pk]), form)
    assert answer.status_code == 302, answer.context["errors"]
    assert [(one["aspect"], one["before"], one["after"]) for one in told] == [("status", "in_use", "standby")]
    assert DirtyRange.objects.filter(device=meter).exists()
    wrong = manager.post(
        reverse("admin:energy_device_change", args=[meter.pk]), form | {"count_size": "0.0005"}
    )
    assert "整数倍" in wrong.content.decode()


def test_a_batch_is_taken_back_in_the_admin(manager: Client) -> None:
    meter = make.device("M1")
    batches = [
        readings.record(
            readings.Batch(source="t", batch_id=way, way=way, readings=[readings.Reading("M1", at, 1)])
        ).batch
        for way, at in ((Way.FILE, START), (Way.API, START + timedelta(hours=1)))
    ]
    data = {"action": "undo", "_selected_action": [one.pk for one in batches]}
    page = manager.post(reverse("admin:energy_readingbatch_changelist"), data, follow=True).content.decode()
    assert "已撤销 1 批" in page
    assert "只有文件导入和人工抄表可以撤销" in page
    assert meter.reading_days.get().size == 1


def test_who_noted_a_change_of_meter_is_kept(manager: Client) -> None:
    meter = make.device("M1")
    data = {
        "device": meter.pk,
        "at_0": "2026-03-01",
        "at_1": "08:00:00",
        "end_count": "5",
        "start_count": "0",
        "reason": "周期检定",
    }
    manager.post(reverse("admin:energy_meterchange_add"), data)
    assert MeterChange.objects.get().who is not None


# --- no circles --------------------------------------------------------------------------------------


def test_nothing_stands_above_itself() -> None:
    plant = make.group("plant")
    shop = make.group("shop", plant)
    plant.parent = shop
    with pytest.raises(ValidationError, match="下级"):
        plant.full_clean()
    a, b, c = (make.device(code) for code in "abc")
    total = make.device("v", kind="virtual")
    first = date(2026, 1, 1)
    UpstreamLink.objects.create(device=a, behind=b, start=first, end=date(2026, 6, 1))
    UpstreamLink.objects.create(device=b, behind=c, start=date(2026, 3, 1))
    with pytest.raises(ValidationError, match="循环"):
        UpstreamLink(device=c, behind=a, start=date(2026, 5, 1)).full_clean()
    UpstreamLink(device=c, behind=a, start=date(2026, 6, 1)).full_clean()
    UpstreamLink(device=c, behind=a, start=first, end=date(2026, 3, 1)).full_clean()
    VirtualPart.objects.create(device=total, part=a)
    with pytest.raises(ValidationError, match="循环"):
        UpstreamLink(device=total, behind=a, start=first).full_clean()
    UpstreamLink.objects.create(device=total, behind=b, start=first)
    with pytest.raises(ValidationError, match="循环"):
        VirtualPart(device=total, part=b).full_clean()
    with pytest.raises(ValidationError, match="只有虚拟表"):
        VirtualPart(device=a, part=c).full_clean()
    water = make.device("w", make.energy_type("water"))
    with pytest.raises(ValidationError, match="种类"):
        UpstreamLink(device=water, behind=a, start=first).full_clean()


def test_a_group_with_a_past_is_not_deleted_whoever_asks(client: Client) -> None:
    """Its meters' attachments would go with it, and the use of all groups above with them."""
    client.force_login(User.objects.create_superuser("root"))
    group = make.group("shop", make.group("plant"))
    make.attached(group, make.device(), end=date(2026, 2, 1))
    page = f"/admin/energy/devicegroup/{group.pk}/delete/"
    client.post(page, {"post": "yes"})
    assert type(group).objects.filter(pk=group.pk).exists() and group.attachments.exists()
    group.attachments.all().delete()
    client.post(page, {"post": "yes"})
    assert not type(group).objects.filter(pk=group.pk).exists()

"""The quota board, the page of a quota, its forms, the admin and the API, through the client."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import services as accounts
from alarms.models import Alarm
from energy.models import DeviceGroup, EnergyQuota, QuotaPeriodValue, QuotaRevision
from energy.services import quotas
from spc_site.errors import AppError
from tests import builders, query_counts
from tests.energy import builders as make
from tests.energy.quotas.builders import check, moment, quota, usage

pytestmark = [pytest.mark.django_db, pytest.mark.database]

TODAY = date(2026, 3, 10)


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spc_site.clock.now", lambda: moment(TODAY))


@pytest.fixture
def manager(client: Client) -> Client:
    client.force_login(builders.person("能源管理员"))
    return client


@pytest.fixture
def plant() -> EnergyQuota:
    """A plant of two shops; its quota is passed, one shop's is fine, one has no data."""
    root = make.group("plant", name="全厂")
    shops = [make.group("shop1", root, name="1 号车间"), make.group("shop2", name="2 号车间")]
    for number, shop in enumerate(shops):
        meter = make.device(f"m{number}")
        make.attached(shop, meter)
        if number == 0:
            make.used(meter, date(2025, 1, 1), *[1] * 435)  # to 11 March 2026
    whole = quota(root, 9, name="全厂用电")
    quota(shops[0], 1000, name="车间用电", warning_threshold_pct=70)
    quota(shops[1], 5, name="静默车间")
    check(TODAY)
    return whole


def test_the_board_says_first_what_is_wrong_and_narrows(manager: Client, plant: EnergyQuota) -> None:
    text = manager.get("/energy/").content.decode()
    assert "1 个超额，1 个无数据 / 共 3 个" in text
    assert (
        text.index("全厂用电") < text.index("静默车间") < text.index("车间用电</a>", text.index("静默车间"))
    )
    assert "111.1%" in text
    assert "全厂用电" not in manager.get("/energy/?level=normal").content.decode()
    assert "全厂用电" not in manager.get("/energy/?type=composite").content.decode()
    shop = DeviceGroup.objects.get(code="shop1")
    narrowed = manager.get(f"/energy/?group={shop.pk}").content.decode()
    assert "车间用电" in narrowed and "全厂用电" not in narrowed
    assert "没有符合条件" in manager.get("/energy/?q=nothing").content.decode()


def test_the_pages_cost_the_same_for_many_quotas(manager: Client, plant: EnergyQuota) -> None:

    manager.get("/energy/")
    for path, name in (("/energy/", "energy quotas"), (f"/energy/quotas/{plant.pk}", "energy quota")):
        with CaptureQueriesContext(connection) as few:
            assert manager.get(path).status_code == 200
        query_counts.compare(name, len(few))
    group = plant.group
    assert group is not None
    for number in range(30):
        quota(group, 100, name=f"q{number}")
    check(TODAY)
    with CaptureQueriesContext(connection) as many:
        manager.get(f"/energy/quotas/{plant.pk}")
    assert len(many) == len(few)


def test_the_page_of_a_quota_shows_course_meters_and_alarm(manager: Client, plant: EnergyQuota) -> None:
    text = manager.get(f"/energy/quotas/{plant.pk}").content.decode()
    for expected in ("超额 111.1%", "10.00 / 9.00 kWh", "<svg", "m0", "超过配额", "2026-03-10", "受理"):
        assert expected in text, expected
    alarm = Alarm.objects.get(key__startswith=f"energy.quota.{plant.pk}.")
    assert alarm.link == f"/energy/quotas/{plant.pk}/2026-03-01"
    assert manager.get(alarm.link).status_code == 200
    assert manager.get(f"/energy/quotas/{plant.pk}/2020-01-01").status_code == 404
    assert manager.get("/energy/quotas/99999").status_code == 404


def test_a_revision_needs_a_reason_and_takes_another_unit(manager: Client, plant: EnergyQuota) -> None:
    path = f"/energy/quotas/{plant.pk}/revise"
    manager.post(path, {"value": "0.02", "unit": "MWh", "scope": "all", "reason": ""})
    plant.refresh_from_db()
    assert plant.quota_value == 9
    manager.post(path, {"value": "0.02", "unit": "MWh", "scope": "all", "reason": "增产"})
    plant.refresh_from_db()
    assert (plant.quota_value, plant.unit) == (20, "kWh")
    manager.post(
        path, {"value": "30", "scope": "period", "period_start": "2026-03-01", "reason": "检修", "unit": ""}
    )
    check(TODAY)
    assert usage(plant).quota_value == 30
    shown = manager.get(f"/energy/quotas/{plant.pk}").content.decode()
    assert "增产" in shown and "检修" in shown
    assert [one.author is not None for one in plant.revisions.all()] == [True, True]


def test_last_year_less_a_share_and_the_year_after_that(manager: Client, plant: EnergyQuota) -> None:
    path = f"/energy/quotas/{plant.pk}"
    data = {"last-year": 2026, "last-percent_less": "10", "last-reason": "年度目标"}
    manager.post(f"{path}/from-last-year", data)
    values = dict(QuotaPeriodValue.objects.filter(quota=plant).values_list("period_start", "value"))
    assert values[date(2026, 2, 1)] == Decimal("25.2"), "28 days, less a tenth"
    assert values[date(2026, 3, 1)] == Decimal("27.9")
    assert len(values) == 12
    copied = {"copy-year": 2027, "copy-percent_less": "0", "copy-reason": "沿用"}
    manager.post(f"{path}/copy", copied)
    assert QuotaPeriodValue.objects.get(quota=plant, period_start=date(2027, 2, 1)).value == Decimal("25.2")
    with pytest.raises(AppError, match="没有完整的用量"):
        quotas.from_last_year(plant, year=2027, percent_less=Decimal(0), author=None, reason="x")


def test_a_split_adds_up_exactly(manager: Client, plant: EnergyQuota) -> None:
    root = make.group("other", name="另一厂")
    for number, use in enumerate((1, 1, 1)):
        shop = make.group(f"o{number}", root)
        meter = make.device(f"om{number}")
        make.attached(shop, meter)
        make.used(meter, date(2026, 2, 1), *[use] * 28)
    whole = quota(root, 100, name="另一厂")
    manager.post(f"/energy/quotas/{whole.pk}/split", {"split-by": "use", "split-reason": "分解"})
    parts = EnergyQuota.objects.filter(name__startswith="另一厂 ·").order_by("pk")
    assert [part.quota_value for part in parts] == [Decimal("33.334"), Decimal("33.333"), Decimal("33.333")]
    assert QuotaRevision.objects.filter(reason="分解").count() == 3
    with pytest.raises(AppError, match="下级已有"):
        quotas.split(whole, by_use=False, author=None, reason="again")


def test_the_admin_wants_a_reason_converts_units_and_refuses_odd_limits(
    plant: EnergyQuota, client: Client
) -> None:
    client.force_login(builders.superuser())
    form = {
        "name": "新配额",
        "energy_type": make.energy_type().pk,
        "group": plant.group_id,
        "period": "monthly",
        "settlement_day": "1",
        "quota_value": "5",
        "unit": "MWh",
        "warning_threshold_pct": "80",
        "alert_threshold_pct": "95",
        "hysteresis_pct": "2",
        "min_coverage_pct": "95",
        "is_active": "on",
        "reason": "",
        **{
            f"{name}-{kind}_FORMS": "0"
            for name in ("period_values", "revisions")
            for kind in ("TOTAL", "INITIAL")
        },
    }
    add = "/admin/energy/energyquota/add/"
    assert "请填写原因" in client.post(add, form).content.decode()
    odd = client.post(add, form | {"reason": "x", "warning_threshold_pct": "99"}).content.decode()
    assert "须 0 &lt; 预警线 ≤ 告警线 ≤ 1000" in odd
    both = client.post(add, form | {"reason": "x", "device": make.device("d9").pk}).content.decode()
    assert "只能选一个" in both
    assert client.post(add, form | {"reason": "目标"}).status_code == 302
    made = EnergyQuota.objects.get(name="新配额")
    assert (made.quota_value, made.unit) == (5000, "kWh")
    assert made.revisions.get().reason == "目标"
    change = f"/admin/energy/energyquota/{made.pk}/change/"
    assert (
        client.post(change, form | {"quota_value": "6", "unit": "MWh", "reason": "更正"}).status_code == 302
    )
    made.refresh_from_db()
    assert (made.quota_value, made.revisions.count()) == (6000, 2)
    off = {"action": "switch_off", "_selected_action": [plant.pk]}
    client.post("/admin/energy/energyquota/", off)
    plant.refresh_from_db()
    assert not plant.is_active
    assert Alarm.objects.get(key__startswith=f"energy.quota.{plant.pk}.").resolution == "switched_off"
    for model in ("energyquota", "quotausage", "quotarun"):
        assert client.get(f"/admin/energy/{model}/").status_code == 200


def test_the_first_page_of_the_admin_counts_what_is_beyond_its_quota(
    manager: Client, plant: EnergyQuota, client: Client
) -> None:
    def tile() -> Any:
        found = client.get("/admin/").context["tiles"]
        return next((one for one in found if one.label == "超额的配额"), None)

    assert (tile().value, tile().tone, tile().note, tile().url) == (1, "red", "1 个无数据", "/energy/")
    EnergyQuota.objects.filter(name="车间用电").update(quota_value=12)
    check(TODAY)
    assert tile().note == "预警 1"
    plant.is_active = False
    plant.save()
    assert (tile().value, tile().tone) == (0, "amber")
    client.force_login(builders.person("合同管理员"))
    assert tile() is None


def test_who_may_not_see_energy_sees_no_quota(client: Client, plant: EnergyQuota) -> None:
    client.force_login(builders.person("质检员"))
    assert client.get("/energy/").status_code == 403
    assert client.get(f"/energy/quotas/{plant.pk}").status_code == 403
    assert client.post(f"/energy/quotas/{plant.pk}/revise", {}).status_code == 403


def test_the_api_reads_quotas_and_lets_managers_write_them(plant: EnergyQuota) -> None:
    def client_of(*roles: str) -> Client:
        _token, raw = accounts.issue_token(builders.person(*roles), name="test")
        return Client(headers={"Authorization": f"Bearer {raw}"}, enforce_csrf_checks=True)

    def post(path: str, body: dict[str, object]) -> tuple[int, dict[str, Any]]:
        answer = api.post(f"/api/v1/quotas{path}", body, content_type="application/json")
        return answer.status_code, answer.json()

    api = client_of("能源管理员")
    listed = api.get("/api/v1/quotas?limit=2").json()
    assert [len(listed["items"]), listed["next"] is not None] == [2, True]
    worst = api.get("/api/v1/quotas/usages?on=2026-03-10").json()["items"][0]
    assert (worst["quota_id"], worst["status"], worst["actual_value"]) == (plant.pk, "exceeded", "10.000000")
    assert api.get(f"/api/v1/quotas/{plant.pk}/usages").json()["items"][0]["quota_value"] == "9.000"

    body = {"name": "新", "energy_type": "electricity", "group": "shop1", "quota_value": "2", "unit": "MWh"}
    assert post("", body)[0] == 422, "a reason is needed"
    status, made = post("", body | {"reason": "目标"})
    assert (status, made["unit"], Decimal(made["quota_value"])) == (201, "kWh", 2000)
    assert post("", body | {"reason": "x", "group": "nowhere"})[1]["code"] == "unknown_code"
    assert post("", body | {"reason": "x", "unit": "m3"})[0] == 422
    assert post("", body | {"reason": "x", "warning_threshold_pct": "96"})[0] == 422
    _status, revised = post(f"/{made['id']}/revisions", {"value": "3", "unit": "MWh", "reason": "增产"})
    assert Decimal(revised["quota_value"]) == 3000
    assert post(f"/{made['id']}/switch", {"is_active": False})[1]["is_active"] is False
    assert post("/99999/switch", {"is_active": False})[0] == 404
    api = client_of("质检员")
    assert api.get("/api/v1/quotas").status_code == 403
    assert post("", body | {"reason": "x"})[0] == 403

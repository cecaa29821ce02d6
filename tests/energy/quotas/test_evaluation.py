"""Quotas from rows to usage and alarm: what the naive checker got wrong, each shown to be right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alarms.models import Alarm, AlarmStatus
from energy.choices import RunOutcome, RunTrigger
from energy.models import (
    ConversionFactor,
    EnergyDailySummary,
    EnergyQuota,
    QuotaDue,
    QuotaRun,
    QuotaUsage,
    UpstreamLink,
    VirtualPart,
)
from energy.services import quotas
from energy.services.quotas import evaluation
from hooks import points
from notifications.models import Notification
from tests.energy import builders as make
from tests.energy.quotas.builders import MARCH, alarms_of, check, metered_group, moment, quota, usage

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def day(number: int) -> date:
    return MARCH + timedelta(days=number - 1)


def test_only_the_own_target_counts_by_the_frontier_rule() -> None:
    plant = make.group("plant")
    shop = make.group("shop", plant)
    main, sub, tenant, other = (make.device(code) for code in ("main", "sub", "tenant", "other"))
    make.attached(plant, main)
    make.attached(shop, sub)
    make.attached(plant, tenant, sign=-1)
    for meter in (sub, tenant):
        UpstreamLink.objects.create(device=meter, behind=main, start=date(2026, 1, 1))
    make.attached(make.group("elsewhere"), other)
    for meter, use in ((main, 50), (sub, 20), (tenant, 5), (other, 1000)):
        make.used(meter, MARCH, use)
    of_plant, of_shop, of_meter = quota(plant), quota(shop), quota(main, name="主表")

    check(day(1))

    assert usage(of_plant).actual_value == 45, "the sub-meter lies in the main one, the tenant is taken off"
    assert usage(of_shop).actual_value == 20
    assert usage(of_meter).actual_value == 50
    assert usage(of_plant).top_meters == [{"code": "main", "name": "main", "use": "50"}]


def test_a_period_is_a_range_of_local_dates_up_to_its_last_evening() -> None:
    group, meter = metered_group()
    make.used(meter, date(2026, 2, 28), 7, 11)
    february, settlement = quota(group), quota(group, name="结算", settlement_day=26)
    check(day(1))
    assert usage(february, MARCH).actual_value == 11
    assert usage(settlement, date(2026, 2, 26)).actual_value == 18
    assert usage(settlement, date(2026, 2, 26)).period_end == date(2026, 3, 25)


def test_today_is_the_plants_own_day(monkeypatch: pytest.MonkeyPatch) -> None:
    group, meter = metered_group()
    make.used(meter, MARCH, 11)
    of_group = quota(group)
    # 02:00 on 1 March in Shanghai is 18:00 on 28 February in UTC.
    monkeypatch.setattr("spc_site.clock.now", lambda: moment(MARCH, 2))
    run = quotas.evaluate()
    assert run is not None and run.as_of == MARCH
    assert usage(of_group).actual_value == 11
    assert not QuotaUsage.objects.exclude(period_start=MARCH).exists()


def test_an_alarm_is_raised_made_worse_and_closed_when_its_period_ends() -> None:
    group, meter = metered_group()
    of_group = quota(group)
    make.used(meter, MARCH, 80)
    check(day(1))
    (alarm,) = alarms_of(of_group)
    assert (alarm.status, alarm.severity, alarm.level, alarm.title) == (
        "active",
        "warning",
        1,
        f"配额预警: {of_group.name}",
    )
    assert alarm.description.startswith("当前使用 80.0 kWh，配额 100.0 kWh，使用率 80.0%\n")
    assert (alarm.value, alarm.threshold) == ("80.0", "100.0")

    Alarm.objects.update(status=AlarmStatus.ACKNOWLEDGED)
    make.used(meter, day(2), 15)
    check(day(2))
    (alarm,) = alarms_of(of_group)
    assert (alarm.status, alarm.severity, alarm.level) == ("active", "critical", 2), "told anew"

    make.used(meter, day(3), 5)
    check(day(3))
    assert (usage(of_group).status, alarms_of(of_group)[0].level) == ("alert", 2), "100 of 100 is not above"
    make.used(meter, day(4), "0.001")
    check(day(4))
    (alarm,) = alarms_of(of_group)
    assert (usage(of_group).status, alarm.level, alarm.labels["exceeded_on"]) == ("exceeded", 3, "2026-03-04")

    make.used(meter, date(2026, 4, 1), 90)
    check(date(2026, 4, 1))
    march, april = alarms_of(of_group)
    assert (march.status, march.resolution) == ("resolved", "period_end")
    assert "100.0 kWh" in march.events.last().note  # type: ignore[union-attr]
    assert (april.status, april.level) == ("active", 1), "an earlier period stands in nobody's way"


def test_a_correction_closes_by_hysteresis_and_a_new_rise_raises_again() -> None:
    group, meter = metered_group()
    of_group = quota(group)
    make.used(meter, MARCH, 81)
    for use, expected in (("81", ["active"]), ("79.5", ["active"]), ("77.9", ["resolved"])):
        EnergyDailySummary.objects.update(amount=int(Decimal(use) * 1000))
        check(day(1))
        assert [alarm.status for alarm in alarms_of(of_group)] == expected
    assert alarms_of(of_group)[0].resolution == "recovered"
    EnergyDailySummary.objects.update(amount=80500)
    check(day(1))
    assert [alarm.status for alarm in alarms_of(of_group)] == ["resolved", "active"]


def test_an_alarm_closed_by_hand_comes_back_only_for_a_higher_level() -> None:
    group, meter = metered_group()
    of_group = quota(group)
    make.used(meter, MARCH, 85)
    check(day(1))
    Alarm.objects.update(status=AlarmStatus.RESOLVED)
    check(day(1))
    assert len(alarms_of(of_group)) == 1
    make.used(meter, day(2), 15)
    check(day(2))
    assert [alarm.level for alarm in alarms_of(of_group)] == [1, 2]


def test_two_quotas_of_one_name_have_an_alarm_each_and_a_new_name_makes_no_second() -> None:
    group, meter = metered_group()
    make.used(meter, MARCH, 85)
    one, other = quota(group, name="同名"), quota(group, name="同名")
    check(day(1))
    assert [len(alarms_of(each)) for each in (one, other)] == [1, 1]
    EnergyQuota.objects.filter(pk=one.pk).update(name="改名")
    check(day(1))
    (alarm,) = alarms_of(one)
    assert alarm.title == "配额预警: 改名"


def test_a_quota_of_zero_is_exceeded_by_any_use() -> None:
    group, meter = metered_group()
    of_group = quota(group, 0)
    make.used(meter, MARCH, 0)
    check(day(1))
    assert (usage(of_group).status, alarms_of(of_group)) == ("normal", [])
    make.used(meter, day(2), "0.001")
    check(day(2))
    assert (usage(of_group).status, usage(of_group).usage_rate_pct) == ("exceeded", None)
    assert alarms_of(of_group)[0].level == 3


def test_ten_times_a_tenth_is_one() -> None:
    group, meter = metered_group()
    of_group = quota(group, 1, alert_threshold_pct=100)
    make.used(meter, MARCH, *["0.1"] * 10)
    check(day(10))
    assert (usage(of_group).status, usage(of_group).actual_value) == ("alert", 1)


def test_no_data_is_unknown_and_closes_nothing() -> None:
    group, meter = metered_group()
    of_group = quota(group)
    check(day(5))
    assert (usage(of_group).status, usage(of_group).actual_value) == ("no_data", None)
    assert usage(of_group).coverage_pct == 0
    make.used(meter, MARCH, 85)
    check(day(5))
    assert (usage(of_group).status, usage(of_group).coverage_pct) == ("warning", 25)
    assert usage(of_group).is_provisional
    EnergyDailySummary.objects.all().delete()
    check(day(5))
    assert usage(of_group).status == "no_data"
    assert alarms_of(of_group)[0].status == "active"


def test_late_readings_reach_periods_that_are_over_in_one_report() -> None:
    group, meter = metered_group()
    of_group = quota(group)
    check(date(2026, 6, 1))
    make.used(meter, day(30), 50, 51)
    quotas.note_changed(energy_type_ids={make.energy_type().pk}, first=day(30), last=day(31))
    check(date(2026, 6, 1))
    row = usage(of_group)
    assert (row.actual_value, row.status, row.is_closed) == (101, "exceeded", True)
    (alarm,) = alarms_of(of_group)
    assert (alarm.status, alarm.resolution, alarm.level) == ("resolved", "closed_late", 3)
    assert alarm.triggered_at == moment(date(2026, 4, 1), 0)
    (message,) = Notification.objects.all()
    assert (message.event, message.target) == ("energy.quota.late", "ENERGY")
    assert "101.0 kWh" in message.content
    assert not QuotaDue.objects.exists()
    check(date(2026, 6, 1))
    assert Notification.objects.count() == len(alarms_of(of_group)) == 1


def test_a_change_of_structure_reaches_every_period_that_it_was_counted_in() -> None:
    group, meter = metered_group("shop")
    other, part = make.group("other"), make.device("part")
    whole = make.device("whole", kind="virtual")
    VirtualPart.objects.create(device=whole, part=part)
    attached = make.attached(group, whole, start=MARCH)
    of_group = quota(group)
    make.used(meter, MARCH, 10, 20)
    make.used(part, MARCH, 1, 2)
    check(day(31))
    assert usage(of_group).actual_value == 33
    today = date(2026, 5, 20)

    def figure_after(change: Callable[[], object]) -> Decimal | None:
        QuotaDue.objects.all().delete()
        change()
        check(today)
        return usage(of_group).actual_value

    attached = type(attached).objects.get(pk=attached.pk)
    attached.start = date(2026, 4, 1)
    assert figure_after(attached.save) == 30, "it does not belong to the month that it lost"
    attached.start = MARCH
    assert figure_after(attached.save) == 33
    row = VirtualPart.objects.get()
    row.times = 2
    assert figure_after(row.save) == 36
    below = make.device("below")
    make.attached(other, below, start=MARCH)
    make.used(below, MARCH, 100)
    other = type(other).objects.get(pk=other.pk)
    other.parent = group
    assert figure_after(other.save) == 136, "the tree is not dated"


def test_a_factor_that_is_published_late_reaches_the_months_since_it_holds() -> None:
    group, meter = metered_group()
    of_group = quota(group, 1, energy_type=None, converted_to="co2", unit="tCO2")
    of_group.energy_types.set([meter.energy_type])
    factors = {"energy_type": meter.energy_type, "kind": "co2", "source": "通知"}
    ConversionFactor.objects.filter(kind="co2").delete()
    ConversionFactor.objects.create(**factors, value=Decimal("0.5"), valid_from=date(2025, 1, 1))
    make.used(meter, MARCH, 1000)
    check(day(31))
    assert usage(of_group).actual_value == Decimal("0.5")
    QuotaDue.objects.all().delete()
    late = ConversionFactor.objects.create(**factors, value=Decimal("0.6"), valid_from=MARCH)
    check(date(2026, 12, 20))
    assert usage(of_group).actual_value == Decimal("0.6")
    late = ConversionFactor.objects.get(pk=late.pk)
    late.valid_from = date(2026, 4, 1)
    late.save()
    check(date(2026, 12, 20))
    assert usage(of_group).actual_value == Decimal("0.5"), "March has the factor before again"


def test_a_quota_that_is_switched_off_or_deleted_leaves_no_alarm_open() -> None:
    group, meter = metered_group()
    make.used(meter, MARCH, 85)
    off, gone, behind_our_back = quota(group), quota(group), quota(group)
    check(day(1))
    quotas.switch(off, is_active=False)
    gone_alarms = alarms_of(gone)
    gone.delete()
    EnergyQuota.objects.filter(pk=behind_our_back.pk).update(is_active=False)
    check(day(1))
    for alarm in (*alarms_of(off), *gone_alarms, *alarms_of(behind_our_back)):
        alarm.refresh_from_db()
        assert (alarm.status, alarm.resolution) == ("resolved", "switched_off")
    quotas.switch(off, is_active=True)
    check(day(1))
    assert [alarm.status for alarm in alarms_of(off)] == ["resolved", "active"]


def test_one_quota_that_cannot_be_checked_stops_no_other() -> None:
    group, meter = metered_group()
    make.used(meter, MARCH, 85)
    good = quota(group)
    bad = quota(group, energy_type=None, converted_to="tce_equivalent", unit="tce")
    bad.energy_types.add(make.energy_type())
    run = check(day(1))
    assert run.outcome == RunOutcome.PARTLY
    assert [(error["quota"], "没有系数" in str(error["error"])) for error in run.errors] == [(bad.pk, True)]
    assert usage(good).status == "warning"


def test_a_run_that_fails_is_recorded_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    group, meter = metered_group()
    make.used(meter, MARCH, 85)
    quota(group)
    quotas.note_changed(energy_type_ids={make.energy_type().pk}, first=day(1), last=day(1))
    monkeypatch.setattr(evaluation, "apply", lambda *_args, **_more: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        check(day(1), trigger=RunTrigger.DATA)
    run = QuotaRun.objects.get()
    assert (run.outcome, run.trigger) == ("failed", "data")
    assert "ZeroDivisionError" in str(run.errors)
    assert run.duration_ms is not None
    assert not QuotaUsage.objects.exists()
    assert QuotaDue.objects.exists(), "what is due stays due"


def test_one_run_at_a_time_and_a_dead_one_blocks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    quota(metered_group()[0])
    under_way = QuotaRun.objects.create(trigger="data", as_of=MARCH, started_at=moment(MARCH))
    monkeypatch.setattr("spc_site.clock.now", lambda: moment(MARCH) + timedelta(minutes=9))
    assert quotas.evaluate(as_of=MARCH) is None
    monkeypatch.setattr("spc_site.clock.now", lambda: moment(MARCH) + timedelta(minutes=11))
    assert quotas.evaluate(as_of=MARCH) is not None
    under_way.refresh_from_db()
    assert (under_way.outcome, QuotaUsage.objects.count()) == ("failed", 1)


def test_a_revision_holds_for_the_present_period_and_leaves_those_that_are_over() -> None:
    group, meter = metered_group()
    of_group = quota(group)
    make.used(meter, date(2026, 2, 10), 90)
    make.used(meter, MARCH, 90)
    check(date(2026, 2, 28))
    check(day(1))
    quotas.revise(of_group, value=Decimal(200), author=None, reason="增产", at=moment(day(1)))
    check(day(2))
    assert (usage(of_group).quota_value, usage(of_group).status) == (200, "normal")
    february = usage(of_group, date(2026, 2, 1))
    assert (february.quota_value, february.status) == (100, "warning")
    assert [alarm.resolution for alarm in alarms_of(of_group)] == ["period_end", "recovered"]
    revision = of_group.revisions.get()
    assert (revision.old_value, revision.new_value, revision.reason) == (100, 200, "增产")


def test_a_composite_quota_converts_each_day_by_the_factor_of_that_day() -> None:
    electricity, gas = make.energy_type("electricity"), make.energy_type("natural_gas")
    plant = make.group("plant")
    for code, of, uses in (("e", electricity, (1000, 1000)), ("g", gas, (10, 10))):
        meter = make.device(code, of)
        make.attached(plant, meter)
        make.used(meter, MARCH, *uses)
    ConversionFactor.objects.create(
        energy_type=electricity, kind="tce_calorific", value="0.2", valid_from=day(2), source="试验"
    )
    whole = quota(plant, "0.3", energy_type=None, converted_to="tce_calorific", unit="tce")
    whole.energy_types.set([electricity, gas])
    check(day(2))
    # (1000 × 0.1229 + 1000 × 0.2 + 20 × 1.2143) kg
    assert usage(whole).actual_value == Decimal("0.347186")
    assert usage(whole).status == "exceeded"
    assert usage(whole).daily == [135043, 212143]
    assert usage(whole).top_meters[0] == {"code": "e", "name": "e", "use": "0.4"}


def test_a_virtual_meter_is_as_covered_as_its_worst_part() -> None:
    group = make.group("plant")
    whole = make.device("whole", kind="virtual")
    make.attached(group, whole)
    for code, covered_s in (("p1", 86400), ("p2", 43200)):
        part = make.device(code)
        VirtualPart.objects.create(device=whole, part=part)
        make.used(part, MARCH, 10, covered_s=covered_s)
    of_group = quota(group)
    check(day(2))
    assert (usage(of_group).actual_value, usage(of_group).coverage_pct) == (20, 50)


def test_the_forecast_appears_after_three_complete_days_and_knows_weekdays() -> None:
    group, meter = metered_group()
    of_group = quota(group, 100)
    # 2026-03-01 is a Sunday; February taught that nothing runs at weekends.
    make.used(meter, date(2026, 2, 1), *[0 if date(2026, 2, n).weekday() > 4 else 5 for n in range(1, 29)])
    make.used(meter, MARCH, 0, 5, 5, 5)
    check(day(3))
    assert (usage(of_group).projected_value, usage(of_group).exhausted_on) == (None, None)
    check(day(4))
    row = usage(of_group)
    assert row.complete_days == 3
    assert row.projected_value == Decimal("103.333333")
    assert row.projected_by_weekday == 110, "22 working days"
    assert row.exhausted_on == date(2026, 3, 27)


def test_an_earlier_day_does_not_set_a_closed_period_back() -> None:
    group, meter = metered_group()
    of_group = quota(group)
    make.used(meter, MARCH, 10, 20)
    check(day(2))
    check(date(2026, 5, 1))
    assert usage(of_group).is_closed
    check(day(1))
    assert usage(of_group).actual_value == 30


def test_the_number_of_queries_does_not_depend_on_the_number_of_quotas() -> None:
    group, meter = metered_group()
    make.used(meter, MARCH, 85)
    periods = ("monthly", "yearly", "quarterly")

    def count_for(more: int) -> tuple[int, ...]:
        for number in range(more):
            quota(group, period=periods[number % 3])
        found = []
        for as_of in (day(1), day(1), date(2027, 1, 5)):  # raised by the dozen, seen again, ended
            with CaptureQueriesContext(connection) as queries:
                check(as_of)
            found.append(len(queries))
        QuotaUsage.objects.all().delete()
        Alarm.objects.all().delete()
        return tuple(found)

    count_for(7)  # what is read once in a while is read now
    few, many = count_for(0), count_for(50)
    assert few[1:] == many[1:]
    assert many[0] <= few[0] + 3, "new alarms are inserted by the batch"
    assert max(many) < 50


def test_the_command_checks_as_of_a_day_and_says_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    group, meter = metered_group()
    of_group = quota(group)
    make.used(meter, MARCH, 60, 30)
    call_command("check_quotas", "--date", "2026-03-01")
    assert usage(of_group).actual_value == 60, "later days do not count"
    call_command("check_quotas", "--date", "2026-03-02")
    assert usage(of_group).status == "warning"
    assert "报警新增 1，升级 0，关闭 0" in capsys.readouterr().out
    with pytest.raises(CommandError, match="不是日期") as refused:
        call_command("check_quotas", "--date", "gestern")
    assert refused.value.returncode == 2
    bad = quota(group, energy_type=None, converted_to="co2")
    with pytest.raises(CommandError, match="无法检查"):
        call_command("check_quotas", "--date", "2026-03-02")
    bad.delete()
    QuotaRun.objects.create(trigger="data", as_of=MARCH, started_at=timezone.now())
    with pytest.raises(CommandError, match="正在进行"):
        call_command("check_quotas", wait=0)


def test_checks_that_stay_away_raise_an_alarm_and_their_return_closes_it() -> None:
    of_group = quota(metered_group()[0])
    EnergyQuota.objects.update(created_at=moment(MARCH, 0))
    assert not quotas.watch(at=moment(MARCH, 3))
    assert quotas.watch(at=moment(MARCH, 4))
    (alarm,) = Alarm.objects.all()
    assert (alarm.key, alarm.severity, alarm.group) == ("energy.quota_check", "critical", "ENERGY")
    assert Notification.objects.get().target == "ENERGY"
    check(day(1))
    QuotaRun.objects.update(started_at=moment(MARCH, 5))
    assert not quotas.watch(at=moment(MARCH, 6))
    alarm.refresh_from_db()
    assert alarm.status == "resolved"
    of_group.delete()
    assert not quotas.watch(at=moment(date(2026, 5, 1))), "without quotas there is nothing to check"


def test_the_energy_group_is_told_what_helps_to_act_and_the_hook_fires_only_when_the_quota_is_passed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fired: list[tuple[str, dict[str, object]]] = []
    monkeypatch.setattr(
        "energy.services.quotas.alarming.fire_many",
        lambda point, events: fired.extend(
            (point, points.prepare(point, payload)) for payload, _id in events
        ),
    )
    group, meter = metered_group()
    of_group = quota(group, name="一号车间用电")
    make.used(meter, MARCH, *[10] * 8)
    check(day(8))
    (message,) = Notification.objects.filter(part_no=1)
    assert (message.target, message.title) == ("ENERGY", "配额预警: 一号车间用电")
    for expected in (
        "当前使用 80.0 kWh，配额 100.0 kWh，使用率",
        "80.0%",
        "剩余：23 天",
        "预计期末：310.0 kWh（310.0%）",
        "预计用完：2026-03-10",
        f"用量最大：{meter.name} 80.0（kWh）",
        f"/energy/quotas/{of_group.pk}/2026-03-01",
    ):
        assert expected in message.content, expected
    assert not fired, "a warning is no passed quota"
    make.used(meter, day(9), 21)
    check(day(9))
    check(day(9))
    ((point, payload),) = fired
    assert point == "on_quota_exceeded"
    assert (payload["quota_id"], Decimal(str(payload["actual_value"]))) == (of_group.pk, 101)
    assert Notification.objects.filter(part_no=1).count() == 2

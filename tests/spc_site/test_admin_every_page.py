"""Every model of the admin: its pages open, obey roles, escape names, and cost no query per row."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import services as accounts
from accounts.models import ApiToken, Profile
from alarms.models import (
    Alarm,
    AlarmStatus,
    EscalationPolicy,
    InhibitionRule,
    Rota,
    Silence,
    SourceRule,
    SystemRule,
    WorkOrder,
)
from contracts import models as contracts
from hooks.models import CustomKpi, HookEvent, HookPoint, HookRun
from hooks.points import POINTS
from notifications.choices import State
from notifications.models import (
    AuditEntry,
    Budget,
    BulkResend,
    Channel,
    ContentRule,
    DeliveryAttempt,
    Flood,
    HourlyFigure,
    Notification,
    NotificationConfig,
    NotificationEvent,
    NotificationTemplate,
    Recipient,
    Robot,
    Route,
    RouteStep,
    Trouble,
)
from quality import models as quality
from quality.kinds import IQC, OQC, Kind
from quality.services.verification import record_verification
from quality.spc.verify import Check, Run
from spc_site.models import Schedule, WorkerBeat
from tests import builders, query_counts
from tests.approvals import admin_rows as approval_rows
from tests.energy import admin_rows as energy_rows
from tests.quality import admin_rows as disposition_rows

pytestmark = pytest.mark.django_db

EVIL = '<script>alert("x")</script>'


def _people(number: int) -> User:
    return builders.person("质检员", "质量经理", username=f"user{number}", first_name=EVIL)


def _report(kind: Kind) -> Callable[[int], Any]:
    def make(number: int) -> Any:
        row = builders.report(
            kind,
            lot=f"{EVIL}{number}",
            abnormal_count=1,
            status="ABNORMAL",
            part=builders.part(name=EVIL),
            **{kind.party_field: builders.party(kind, f"{EVIL}{number}")},
        )
        builders.abnormal_entry(row, name=EVIL)
        return row

    return make


def _entry(kind: Kind) -> Callable[[int], Any]:
    return lambda number: builders.abnormal_entry(
        builders.report(kind, lot=f"{EVIL}{number}"),
        name=EVIL,
        spec=EVIL,
        printed={"CPK": EVIL},
        limits=_limits(1),
        history=[{"version": 1, "values": [EVIL], "until": "2026-11-01T00:00:00+00:00", "changed_by": EVIL}],
        edited_by=builders.person(),
    )


def _log(kind: Kind) -> Callable[[int], Any]:
    def make(number: int) -> Any:
        log = builders.report(kind, lot=f"{EVIL}{number}").import_logs.get()
        log.file_name, log.imported_by = f"{EVIL}.xlsx", builders.person()
        log.save()
        return log

    return make


def _limits(number: int) -> quality.ControlLimits:
    return quality.ControlLimits.objects.create(
        characteristic=builders.characteristic(name=EVIL),
        version=1,
        centre=10.0,
        sigma=0.01,
        reason=EVIL,
        baseline=[{"kind": "IQC", "report": 1, "entry": 2, "version": 1}],
        valid_from=timezone.now(),
        author=builders.person(),
    )


def _alarm(number: int) -> Alarm:
    now = timezone.now()
    return Alarm.objects.create(
        key=f"k{number}",
        source=EVIL,
        title=EVIL,
        link="/IQC/1/1",
        owner=builders.person(),
        triggered_at=now,
        last_seen_at=now,
        status=AlarmStatus.ACKNOWLEDGED,
    )


def _more_events(alarm: Alarm) -> None:
    alarm.events.create(at=timezone.now(), kind="raised", actor=builders.person(), note=EVIL)


def _silence(number: int) -> Silence:
    now = timezone.now()
    return Silence.objects.create(
        matchers=f"source={EVIL}",
        starts_at=now,
        ends_at=now + timedelta(hours=2),
        author=builders.person(first_name=EVIL),
        reason=EVIL,
        created_at=now,
    )


def _work_order(number: int) -> WorkOrder:
    order = WorkOrder.objects.create(
        title=EVIL, alarm=_alarm(number), owner=builders.person(), created_at=timezone.now(), runbook=EVIL
    )
    _more_work(order)
    return order


def _more_work(order: WorkOrder) -> None:
    order.steps.create(text=EVIL, done_at=timezone.now(), done_by=builders.person())


def _rota(number: int) -> Rota:
    rota = Rota.objects.create(name=f"{EVIL}{number}", starts_on=timezone.now().date())
    rota.members.create(recipient=Recipient.objects.create(name=EVIL))
    return rota


def _more_people(rota: Rota) -> None:
    rota.members.create(recipient=Recipient.objects.create(name=EVIL))
    now = timezone.now()
    rota.exceptions.create(
        starts_at=now,
        ends_at=now + timedelta(days=1),
        recipient=Recipient.objects.create(name=EVIL),
        note=EVIL,
    )


def _more_escalation(policy: EscalationPolicy) -> None:
    policy.steps.create(after_minutes=5, recipient=Recipient.objects.create(name=EVIL))


def _policy(number: int) -> EscalationPolicy:
    policy = EscalationPolicy.objects.create(name=f"{EVIL}{number}")
    policy.steps.create(after_minutes=5, rota=_rota(number))
    policy.steps.create(after_minutes=9, channel="wechat_bot", target=EVIL)
    return policy


def _notification(number: int) -> Notification:
    return builders.notification(State.SENT, title=EVIL, content=EVIL, target=EVIL)


def _more_attempts(row: Notification) -> None:
    DeliveryAttempt.objects.create(
        notification=row,
        number=row.attempts.count() + 1,
        started_at=timezone.now(),
        outcome="sent",
        answer=EVIL,
    )
    NotificationEvent.objects.create(notification=row, kind="resent", actor=builders.person(), note=EVIL)


def _more_entries(report: Any) -> None:
    builders.abnormal_entry(report, name=f"{EVIL}{report.entries.count()}")


def _template(number: int) -> NotificationTemplate:
    return NotificationTemplate.objects.create(
        template_name=f"t{number}",
        label=EVIL,
        title_template="x",
        content_template=f"{EVIL} {{name}}",
        variables={"name": EVIL},
    )


def _recipient(number: int) -> Recipient:
    return Recipient.objects.create(
        name=EVIL, user=builders.person(first_name=EVIL), email=f"a{number}@example.com", muted=[EVIL]
    )


def _route(number: int) -> Route:
    route = Route.objects.create(name=EVIL, event=EVIL, supplier=EVIL)
    _more_steps(route)
    return route


def _more_steps(route: Route) -> None:
    RouteStep.objects.create(route=route, recipient=_recipient(route.steps.count()))
    RouteStep.objects.create(route=route, channel="wechat_bot", target=EVIL, is_reserve=True)


def _token(number: int) -> ApiToken:
    return accounts.issue_token(builders.person(first_name=EVIL), name=EVIL)[0]


def _verification(number: int) -> quality.Verification:
    check = Check(EVIL, EVIL, EVIL, EVIL, EVIL, None, EVIL, "differs")
    return record_verification(Run({"engine": EVIL}, (check,)))


def _hook_event(number: int) -> HookEvent:
    now = timezone.now()
    return HookEvent.objects.create(
        event_id=f"{EVIL}{number}",
        point="on_alarm_created",
        payload_text=json.dumps({"title": EVIL}),
        occurred_at=now,
        next_at=now,
        state="failed",
    )


def _hook_run(number: int) -> HookRun:
    return HookRun.objects.create(
        event=_hook_event(number),
        event_id_text=EVIL,
        point="on_alarm_created",
        started_at=timezone.now(),
        outcome="raised",
        error=EVIL,
        traceback=EVIL,
        output=EVIL,
    )


def _more_runs(event: HookEvent) -> None:
    HookRun.objects.create(
        event=event, point=event.point, started_at=timezone.now(), outcome="died", error=EVIL
    )


def _first(model: Any, **fields: Any) -> Callable[[int], Any]:
    """For tables of which a few rows exist or can exist."""
    return lambda number: model.objects.get_or_create(**fields)[0]


def _contract(number: int) -> contracts.Contract:
    series, _is_new = contracts.NumberSeries.objects.get_or_create(name=EVIL, prefix=EVIL[:20])
    template, _is_new = contracts.ContractTemplate.objects.get_or_create(name=EVIL, series=series)
    return contracts.Contract.objects.create(
        corp="ww1",
        sp_no=f"{EVIL}{number}",
        template=template,
        number=f"{EVIL}{number}",
        name=EVIL,
        party_a=EVIL,
        failure_text=EVIL,
    )


def _call(number: int) -> contracts.WebhookDelivery:
    return contracts.WebhookDelivery.objects.create(
        webhook=_system(number),
        contract=_contract(number),
        event_id=f"{number}",
        event="void",
        body=EVIL,
        error=EVIL,
        state="dead",
        next_at=timezone.now(),
    )


def _system(number: int) -> contracts.OutboundWebhook:
    return contracts.OutboundWebhook.objects.create(
        name=f"{EVIL}{number}", url="https://erp.example.com/x", secret=f"a-long-secret-{number:04}"
    )


MAKERS: dict[type[models.Model], Callable[[int], Any]] = {
    User: _people,
    Group: lambda number: Group.objects.create(name=f"{EVIL}{number}"),
    ApiToken: _token,
    Alarm: _alarm,
    Silence: _silence,
    WorkOrder: _work_order,
    Rota: _rota,
    EscalationPolicy: _policy,
    SourceRule: lambda number: SourceRule.objects.create(
        source=f"{EVIL}{number}", group=EVIL, note=EVIL, policy=EscalationPolicy.objects.first()
    ),
    InhibitionRule: lambda number: InhibitionRule.objects.create(
        name=f"{EVIL}{number}", source_matchers=f"a={EVIL}", target_matchers=f"b={EVIL}"
    ),
    SystemRule: _first(SystemRule, measure="disk"),
    Notification: _notification,
    NotificationTemplate: _template,
    AuditEntry: lambda number: AuditEntry.objects.create(
        at=timezone.now(),
        actor=builders.person(),
        actor_name=EVIL,
        door="admin",
        verb="changed",
        kind="notifications.Channel",
        object_id="1",
        object_name=EVIL,
        changes={"note": [EVIL, EVIL]},
        note=EVIL,
    ),
    ContentRule: lambda number: ContentRule.objects.create(
        name=f"{EVIL}{number}", kind="warn", pattern=EVIL, note=EVIL
    ),
    BulkResend: lambda number: BulkResend.objects.create(
        requested_by=builders.person(first_name=EVIL), total=number, filter_text=EVIL, last_refusal=EVIL
    ),
    HourlyFigure: lambda number: HourlyFigure.objects.create(
        channel="wechat_bot",
        hour=timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=number),
        sent=3,
        causes={"network": number},
    ),
    Trouble: lambda number: Trouble.objects.create(
        key=f"k{number}", severity="critical", title=EVIL, description=EVIL, link="/", seen_at=timezone.now()
    ),
    Route: _route,
    Recipient: _recipient,
    Flood: lambda number: Flood.objects.create(
        source=EVIL, channel="wechat_bot", target=f"{EVIL}{number}", minute=timezone.now(), withheld=number
    ),
    NotificationConfig: _first(NotificationConfig, config_key="batch_size", config_value="5"),
    Channel: _first(Channel, code="wechat_bot"),
    Robot: lambda number: Robot.objects.create(
        group=EVIL, name=f"{EVIL}{number}", key=f"robot-key-{number:04}"
    ),
    Budget: lambda number: Budget.objects.create(name=f"{EVIL}{number}", is_dead=True),
    quality.Supplier: lambda number: builders.party(IQC, f"{EVIL}{number}"),
    quality.Customer: lambda number: builders.party(OQC, f"{EVIL}{number}"),
    quality.Part: lambda number: builders.part(f"{EVIL}{number}", name=EVIL),
    quality.Characteristic: lambda number: builders.characteristic(name=EVIL, alarm_rules=[1, 2]),
    quality.ControlLimits: _limits,
    quality.Recalculation: lambda number: quality.Recalculation.objects.create(
        characteristic=builders.characteristic(name=EVIL), requested_by=builders.person(), total=number
    ),
    quality.Verification: _verification,
    quality.JudgementDefaults: _first(quality.JudgementDefaults, pk=1),
    quality.Disposition: disposition_rows.disposition(EVIL),
    quality.DispositionForm: disposition_rows.form(EVIL),
    quality.ImportProfile: lambda number: quality.ImportProfile.objects.create(
        name=f"{EVIL}{number}", layout={"note": EVIL}
    ),
    quality.IQCReport: _report(IQC),
    quality.OQCReport: _report(OQC),
    quality.IQCReportEntry: _entry(IQC),
    quality.OQCReportEntry: _entry(OQC),
    quality.IQCReportImportLog: _log(IQC),
    quality.OQCReportImportLog: _log(OQC),
    contracts.Contract: _contract,
    contracts.NumberSeries: lambda number: contracts.NumberSeries.objects.create(
        name=f"{EVIL}{number}", prefix=EVIL[:20], department_codes={EVIL: EVIL}
    ),
    contracts.OutboundWebhook: _system,
    contracts.WebhookDelivery: _call,
    contracts.DownloadLog: lambda number: contracts.DownloadLog.objects.create(
        contract=_contract(number), form="docx", digest="x", who=EVIL, user=builders.person()
    ),
    HookEvent: _hook_event,
    HookRun: _hook_run,
    HookPoint: lambda number: HookPoint.objects.get_or_create(
        name=list(POINTS)[number % len(POINTS)], defaults={"last_error": EVIL, "failures": 2}
    )[0],
    CustomKpi: lambda number: CustomKpi.objects.create(
        name=f"custom_{number}", label=EVIL, unit=EVIL[:20], value=1.5, calculated_at=timezone.now()
    ),
    WorkerBeat: lambda number: WorkerBeat.objects.create(
        host=EVIL, pid=number, role="pump", started_at=timezone.now(), beat_at=timezone.now()
    ),
    Schedule: lambda number: Schedule.objects.create(name=f"{EVIL}{number}", next_run=timezone.now()),
    **energy_rows.makers(EVIL),
    **approval_rows.makers(EVIL),
}
"""A row of each model, full of what a careless page would run as script."""

BELOW: dict[type[models.Model], Callable[[Any], None]] = {
    Alarm: _more_events,
    WorkOrder: _more_work,
    Rota: _more_people,
    EscalationPolicy: _more_escalation,
    HookEvent: _more_runs,
    Notification: _more_attempts,
    Route: _more_steps,
    quality.IQCReport: _more_entries,
    quality.OQCReport: _more_entries,
    quality.Disposition: disposition_rows.more_events(EVIL),
    quality.DispositionForm: disposition_rows.more_controls(EVIL),
    User: lambda user: user.groups.add(Group.objects.create(name=f"{EVIL}{Group.objects.count()}")),
}
"""One more row of those that the page of an object lists."""

ADMINS = admin.site._registry
every_model = pytest.mark.parametrize("model", ADMINS, ids=lambda model: model._meta.label_lower)


def _url(model: type[models.Model], page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def _queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(url, follow=True).status_code == 200
    return len(captured)


@pytest.fixture
def root(client: Client) -> Client:
    client.force_login(builders.superuser())
    return client


def test_every_registered_model_is_tested_here() -> None:
    assert set(MAKERS) == set(ADMINS)


@every_model
def test_pages_open_for_a_superuser_and_run_no_script_of_a_name(
    root: Client, model: type[models.Model]
) -> None:
    row = MAKERS[model](1)
    pages = [_url(model, "changelist"), _url(model, "change", row.pk), _url(model, "history", row.pk)]
    for url in pages:
        response = root.get(url, follow=True)
        assert response.status_code == 200
        assert EVIL not in response.text
    response = root.get(_url(model, "add"))
    assert response.status_code in (200, 403)


@every_model
def test_a_list_finds_what_is_searched(root: Client, model: type[models.Model]) -> None:
    MAKERS[model](1)
    if ADMINS[model].search_fields:
        assert root.get(_url(model, "changelist"), {"q": "script 'x"}).status_code == 200


@every_model
def test_a_list_costs_the_same_queries_for_1_and_for_30_rows(root: Client, model: type[models.Model]) -> None:
    MAKERS[model](1)
    url = _url(model, "changelist")
    _queries(root, url)
    few = _queries(root, url)
    for number in range(2, 31):
        MAKERS[model](number)
    assert _queries(root, url) == few
    query_counts.compare(f"admin list {model._meta.label_lower}", few)


@pytest.mark.parametrize("model", BELOW, ids=lambda model: model._meta.label_lower)
def test_a_page_costs_the_same_queries_for_1_and_for_30_rows_below_it(
    root: Client, model: type[models.Model]
) -> None:
    row = MAKERS[model](1)
    url = _url(model, "change", row.pk)
    BELOW[model](row)
    _queries(root, url)
    few = _queries(root, url)
    for _each in range(29):
        BELOW[model](row)
    assert EVIL not in root.get(url).text
    assert _queries(root, url) == few
    query_counts.compare(f"admin page {model._meta.label_lower}", few)


@every_model
def test_staff_without_a_role_see_nothing(client: Client, model: type[models.Model]) -> None:
    row = MAKERS[model](1)
    client.force_login(builders.person())
    assert client.get(_url(model, "changelist")).status_code == 403
    assert client.get(_url(model, "change", row.pk)).status_code == 403


@every_model
def test_who_may_only_view_can_change_nothing(client: Client, model: type[models.Model]) -> None:
    from django.contrib.auth.models import Permission

    row = MAKERS[model](1)
    user = builders.person()
    user.user_permissions.add(
        Permission.objects.get(
            content_type__app_label=model._meta.app_label, codename=f"view_{model._meta.model_name}"
        )
    )
    client.force_login(user)
    assert client.get(_url(model, "changelist"), follow=True).status_code == 200
    before = model._default_manager.filter(pk=row.pk).values().get()
    response = client.post(_url(model, "change", row.pk), {"name": "changed", "_save": "1"})
    assert response.status_code in (302, 403)
    assert model._default_manager.filter(pk=row.pk).values().get() == before


def test_profiles_are_edited_with_their_user() -> None:
    assert Profile not in ADMINS
    assert any(inline.model is Profile for inline in ADMINS[User].inlines)


def test_the_first_page_counts_in_a_fixed_number_of_queries(root: Client) -> None:
    url = reverse("admin:index")
    _queries(root, url)
    few = _queries(root, url)
    for number in range(10):
        _notification(1)
        _alarm(number)
        _report(IQC)(number)
    assert _queries(root, url) == few


def test_rooms_stand_in_the_order_of_the_work(root: Client) -> None:
    labels = [app["app_label"] for app in root.get(reverse("admin:index")).context["app_list"]]
    assert labels[:6] == ["quality", "alarms", "energy", "contracts", "approvals", "notifications"]

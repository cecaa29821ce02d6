from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from notifications.models import Notification
from quality.choices import Status
from quality.kinds import IQC, OQC
from quality.models import Characteristic, JudgementDefaults, Recalculation
from quality.services import judgement, recalculation
from quality.services.recalculation import cancel_recalculation, recalculate_due, start_recalculation
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _robot(settings) -> None:  # type: ignore[no-untyped-def]
    settings.WEBHOOK_KEYS = {"IQC": "k", "OQC": "k", "ENERGY": ""}


def test_a_changed_default_reaches_every_report_and_only_news_is_told(admin_user: User) -> None:
    reports = [builders.report(kind, entries=2) for kind in (IQC, IQC, OQC)]
    judgement.judge_due()
    assert not Notification.objects.exists()
    JudgementDefaults.objects.create(pk=1, cpk_limit="99")
    run = start_recalculation(user=admin_user)
    assert (run.total, run.done, run.percent) == (6, 0, 0)
    assert recalculation.has_due()
    assert recalculate_due() == 6
    run.refresh_from_db()
    assert (run.state, run.done, run.percent) == (Recalculation.State.DONE, 6, 100)
    assert run.finished_at is not None
    for report in reports:
        report.refresh_from_db()
        assert report.status == Status.ABNORMAL
    assert Notification.objects.count() == 3
    start_recalculation(user=admin_user)
    recalculate_due()
    assert Notification.objects.count() == 3


def test_one_characteristic_leaves_the_others_alone(admin_user: User) -> None:
    report = builders.report(entries=3)
    judgement.judge_due()
    one = Characteristic.objects.order_by("pk").first()
    run = start_recalculation(user=admin_user, characteristic=one)
    assert run.total == 1
    recalculate_due()
    versions = report.entries.order_by("position").values_list("version", flat=True)
    assert list(versions) == [2, 1, 1]


def test_a_run_that_was_cut_off_goes_on_where_it_stood(admin_user: User) -> None:
    for _ in range(3):
        builders.report(entries=1)
    judgement.judge_due()
    run = start_recalculation(user=admin_user)
    recalculation._one_report(run)
    run.refresh_from_db()
    assert run.done == 1
    assert recalculate_due() == 2
    run.refresh_from_db()
    assert run.done == 3


def test_a_cancelled_run_stops(admin_user: User) -> None:
    builders.report(entries=1)
    run = start_recalculation(user=admin_user)
    assert cancel_recalculation(run)
    assert not cancel_recalculation(run)
    assert recalculate_due() == 0


def test_starting_again_starts_the_running_one_over(admin_user: User) -> None:
    for _ in range(2):
        builders.report(entries=1)
    judgement.judge_due()
    run = start_recalculation(user=admin_user)
    recalculation._one_report(run)
    again = start_recalculation(user=admin_user)
    assert again.pk == run.pk
    assert (again.done, again.cursor) == (0, {})


def test_two_workers_on_one_run_count_each_report_once(admin_user: User) -> None:
    for _ in range(2):
        builders.report(entries=1)
    judgement.judge_due()
    run = start_recalculation(user=admin_user)
    same = Recalculation.objects.get(pk=run.pk)
    recalculation._one_report(run)
    recalculation._one_report(same)
    run.refresh_from_db()
    assert run.done == 1

from __future__ import annotations

import itertools

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from quality import spc
from quality.choices import Status
from quality.models import Characteristic, ControlLimits
from quality.services import judgement
from quality.services.limits import lock_given_limits, lock_limits, withdraw_limits
from spc_site.errors import AppError
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def characteristic() -> Characteristic:
    return builders.characteristic(alarm_rules=[1])


def _entry(characteristic: Characteristic, values: list[str] | None = None):  # type: ignore[no-untyped-def]
    report = builders.report(part=characteristic.part)
    return builders.entry(
        report, values=values or builders.GOOD, characteristic=characteristic, lsl="9", usl="11"
    )


def test_limits_of_a_baseline_are_those_of_its_chart(
    characteristic: Characteristic, admin_user: User
) -> None:
    entry = _entry(characteristic)
    row = lock_limits(characteristic, entries=[entry], user=admin_user, reason="首批 16 件稳定")
    values = [float(value) for value in builders.GOOD]
    moving = [abs(right - left) for left, right in itertools.pairwise(values)]
    assert row.centre == pytest.approx(sum(values) / len(values), rel=1e-12)
    assert row.sigma == pytest.approx(sum(moving) / len(moving) * 3.141592653589793**0.5 / 2, rel=1e-12)
    assert (row.version, row.valid_to, row.author) == (1, None, admin_user)
    assert row.baseline == [{"kind": "IQC", "report": entry.report_id, "entry": entry.pk, "version": 1}]


def test_a_new_version_ends_the_one_before(characteristic: Characteristic, admin_user: User) -> None:
    limits = spc.Limits(centre=10, sigma=0.01)
    first = lock_given_limits(characteristic, limits=limits, user=admin_user, reason="a")
    second = lock_given_limits(characteristic, limits=limits, user=admin_user, reason="b")
    first.refresh_from_db()
    assert (first.version, second.version) == (1, 2)
    assert first.valid_to == second.valid_from
    assert withdraw_limits(characteristic)
    assert not withdraw_limits(characteristic)
    assert not ControlLimits.objects.filter(valid_to__isnull=True).exists()


def test_the_database_keeps_one_version_in_force(characteristic: Characteristic, admin_user: User) -> None:
    first = lock_given_limits(
        characteristic, limits=spc.Limits(centre=10, sigma=0.01), user=admin_user, reason="a"
    )
    first.pk, first.version = None, 9
    with pytest.raises(IntegrityError), transaction.atomic():
        first.save(force_insert=True)


def test_locked_limits_judge_the_next_report_and_the_entry_keeps_their_version(
    characteristic: Characteristic, admin_user: User
) -> None:
    free = _entry(characteristic)
    judgement.judge_due()
    free.refresh_from_db()
    assert (free.status, free.limits) == (Status.NORMAL, None)
    row = lock_given_limits(
        characteristic, limits=spc.Limits(centre=9.9, sigma=0.01), user=admin_user, reason="旧工艺"
    )
    bound = _entry(characteristic)
    judgement.judge_due()
    bound.refresh_from_db()
    assert (bound.status, bound.limits) == (Status.ABNORMAL, row)
    assert bound.reasons[0]["code"] == "control_rule"


@pytest.mark.parametrize(
    ("values", "reason", "code"),
    [
        (["10"], "理由", "no_limits"),
        (["10"] * 8, "理由", "no_limits"),
        (builders.GOOD, "  ", "reason_missing"),
    ],
)
def test_what_gives_no_limits_is_refused(
    characteristic: Characteristic, admin_user: User, values: list[str], reason: str, code: str
) -> None:
    with pytest.raises(AppError) as caught:
        lock_limits(characteristic, entries=[_entry(characteristic, values)], user=admin_user, reason=reason)
    assert caught.value.code == code


def test_a_baseline_of_another_characteristic_is_refused(
    characteristic: Characteristic, admin_user: User
) -> None:
    other = _entry(builders.characteristic())
    for entries in ([other], []):
        with pytest.raises(AppError) as caught:
            lock_limits(characteristic, entries=entries, user=admin_user, reason="x")
        assert caught.value.code == "bad_baseline"


def test_subgroups_of_a_baseline_do_not_cross_from_one_report_into_the_next(admin_user: User) -> None:
    characteristic = builders.characteristic(chart="xbar_r", subgroup_size=2)
    # Within each report the pairs agree; only a pair made across the reports would differ.
    entries = [
        _entry(characteristic, ["10.00", "10.01", "10.00"]),
        _entry(characteristic, ["20.00", "20.01", "20.00"]),
    ]
    for entry in entries:
        type(entry).objects.filter(pk=entry.pk).update(subgroup_size=2)
        entry.refresh_from_db()
    row = lock_limits(characteristic, entries=entries, user=admin_user, reason="x")
    assert row.sigma == pytest.approx(0.01 / spc.constant("d2", 2), rel=1e-9)

"""Whatever happens in whatever order: each change of state stands in the table, and the books balance."""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection

from notifications import jobs, policy
from notifications.channels import Result
from notifications.choices import State
from notifications.models import Budget, Channel, Notification
from notifications.policy import Decision
from notifications.routing import Way
from notifications.selectors import ledger
from notifications.services import cancel, claiming, deliver_due, mend, resend, send_notification
from notifications.services.lanes import Lanes
from notifications.services.states import move
from spc_site.errors import AppError
from tests.notifications.conftest import Clock, ScriptedChannel

pytestmark = pytest.mark.django_db

TABLE = Notification._meta.db_table
ON_CHANGE = f"AFTER UPDATE OF status ON {TABLE}"
REMEMBER = "INSERT INTO state_changes VALUES (old.status, new.status)"
IS_CHANGE = "WHEN (old.status <> new.status)"
BODY = f"$$ BEGIN {REMEMBER}; RETURN new; END $$"
WATCH = {
    "sqlite": (
        "CREATE TEMP TABLE state_changes (old text, new text)",
        f"CREATE TEMP TRIGGER watch_states {ON_CHANGE} {IS_CHANGE} BEGIN {REMEMBER}; END",
    ),
    "postgresql": (
        "CREATE TABLE state_changes (old text, new text)",
        f"CREATE FUNCTION watch_states() RETURNS trigger LANGUAGE plpgsql AS {BODY}",
        f"CREATE TRIGGER watch_states {ON_CHANGE} FOR EACH ROW {IS_CHANGE} EXECUTE FUNCTION watch_states()",
    ),
}
FORGET = {
    "sqlite": ("DROP TRIGGER watch_states", "DROP TABLE state_changes"),
    "postgresql": (
        f"DROP TRIGGER watch_states ON {TABLE}",
        "DROP FUNCTION watch_states",
        "DROP TABLE state_changes",
    ),
}


@pytest.fixture
def changes(db: None) -> Iterator[object]:
    """Every change of state that the database sees, whoever makes it: call for those up to now."""

    def seen() -> Counter[tuple[str, str]]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT old, new FROM state_changes")
            return Counter(cursor.fetchall())

    with connection.cursor() as cursor:
        for statement in WATCH[connection.vendor]:
            cursor.execute(statement)
        yield seen
        for statement in FORGET[connection.vendor]:
            cursor.execute(statement)


def _answers(luck: random.Random) -> list[object]:
    def killed() -> Result:
        raise SystemExit

    def bug() -> Result:
        raise KeyError("bug")

    choices: list[object] = [
        Result(Decision.SENT),
        Result(Decision.SENT),
        Result(Decision.RETRY, explanation="忙"),
        Result(Decision.UNCERTAIN),
        Result(Decision.UNCERTAIN, is_repeatable=True),
        Result(Decision.DEAD, explanation="拒收"),
        Result(Decision.WAIT, wait_s=luck.choice([None, 5, 400])),
        Result(Decision.CHANNEL_DEAD, explanation="key 无效"),
        killed,
        bug,
    ]
    return [luck.choice(choices) for _ in range(luck.randrange(12))]


@pytest.mark.parametrize("seed", range(12))
def test_random_events_obey_the_table_and_the_books_balance(
    seed: int,
    changes: object,
    channel: ScriptedChannel,
    reserve: ScriptedChannel,
    clock: Clock,
    admin_user: User,
) -> None:
    luck = random.Random(seed)
    clock.of_the_rows_too()
    asked_for = 0

    def create() -> None:
        nonlocal asked_for
        text = luck.choice(["内容", "一\f二\f三", "- **项**: a [x](https://qc/1)"])
        for _ in range(luck.choice([1, 1, 3, 30])):
            message_id = send_notification(
                f"标题 {luck.randrange(3)}",
                text,
                luck.choice(["wechat_bot", "sms"]),
                luck.choice(["IQC", "OQC"]),
                luck.randint(1, 5),
                fallbacks=luck.choice([(), (Way("sms", "138"),)]),
                expires_at=luck.choice([None, None, clock.now + timedelta(minutes=20)]),
                is_limited=False,
            )
            asked_for += Notification.objects.get(message_id=message_id).part_count

    def deliver() -> None:
        channel.answers, reserve.answers = _answers(luck), _answers(luck)  # type: ignore[assignment]
        with contextlib.suppress(SystemExit):
            deliver_due()

    def act() -> None:
        nonlocal asked_for
        row = luck.choice(list(Notification.objects.all()) or [None])
        if row is None:
            return
        with contextlib.suppress(AppError):
            if luck.random() < 0.5:
                cancel(row, user=admin_user)
            else:
                asked_for += resend(row, user=admin_user, confirmed=True).part_count

    def switch() -> None:
        Channel.objects.filter(code=luck.choice(["wechat_bot", "sms"])).update(is_enabled=luck.random() < 0.7)

    def repair() -> None:
        for budget in Budget.objects.filter(is_dead=True):
            mend(budget)

    def test_send() -> None:
        create()
        Notification.objects.filter(pk=Notification.objects.latest("pk").pk, part_count=1).update(
            is_test=True
        )

    steps = [create, create, deliver, deliver, deliver, act, switch, repair, test_send]
    steps += [
        lambda: clock(luck.choice([1, 11, 61, 300, 1500])),
        lambda: clock(-luck.choice([5, 3700])),
        jobs.release_mended_job,
        lambda: claiming.claim("gone", 3, Lanes()),
    ]
    for _ in range(40):
        luck.choice(steps)()
        books = ledger()
        assert books.balances
        asked_rows = Notification.objects.filter(is_digest=False).count()
        assert books.created == asked_rows >= asked_for
    seen = changes()  # type: ignore[operator]
    assert seen
    for old, new in seen:
        assert policy.may(old, new), f"{old} → {new}"
    # A message that leaves nobody's hands: whatever is open can still be finished.
    Channel.objects.update(is_enabled=True)
    for _ in range(60):
        repair()
        jobs.release_mended_job()
        channel.answers = reserve.answers = []
        deliver_due()
        clock(130)
    left = Notification.objects.exclude(status=State.UNCERTAIN).filter(status__in=policy.OPEN_STATES)
    assert list(left.values_list("status", "reason", "next_at", "channel")) == []


def test_the_watch_sees_a_change_that_is_not_in_the_table(changes: object, channel: ScriptedChannel) -> None:
    send_notification("标题", "内容", "wechat_bot", "IQC")
    Notification.objects.update(status=State.UNCERTAIN)
    assert changes() == {(State.PENDING, State.UNCERTAIN): 1}  # type: ignore[operator]


def test_a_move_that_the_table_does_not_have_moves_nothing(channel: ScriptedChannel) -> None:
    send_notification("标题", "内容", "wechat_bot", "IQC")
    deliver_due()
    assert move(Notification.objects.all(), State.PENDING) == 0
    assert Notification.objects.get().status == State.SENT


def test_the_ledger_counts_members_as_their_digest_in_one_query(
    channel: ScriptedChannel, django_assert_num_queries: object
) -> None:
    for _ in range(30):
        send_notification("标题", "内容", "wechat_bot", "IQC", 3)
    channel.answers = [Result(Decision.DEAD, explanation="拒收")]
    deliver_due()
    with django_assert_num_queries(1):  # type: ignore[operator]
        books = ledger()
    assert (books.created, books.dead, books.sent) == (30, 30, 0)
    assert books.balances


def test_a_merged_message_without_its_digest_does_not_balance(channel: ScriptedChannel) -> None:
    send_notification("标题", "内容", "wechat_bot", "IQC", 3)
    Notification.objects.update(status=State.MERGED)
    books = ledger()
    assert (books.unaccounted, books.balances) == (1, False)

"""F10–F12, F27: the database is locked, crashes, has no room, or changes its shape under the messages.

Bounds: lost 0; doubled 0, but at most one for each worker whose database went away or was full
between its request and its record, and every double marked.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from notifications.choices import State
from notifications.models import DeliveryAttempt, Notification
from notifications.services import release_mended
from tests import databases
from tests.faults.drill import Drill
from tests.live import child_environment
from tests.services import Postgres, wait_until
from wecom.robot import markdown
from wecom.sandbox import Mode

pytestmark = pytest.mark.django_db(transaction=True)

LEASE_S = 60.0


@contextlib.contextmanager
def written_by_another() -> Iterator[None]:
    """Let another program hold what delivery wants to write: all of SQLite, or the table."""
    if connection.vendor == "sqlite":
        path = connection.settings_dict["NAME"]
        with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=20)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")
    else:
        with psycopg.connect(child_environment()["DATABASE_URL"]) as link:
            link.execute("LOCK TABLE notifications_notification IN EXCLUSIVE MODE")  # reading is free
            yield
            link.rollback()


def test_f10_a_lock_between_request_and_record_is_waited_out(fire: Callable[..., Drill]) -> None:
    drill = fire(groups=6)
    drill.create(6)
    drill.server.fail(Mode.DELAY, delay_s=0.3)
    drill.start("--workers", "0")
    wait_until(lambda: drill.server.counts["received"], seconds=20, what="a request is under way")
    with written_by_another():
        time.sleep(3)
        during = drill.server.counts["received"]
    took = drill.settle(seconds=20, leaping=False)
    verdict = drill.verdict()
    assert during <= 2  # nobody sends what cannot be written down
    assert verdict.states == {State.SENT: 6}
    assert (verdict.lost, verdict.doubled, verdict.flagged) == (0, 0, 0)
    assert took < LEASE_S
    slowest = DeliveryAttempt.objects.order_by("-duration_ms").values_list("duration_ms", flat=True)[0]
    assert slowest is not None and slowest < 2_000  # the wait is the database's, not WeCom's


@pytest.fixture
def second_postgres(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[Postgres]:
    """A PostgreSQL with our tables that may crash, in the place of this test's database."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no server that could crash")
    databases.fill(postgres)
    with psycopg.connect(postgres.url, autocommit=True) as link:
        # The tests' clusters answer before a commit is written; a real one does not, and then a
        # crash may take back what the group has seen.
        link.execute("ALTER DATABASE postgres SET synchronous_commit = on")
    connection.close()
    for name, value in {
        "HOST": "127.0.0.1",
        "PORT": postgres.port,
        "NAME": "postgres",
        "USER": "postgres",
    }.items():
        monkeypatch.setitem(connection.settings_dict, name, value)
    yield postgres
    connection.close()


def test_f11_a_database_server_that_crashes_under_load_loses_nothing(
    second_postgres: Postgres, fire: Callable[..., Drill]
) -> None:
    drill = fire(groups=80)
    Notification.objects.all().delete()
    drill.create(80)
    drill.start_command("work", "--workers", "0")
    wait_until(lambda: sum(drill.shown().values()) > 10, seconds=30, what="sending")
    second_postgres.kill()
    time.sleep(1)
    second_postgres.start()
    connection.close()
    took = drill.settle(seconds=30)
    verdict = drill.verdict()
    assert verdict.states == {State.SENT: 80}
    assert (verdict.lost, verdict.unflagged) == (0, 0)
    assert verdict.doubled <= 1
    assert took < LEASE_S + 20
    drill.stop_processes()


def test_f12_a_full_disk_refuses_loudly_and_keeps_what_was_accepted(
    fire: Callable[..., Drill],
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("a page limit is SQLite's")
    drill = fire(groups=250)
    drill.create(20)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")  # no room that earlier rows left behind
        pages = cursor.execute("PRAGMA page_count").fetchone()[0]
        cursor.execute(f"PRAGMA max_page_count={pages}")
    (drill.directory / "pages").write_text(str(pages), encoding="ascii")
    with pytest.raises(DatabaseError, match="full"):
        drill.create(200)
    accepted = len(drill.markers)
    drill.await_death(drill.start("--once"))
    (drill.directory / "pages").unlink()
    connection.close()
    drill.start("--workers", "0")
    drill.settle(seconds=30)
    verdict = drill.verdict()
    assert "database or disk is full" in drill.log.read_text(encoding="utf-8")
    assert verdict.states == {State.SENT: accepted}
    assert (verdict.lost, verdict.unflagged) == (0, 0)
    assert verdict.doubled <= 1  # there was room to begin, but none to write down the end


OLD = ("notifications", "0002_defaults")


def shape() -> dict[str, set[tuple[str, Any]]]:
    """Return the columns of each table with their types, and what constrains them."""
    look = connection.introspection
    with connection.cursor() as cursor:
        return {
            table: {
                *((column.name, column.type_code) for column in look.get_table_description(cursor, table)),
                *((name, str(facts)) for name, facts in look.get_constraints(cursor, table).items()),
            }
            for table in look.table_names(cursor)
        }


@pytest.fixture
def fresh_database(
    transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, set[tuple[str, Any]]]]:
    """An empty database in the place of this test's, whose shape it yields."""
    shape_of_tests = shape()
    name = str(tmp_path / "f27.sqlite3")
    if connection.vendor == "postgresql":
        name = "f27"
        with psycopg.connect(child_environment()["DATABASE_URL"], autocommit=True) as link:
            link.execute("DROP DATABASE IF EXISTS f27")
            link.execute("CREATE DATABASE f27")
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "NAME", name)
    yield shape_of_tests
    connection.close()


def migrate(*targets: tuple[str, str | None]) -> Any:
    """Bring the tables to the targets, by default to the newest; return the models of then."""
    executor = MigrationExecutor(connection)
    wanted = list(targets) or executor.loader.graph.leaf_nodes()
    executor.migrate(wanted)
    return executor.loader.project_state(wanted).apps


def test_f27_messages_of_the_first_version_are_finished_by_the_newest(
    fresh_database: dict[str, set[tuple[str, Any]]], tmp_path: Path
) -> None:
    """Rows in every state, one of them in the hands of a worker that the deploy ended; and back again."""
    model = migrate(OLD).get_model("notifications", "Notification")
    now = timezone.now()
    for number, state in enumerate(State.values, start=1):
        model.objects.create(
            message_id=f"old-{state}",
            title="旧版本的消息",
            content="- **项目**: 旧",
            payload=markdown(f"M{number:05}").json,
            channel="wechat_bot",
            target="G001",
            status=state,
            reason="channel_dead" if state == State.HELD else "",
            next_at=now,
            due_at=now,
            lease_until=now - timedelta(seconds=1) if state == State.SENDING else None,
            lease_owner="gone:1" if state == State.SENDING else "",
        )
    migrate()
    assert shape() == fresh_database  # what the tests run on, copied or not, is what migrations make
    with Drill(tmp_path / "drill") as drill:
        release_mended()
        drill.deliver_all()
        states = dict(Notification.objects.filter(is_digest=False).values_list("message_id", "status"))
        for state in State.values:
            went_on = state in {State.PENDING, State.SENDING, State.HELD}
            assert states[f"old-{state}"] in ({State.SENT, State.MERGED} if went_on else {state})
        shown = drill.shown()
        assert drill.server.counts["doubles"] == drill.server.counts["refused"] == 0
    assert sum(shown.values()) + Notification.objects.filter(merged_into__status=State.SENT).count() == 3
    migrate(OLD)
    assert set(model.objects.values_list("message_id", flat=True)) >= states.keys()

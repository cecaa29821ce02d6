"""What every test can rely on.

Safety for all: no socket leaves this machine, an undefined variable in one of our templates is
an error, each run has a database file of its own. Real parts by fixture: `redis_server`,
`rq_workers`, `postgres`, `page`, `live_system`; a test that needs a part which this machine
lacks is skipped and named at the end, or fails where CI_STRICT says that all must be there.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import hypothesis
import pytest
from django.template.base import FilterExpression

from tests import services
from tests.live import CHROMIUM_FLAGS, Browsing, LiveSystem, Workers, child_environment
from wecom.sandbox import DEMO_KEYS, SandboxServer

ROOT = Path(__file__).resolve().parent.parent
STRICT = os.environ.get("CI_STRICT", "") not in {"", "0"}
DATABASE_FIXTURES = {"db", "transactional_db", "live_server"}
PARTS_OF_FIXTURES = {
    "redis_server": "redis",
    "rq_workers": "redis",
    "postgres": "postgres",
    "chromium": "chromium",
    "mosquitto": "mosquitto",
}
MARKS_OF_FIXTURES = {"redis_server": "redis", "postgres": "postgres", "chromium": "browser"}

hypothesis.settings.register_profile("suite", deadline=None)  # a busy machine is no counter-example
hypothesis.settings.load_profile("suite")

_absent = pytest.StashKey[set[str]]()


# --- marks, missing parts ---------------------------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_absent] = set()


@pytest.hookimpl(wrapper=True, tryfirst=True)  # before -m chooses, and after the order of chance
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if item.get_closest_marker("django_db") or fixtures & DATABASE_FIXTURES:
            item.add_marker("database")
        for fixture, mark in MARKS_OF_FIXTURES.items():
            if fixture in fixtures:
                item.add_marker(mark)
        if "live_system" in fixtures:  # one process starts it, not each of several
            item.add_marker(pytest.mark.xdist_group("live"))
    yield
    # At the end a long one would run alone. Those of the database stay in the order of pytest-django:
    # first what is rolled back, then what empties the tables.
    items.sort(
        key=lambda item: not item.get_closest_marker("slow") or bool(item.get_closest_marker("database"))
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    for fixture, part in PARTS_OF_FIXTURES.items():
        if fixture in getattr(item, "fixturenames", ()):
            _need(part, item.config)


@pytest.fixture
def need(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Call with a part (see `services.HOW_TO_GET`) that the test cannot do without."""
    return lambda part: _need(part, request.config)


def _need(part: str, config: pytest.Config) -> None:
    if part not in services.missing_parts():
        return
    if STRICT:
        pytest.fail(f"{part} is missing: {services.HOW_TO_GET[part]}", pytrace=False)
    pytest.skip(f"needs {part}: {services.HOW_TO_GET[part]}")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reasons = {
        str(report.longrepr[2]).removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple)
    }
    for reason in sorted(reason for reason in reasons if reason.startswith("needs ")):
        terminalreporter.write_line(f"skipped what {reason}", yellow=True)


# --- safety for all ---------------------------------------------------------------------------

_LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0")


class NetworkBlocked(RuntimeError):
    """A test reached for another machine."""


def _block_outside(event: str, arguments: tuple[Any, ...]) -> None:
    """Audit hook: it sees every connection and every look-up of a name in this process."""
    if event == "socket.connect" or event == "socket.sendto":
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else ""
    elif event == "socket.getaddrinfo":
        host = arguments[0] or ""
    else:
        return
    host = host.decode() if isinstance(host, bytes) else str(host)
    if host and not host.startswith(_LOOPBACK):
        raise NetworkBlocked(f"tests stay on this machine, but {event} wants {host}")


sys.addaudithook(_block_outside)


class _Undefined(str):
    """Django's `string_if_invalid` that refuses to stand in for a variable of our templates.

    Django's own templates may leave variables undefined, and are left alone.
    """

    __slots__ = ()

    def __bool__(self) -> bool:
        """Django's look at it is the moment when a variable was not found; a filter's look is later."""
        frame: FrameType | None = sys._getframe(1)
        expression = frame.f_locals.get("self") if frame is not None else None
        while frame is not None and isinstance(expression, FilterExpression):
            origin = getattr(frame.f_locals.get("self"), "origin", None)
            if origin is not None:
                path = Path(str(origin))
                if path.is_relative_to(ROOT) and ".venv" not in path.parts:
                    where = path.relative_to(ROOT)
                    raise AssertionError(f"undefined template variable {expression.token} in {where}")
                break
            frame = frame.f_back
        return False


@pytest.fixture(autouse=True)
def _undefined_template_variables_are_errors() -> None:
    """For each test anew: a test that changes a setting such as DEBUG leaves new engines behind."""
    from django.template import engines
    from django.template.backends.django import DjangoTemplates

    for engine in engines.all():
        assert isinstance(engine, DjangoTemplates)
        if not isinstance(engine.engine.string_if_invalid, _Undefined):
            engine.engine.string_if_invalid = _Undefined()


@pytest.fixture(scope="session", autouse=True)
def _passwords_are_hashed_at_once() -> Iterator[None]:
    """What slows down a thief for a quarter of a second slows down every test with a password, too."""
    from django.test import override_settings

    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(scope="session", autouse=True)
def _the_clock_of_the_database_is_asked_once() -> None:
    """Else now and then a test would count the query that asks PostgreSQL for the time."""
    from spc_site import clock

    clock.GOOD_FOR_S = 3600.0


@pytest.fixture(autouse=True)
def _own_queue_state(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test a bell that nobody has rung: no Redis, nobody resting, nothing counted."""
    from django.conf import settings

    monkeypatch.setattr(settings, "REDIS_URL", "")
    if (jobs := sys.modules.get("spc_site.jobs")) is not None:
        monkeypatch.setattr(jobs, "_quiet_until", 0.0)
        monkeypatch.setattr(jobs, "_rests", {})
        monkeypatch.setattr(jobs, "tally", jobs.Tally())
        jobs.stop_requested.clear()
    if (kept := sys.modules.get("notifications.kept")) is not None:
        kept.forget()
    if (health := sys.modules.get("spc_site.health")) is not None:  # else pages would count its queries
        well = health.Health(database=True, redis=True, pump_age_s=0.0, workers=dict.fromkeys(jobs.QUEUES, 1))
        monkeypatch.setattr(health, "_kept", (time.monotonic() + 3600, well))


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Put the SQLite test database into a file of this run alone: a file, because WAL, IMMEDIATE
    transactions and several connections are what is tested; its own, because two runs may be
    under way, and because the log of a run that was killed would be replayed into the next.
    """
    from django.db import connection

    if connection.vendor == "sqlite":
        connection.settings_dict["TEST"]["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_modify_db_settings: None, django_db_blocker: Any
) -> Iterator[None]:
    """Make the test database by a copy, where one can be had (see `databases`), in place of
    pytest-django's way: every process would migrate for itself.
    """
    from django.db import connection

    from tests import databases

    name = connection.settings_dict["NAME"]
    with django_db_blocker.unblock():
        databases.create()
    yield
    with django_db_blocker.unblock():
        connection.creation.destroy_test_db(name, verbosity=0)


# --- real parts -------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def _redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[services.Redis]:
    redis = services.Redis(tmp_path_factory.mktemp("redis") / "r")
    yield redis
    redis.stop()


@pytest.fixture
def redis_server(_redis: services.Redis, settings: Any, _own_queue_state: None) -> services.Redis:
    """A real, empty Redis that the system uses; the test may kill and start it."""
    if not _redis.server.answers():
        _redis.start()
    _redis.flush()
    settings.REDIS_URL = _redis.url
    settings.RQ_QUEUES = {name: {**queue, "URL": _redis.url} for name, queue in settings.RQ_QUEUES.items()}
    return _redis


@pytest.fixture
def rq_workers(redis_server: services.Redis, transactional_db: None, tmp_path: Path) -> Iterator[Workers]:
    """Real worker processes on this test's database and Redis: `rq_workers.start("judge")`."""
    workers = Workers(child_environment(redis_url=redis_server.url), log=tmp_path / "workers.log")
    yield workers
    workers.stop()


@pytest.fixture
def sandbox(settings: Any) -> Iterator[SandboxServer]:
    """A WeCom on this machine, to which the system sends: its groups are IQC, OQC and ENERGY."""
    with SandboxServer() as server:
        settings.WEBHOOK_BASE_URL = server.webhook_base_url
        settings.WEBHOOK_KEYS = {group: key for key, group in DEMO_KEYS.items()}
        settings.WECHAT_BOT_WEBHOOK = ""
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[services.Postgres]:
    """A private PostgreSQL cluster beside the test database; the test may kill and start it."""
    with services.running_postgres() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[services.Mosquitto]:
    """A private MQTT broker; each test takes topics and a client id of its own."""
    from tests.notifications.channels.mailserver import certificate

    directory = tmp_path_factory.mktemp("mosquitto")
    certified, key = certificate(directory)
    broker = services.Mosquitto(directory, certificate=certified, key=key)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Debian's Chromium."""
    from playwright.sync_api import sync_playwright

    # Playwright keeps an event loop in this thread; Django would take that for async code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=services.chromium_path(), args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def browsing(chromium: Any, request: pytest.FixtureRequest) -> Iterator[Browsing]:
    """Opens pages of any size: `browsing.open(width=390, height=844, dark=True)`.

    At the end: no script error, nothing on the console, no request to another machine.
    """
    browsing = Browsing(chromium, request.node.name)
    yield browsing
    browsing.close()


@pytest.fixture
def page(browsing: Browsing) -> Any:
    """A browser page of a desktop."""
    return browsing.open()


@pytest.fixture(scope="session")
def live_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSystem]:
    """The whole system as processes: web server, `work`, sandbox, on a database file of its own."""
    from tests import databases

    system = LiveSystem(tmp_path_factory.mktemp("live"))
    databases.copy_file(system.database)
    system.start()
    yield system
    system.stop()

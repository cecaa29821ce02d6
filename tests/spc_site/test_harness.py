"""The harness itself: what it promises to every test, it keeps."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
import pytest
from django.conf import settings
from django.db import connection
from django.template import Context, Engine, Origin, Template, engines

from tests import databases, services

ROOT = Path(settings.BASE_DIR)
PAGE = Origin(name=str(ROOT / "templates" / "tests" / "page.html"))
DJANGOS = Origin(name=str(Path(django.__file__).parent / "contrib" / "admin" / "templates" / "page.html"))


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("2001:db8::1", 443)])
def test_no_connection_leaves_this_machine(address: tuple[str, int]) -> None:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family) as client, pytest.raises(RuntimeError, match="tests stay on this machine"):
        client.connect(address)


def test_no_name_is_looked_up() -> None:
    with pytest.raises(RuntimeError, match=r"wants qyapi\.weixin\.qq\.com"):
        urllib.request.urlopen("https://qyapi.weixin.qq.com/cgi-bin/gettoken", timeout=1)


def test_this_machine_may_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=1).close()


def engine() -> Engine:
    return engines["django"].engine


def render(source: str, origin: Origin) -> str:
    return Template(source, origin=origin, engine=engine()).render(Context({"known": "x"}))


@pytest.mark.parametrize("source", ["{{ missing }}", "{{ known.missing }}", "{{ missing|default:'-' }}"])
def test_an_undefined_variable_in_a_template_of_ours_is_an_error(source: str) -> None:
    with pytest.raises(
        AssertionError, match=r"undefined template variable .*missing.* in templates/tests/page"
    ):
        render(source, PAGE)


def test_asking_whether_a_variable_is_there_is_allowed() -> None:
    assert render("{% if missing %}a{% else %}b{% endif %}{{ known }}", PAGE) == "bx"


def test_the_templates_of_django_are_left_alone() -> None:
    assert render("[{{ missing }}{{ missing|default:'-' }}]", DJANGOS) == "[-]"


@pytest.mark.django_db
def test_the_test_database_is_what_production_has(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("database")
    if connection.vendor != "sqlite":
        assert connection.pg_version >= 130000
        return
    assert not str(connection.settings_dict["NAME"]).startswith(str(ROOT))
    with connection.cursor() as cursor:
        modes = [
            cursor.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "busy_timeout", "foreign_keys")
        ]
    assert modes == ["wal", 20000, 1]
    assert connection.transaction_mode == "IMMEDIATE"


def test_a_copied_database_is_good_for_the_migrations_and_the_code_that_they_use_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "room/__init__.py": "",
        "room/migrations/0001.py": "from room import defaults\n\ndef forwards():\n    import room.late\n",
        "room/defaults.py": "from room.words import WORDS",
        "room/words.py": "WORDS = ()",
        "room/late.py": "",
        "room/services.py": "from room.words import WORDS",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(databases, "ROOT", tmp_path)
    make_key = databases.key.__wrapped__
    before = make_key()
    for name, text in files.items():
        (tmp_path / name).write_text(f"{text}\n", encoding="utf-8")
        assert (make_key() != before) == (name != "room/services.py"), name
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert make_key() == before
    (tmp_path / "room" / "migrations" / "0002.py").touch()
    assert make_key() != before


def test_a_test_without_the_database_is_not_run_on_postgresql(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("database") is None


def test_a_missing_part_skips_and_says_how_to_get_it(
    need: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "missing_parts", lambda: ["chromium"])
    monkeypatch.setitem(need.__globals__, "STRICT", False)
    with pytest.raises(pytest.skip.Exception, match="needs chromium: apt-get install chromium"):
        need("chromium")
    need("redis")


def test_in_strict_runs_a_missing_part_is_a_failure(
    need: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "missing_parts", lambda: ["chromium"])
    monkeypatch.setitem(need.__globals__, "STRICT", True)
    with pytest.raises(pytest.fail.Exception, match="chromium is missing"):
        need("chromium")


def test_the_system_sends_to_the_sandbox(sandbox: Any, settings: Any) -> None:
    assert settings.WEBHOOK_BASE_URL.startswith("http://127.0.0.1:")
    page = f"{settings.WEBHOOK_BASE_URL.partition('/cgi-bin')[0]}/"
    with urllib.request.urlopen(page, timeout=5) as answer:  # noqa: S310  our own address
        assert answer.status == 200

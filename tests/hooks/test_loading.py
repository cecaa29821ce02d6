"""A slip in a customer's package is found at the start, with what to do, and never looks like "no hooks"."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from django.core import checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from hooks import loader, services
from hooks.base import CustomerHooks
from hooks.checks import customer_hooks
from hooks.points import POINTS
from tests.hooks.conftest import Customer

BASE = "from hooks.base import CustomerHooks\n"


def only_problem() -> loader.Problem:
    [problem] = loader.current().problems
    return problem


def test_without_a_customer_there_is_nothing_to_say(settings: Any) -> None:
    settings.CUSTOMER = ""
    assert (loader.current().wanted, loader.current().problems) == (frozenset(), ())
    assert customer_hooks() == []


def test_a_sound_package_says_what_it_overrides_also_through_a_base_of_its_own(customer: Customer) -> None:
    customer(
        "class Shared(CustomerHooks):\n    def on_alarm_created(self, **payload): pass\n",
        name="shared",
        head=BASE,
    )
    customer(
        "from customers.shared.hooks import Shared\nclass Own(Shared):\n"
        "    def on_quota_exceeded(self, name, *, unit, event_id=''): pass\n",
        head=BASE,
    )
    loaded = loader.current()
    assert loaded.problems == ()
    assert loaded.wanted == {"on_alarm_created", "on_quota_exceeded"}


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ("def on_alarm_create(self): pass", "W005", "是否想写 on_alarm_created？"),
        ("def calculate_kpis(self): pass", "W005", "calculate_kpis 不是扩展点"),
        ("def on_alarm_created(self, titel): pass", "W006", "没有名为 titel 的参数，是否想写 title？"),
        ("def on_alarm_created(self, quota_value): pass", "W006", "没有名为 quota_value 的参数"),
        ("def on_alarm_created(self, *args): pass", "W006", "参数按名称传入"),
        ("def on_alarm_created(self, title, /): pass", "W006", "参数按名称传入"),
        ("def on_alarm_created(): pass", "W006", "第一个参数应当是 self"),
        ("@staticmethod\ndef on_alarm_created(title): pass", "W006", "staticmethod"),
        ("on_alarm_created = 'x'", "W006", "应当是普通方法"),
        ("async def on_alarm_created(self): pass", "W007", "异步函数"),
        ("def on_alarm_created(self): yield 1", "W007", "yield"),
        ("api = 2", "W004", "api = 2：此系统的接口版本为 1"),
        ("api = 0", "W004", "支持 1 至 1"),
        ("api = '1'", "W004", "api = '1'"),
    ],
)
def test_a_faulty_class_is_told(customer: Customer, body: str, code: str, words: str) -> None:
    customer(body)
    problem = only_problem()
    assert problem.code == code
    assert words in problem.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("from hooks.nothing import x", "ModuleNotFoundError"),
        ("def broken(:", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit(3)"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_an_import_error_is_told_with_its_traceback(customer: Customer, text: str, words: str) -> None:
    customer(text, head="")
    problem = only_problem()
    assert (problem.code, words in problem.message) == ("W002", True)
    assert "customers/plant_a/hooks/__init__.py" in problem.details


def test_a_package_that_is_not_there_is_an_error_not_absence(settings: Any) -> None:
    loader.load.cache_clear()
    settings.CUSTOMER = "nobody_here"
    assert "No module named 'customers.nobody_here'" in only_problem().message
    settings.CUSTOMER = "../etc"
    assert only_problem().code == "W001"
    assert all(services.is_wanted(name) for name in POINTS)  # what happens now is kept for later


@pytest.mark.parametrize("count", [0, 2])
def test_there_is_exactly_one_class(customer: Customer, count: int) -> None:
    customer("\n".join(f"class H{n}(CustomerHooks): pass" for n in range(count)), head=BASE)
    assert only_problem().code == "W003"


def test_faults_stop_a_check_and_warn_everywhere_else(
    customer: Customer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer("def on_alarm_create(self): pass")
    with pytest.raises(SystemCheckError, match="on_alarm_create 不是扩展点"):
        call_command("check")
    [found] = customer_hooks()
    assert (found.level, found.id) == (checks.ERROR, "hooks.W005")
    settings.TESTING = False
    monkeypatch.setattr(sys, "argv", ["manage.py", "migrate"])
    assert [found.level for found in customer_hooks()] == [checks.WARNING]
    monkeypatch.setattr(sys, "argv", ["manage.py", "check", "--deploy"])
    assert [found.level for found in customer_hooks()] == [checks.ERROR]


def test_the_base_class_has_the_twelve_points_and_does_nothing() -> None:
    own = {name for name in vars(CustomerHooks) if name.startswith(("on_", "calculate_"))}
    assert own == set(POINTS)
    assert len(own) == 12
    for name in POINTS:
        assert getattr(CustomerHooks, name).__doc__
        assert not getattr(CustomerHooks(), name)(anything=1)
    assert list(loader.overridden(CustomerHooks)) == []

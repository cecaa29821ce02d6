"""The example plant overrides all twelve points; every recorded payload fits its point."""

from __future__ import annotations

import json
import re
import unittest
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from customers.example.hooks import ExampleHooks
from hooks import loader, testing
from hooks.models import HookEvent, HookRun
from hooks.points import POINTS, prepare
from hooks.samples import sample
from tests.hooks.conftest import Customer


@pytest.fixture
def example(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    loader.load.cache_clear()
    settings.CUSTOMER = "example"
    monkeypatch.setenv("EXAMPLE_HOOKS_DIR", str(tmp_path))
    yield tmp_path
    loader.load.cache_clear()


def journal(folder: Path) -> dict[str, list[dict[str, Any]]]:
    return {
        path.stem: [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for path in sorted(folder.glob("*.jsonl"))
    }


@pytest.mark.parametrize("point", POINTS)
def test_the_recorded_payload_is_what_its_point_promises(point: str) -> None:
    assert prepare(point, sample(point)) == sample(point)


def test_the_example_overrides_all_and_every_call_works_twice(example: Path) -> None:
    assert loader.current().wanted == set(POINTS)
    for number, point in enumerate(POINTS):
        for _again in range(2):
            testing.call(ExampleHooks, point, event_id=f"e{number}")
    lines = journal(example)
    assert lines["andon"] == [
        {"event": "e0", "show": sample("on_alarm_created")["title"], "link": "/alarms/4711"}
    ]
    assert lines["planning"][0]["over"] == "100.500"
    assert lines["warehouse"][0]["decision"] == "block"
    assert [line["event"] for line in lines["billing"]] == ["e11"]
    assert [line["event"] for line in lines["maintenance"]] == ["e3", "e5", "e6"]
    assert "gateways" not in lines  # nothing was refused


def test_the_example_calculates_figures_from_the_systems_own(example: Path) -> None:
    figures = testing.call(ExampleHooks, "calculate_custom_kpis")
    assert {figure.name: figure.value for figure in figures} == {
        "custom_alarms_taken_pct": 71.4,
        "custom_quality_index": 92.86,
    }
    assert testing.call(ExampleHooks, "calculate_custom_kpis", core={}) == []


class TestExample(testing.HooksTestCase):
    """The kit as a customer's unittest uses it."""

    hooks = ExampleHooks

    def test_a_change_of_a_payload_reaches_the_hook(self) -> None:
        with pytest.raises(ValueError, match=r"on_quota_exceeded\.actual_value"):
            self.call("on_quota_exceeded", actual_value="much")


# --- the guide ----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_examples_of_the_guide_work_with_both_ways_of_finding_tests(
    customer: Customer, settings: Any
) -> None:
    guide = (settings.BASE_DIR / "docs/hooks.md").read_text(encoding="utf-8")
    package, tests = re.findall(r"```python\n(.*?)```", guide, flags=re.DOTALL)
    name = customer(package, head="")
    assert list(loader.current().wanted) == ["on_alarm_created"]
    module = ModuleType("a_customers_tests")
    exec(tests.replace("NAME", name), vars(module))  # noqa: S102  our own guide
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromModule(module).run(result)
    assert (result.errors, result.failures, result.testsRun) == ([], [], 2)
    found = [one for one in vars(module).values() if getattr(one, "__test__", False)]
    assert [one.__name__ for one in found] == ["TestPlant"], "what pytest takes"


@pytest.mark.parametrize("point", POINTS)
def test_the_guide_names_every_point(point: str, settings: Any) -> None:
    assert f"`{point}`" in (settings.BASE_DIR / "docs/hooks.md").read_text(encoding="utf-8")


# --- fire_hook --------------------------------------------------------------------------------------


def fire(*arguments: str) -> str:
    out = StringIO()
    call_command("fire_hook", *arguments, stdout=out, stderr=out)
    return out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_a_dry_run_shows_what_the_hook_does_and_leaves_nothing(customer: Customer, tmp_path: Path) -> None:
    from django.contrib.auth.models import Group

    customer(
        "def on_alarm_created(self, event, title):\n"
        "    from django.contrib.auth.models import Group\n"
        "    Group.objects.create(name='dry')\n"
        "    print(title, Group.objects.filter(name='dry').count(), event.is_dry_run)\n"
        "    if title == 'fails':\n"
        "        raise LookupError('no such valve')"
    )

    def dry_run(title: str) -> str:
        own = tmp_path / "own.json"
        own.write_text(json.dumps({**sample("on_alarm_created"), "title": title}), encoding="utf-8")
        return fire("on_alarm_created", "--dry-run", "--payload", str(own))

    said = dry_run("works")
    assert "works 1 True\n" in said
    assert "成功" in said
    with pytest.raises(CommandError, match="LookupError: no such valve"):
        dry_run("fails")
    assert not Group.objects.filter(name="dry").exists()
    assert not HookEvent.objects.exists()
    assert not HookRun.objects.exists()


@pytest.mark.django_db
def test_firing_by_hand_makes_an_event_that_waits(example: Path) -> None:
    assert "已触发 manual:" in fire("on_quota_exceeded")
    event = HookEvent.objects.get()
    assert event.event_id.startswith("manual:")
    assert event.payload == sample("on_quota_exceeded")


def test_wrong_use_is_refused(example: Path, settings: Any, tmp_path: Path, customer: Customer) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text('{"alarm_id": 1}', encoding="utf-8")
    with pytest.raises(CommandError, match="missing: ") as raised:
        fire("on_alarm_created", "--payload", str(bad))
    assert raised.value.returncode == 2
    customer("def on_alarm_created(self): pass")
    with pytest.raises(CommandError, match="没有实现 on_alarm_resolved"):
        fire("on_alarm_resolved")
    customer("def on_alarm_create(self): pass")
    with pytest.raises(CommandError, match="不是扩展点"):
        fire("on_alarm_created")
    settings.CUSTOMER = ""
    with pytest.raises(CommandError, match="没有设置 CUSTOMER"):
        fire("on_alarm_created")

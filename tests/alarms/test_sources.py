"""What people read instead of the source of an alarm: in lists, filters, figures, rules and messages."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone
from django.utils.translation import override

from alarms import matching, services
from alarms.defaults import SOURCE_RULES
from alarms.forms import SilenceForm
from alarms.services import AlarmRequest
from notifications import sources
from notifications.models import Flood, Notification
from notifications.services import floods

pytestmark = pytest.mark.django_db

ROOMS = ("quality", "energy", "contracts", "alarms")


def _written_sources() -> set[str]:
    """Return the sources of all `AlarmRequest(...)` and `Event(...)` in the rooms.

    Those that are taken from an alarm stand in its request.
    """
    found: set[str] = set()
    for path in (one for room in ROOMS for one in (settings.BASE_DIR / room).rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and str(ast.unparse(call.func)).endswith(("AlarmRequest", "Event")):
                found |= {
                    _value(path, word.value, kind)
                    for word in call.keywords
                    if word.arg == "source"
                    and "alarm" not in (text := ast.unparse(word.value))
                    and text[:5] != "first"
                    for kind in ("IQC", "OQC")
                }
    return found


def _value(path: Path, source: ast.expr, kind: str) -> str:
    name = ".".join(path.relative_to(settings.BASE_DIR).with_suffix("").parts)
    module = importlib.import_module(name)
    code = compile(ast.Expression(source), str(path), "eval")
    return str(eval(code, vars(module), {"entry": SimpleNamespace(KIND=kind)}))  # noqa: S307  our own code


def test_every_source_in_the_rooms_has_a_name_in_chinese() -> None:
    written = _written_sources()
    assert {"quality.OQC", "energy.gateway", "energy.quota", "energy.rule", "system", "hooks"} <= written
    asked = written | {str(rule["source"]) for rule in SOURCE_RULES}
    with override("zh-hans"):
        assert {source for source in asked if sources.label_of(source) == source} == set()


def test_people_read_the_name_and_addresses_keep_the_source(client: Client) -> None:
    user = User.objects.create_user("lin")
    user.groups.add(Group.objects.get(name="质量工程师"))
    client.force_login(user)
    for source in ("energy.quota", "plant.oven"):
        alarm = services.raise_alarm(AlarmRequest(key=f"{source}.1", source=source, title="走查")).alarm
        services.raise_alarm(AlarmRequest(key=f"{source}.1", source=source, title="走查"))
    page = client.get("/alarms/").content.decode()
    assert '<option value="energy.quota">能源配额</option>' in page
    assert '<option value="plant.oven">plant.oven</option>' in page
    chosen = client.get("/alarms/?source=energy.quota").content.decode()
    assert '<option value="energy.quota" selected>能源配额</option>' in chosen
    assert chosen.count('class="title stretch"') == 1
    figures = client.get("/alarms/statistics/").content.decode()
    assert "energy.quota" not in figures.replace("key=energy.quota", "")
    assert figures.count("能源配额") >= 3  # chart, table, what keeps coming back
    assert "plant.oven" in client.get(f"/alarms/{alarm.pk}").content.decode()
    assert "能源（全部）" in client.get("/alarms/on-call/").content.decode()


def test_the_admin_filters_by_name_and_shows_it(admin_client: Client) -> None:
    for source in ("energy.rule", "quality.IQC"):
        services.raise_alarm(AlarmRequest(key=source, source=source, title=f"走查 {source[-3:]}"))
    page = admin_client.get("/admin/alarms/alarm/?source=energy.rule").content.decode()
    assert "能源规则" in page
    assert "来料检验 IQC" in page  # offered by the filter
    assert "走查 ule" in page
    assert "走查 IQC" not in page
    rules = admin_client.get("/admin/alarms/sourcerule/").content.decode()
    assert "能源（全部）" in rules
    assert "energy*" not in rules


def test_the_summary_of_a_flood_names_the_source() -> None:
    flood = Flood.objects.create(
        source="energy.quota", channel="wechat_bot", target="ENERGY", minute=timezone.now(), withheld=7
    )
    floods._ask_for_summary(flood)
    assert "能源配额" in Notification.objects.get(event="notifications.flooded").content


def test_the_examples_beside_the_conditions_of_a_silence_mean_alarms_that_there_are() -> None:
    examples = str(SilenceForm.base_fields["matchers"].help_text).partition("例：")[2].rstrip(".").split("，")
    first = matching.parse(examples[0])
    alarm = services.raise_alarm(AlarmRequest(key="k", source="energy.quota", title="走查")).alarm
    assert matching.matches(first, matching.facts_of(alarm))
    assert all(matching.parse(one) for one in examples)

"""Whether channels could send: found every few minutes, by a command, by a person's button."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from notifications import channels
from notifications.channels import Credential, Driver, Form, Result, base
from notifications.choices import State
from notifications.models import Budget, Channel, Notification, NotificationTemplate
from notifications.policy import Decision
from notifications.services import (
    check_due_channels,
    ensure_channels,
    examine,
    mend_channel,
    pool_of,
    send_notification,
)
from notifications.services.health import Health
from tests.live import MANAGE, ROOT, child_environment
from tests.notifications.channels.conftest import Time, deliver, robot
from wecom.sandbox import SandboxServer

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_mail(settings: Any) -> None:
    settings.MAIL_SERVER = None


def _channel(code: str) -> Channel:
    return Channel.objects.get(code=code)


def _check(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, str]]:
    """Run the command; return its exit status and its table by channel."""
    status = 0
    try:
        call_command("check_channels", *arguments)
    except SystemExit as end:
        status = int(str(end.code))
    except CommandError as refusal:
        status = refusal.returncode
    lines = capsys.readouterr().out.splitlines()
    return status, {line.split()[1]: line for line in lines}


# --- the command ------------------------------------------------------------------------------


def test_all_well_is_exit_0_and_what_is_not_used_is_not_broken(
    wecom: SandboxServer, capsys: pytest.CaptureFixture[str]
) -> None:
    status, table = _check(capsys=capsys)
    assert status == 0
    assert list(table) == ["wechat_api", "wechat_bot", "email", "sms"]
    assert table["wechat_api"].startswith("● ")
    assert "只能试发" in table["wechat_bot"]
    assert "未配置" in table["email"]
    assert "停用" in table["sms"]
    assert wecom.messages == []


def test_a_broken_one_is_exit_1_and_named_with_its_cause(
    wecom: SandboxServer, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.WECHAT_CORP_SECRET = "a-wrong-secret-0000"
    status, table = _check(capsys=capsys)
    assert status == 1
    assert table["wechat_api"].startswith("▲ ")
    assert "WECHAT_CORP_SECRET" in table["wechat_api"]
    assert "a-wrong-secret-0000" not in str(table)
    assert _check("wechat_bot", capsys=capsys)[0] == 0
    assert _check("wechat_api", capsys=capsys)[0] == 1
    assert _check("--offline", capsys=capsys)[0] == 0
    settings.WECHAT_AGENT_ID = 0
    assert _check("--offline", capsys=capsys)[0] == 1


@pytest.mark.parametrize("codes", [["pigeon"], ["wechat_bot", "pigeon"]])
def test_a_channel_that_does_not_exist_is_exit_2(codes: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("check_channels", *codes)
    assert ended.value.code == 2


def test_wrong_usage_is_exit_2() -> None:
    argv = [*MANAGE, "check_channels", "--nonsense"]
    done = subprocess.run(argv, cwd=ROOT, env=child_environment(), capture_output=True, check=False)
    assert done.returncode == 2


def test_a_robot_that_was_refused_makes_its_channel_broken_until_it_is_mended(
    wecom: SandboxServer, capsys: pytest.CaptureFixture[str]
) -> None:
    robot("robot-key-iqc-0001", name="一号")
    number = wecom.fail("errcode", errcode=93004)
    deliver(send_notification("标题", "内容", "wechat_bot", "IQC"))
    status, table = _check(capsys=capsys)
    assert status == 1
    assert "IQC 一号 ••••0001" in table["wechat_bot"]
    wecom.mend(number)
    assert mend_channel(_channel("wechat_bot")) == 1
    assert _check(capsys=capsys)[0] == 0


# --- the periodic check -----------------------------------------------------------------------


def test_each_channel_is_checked_every_five_minutes(wecom: SandboxServer, time: Time) -> None:
    assert check_due_channels() == 4
    assert check_due_channels() == 0
    row = _channel("wechat_api")
    assert row.checked_at is not None
    assert row.check_problem == ""
    time.advance(minutes=4, seconds=50)
    assert check_due_channels() == 0
    time.advance(seconds=11)
    assert check_due_channels() == 4
    assert wecom.counts["calls"]["token"] == 2


def test_a_wrong_secret_is_tried_seldom_enough_that_wecom_does_not_block_us(
    wecom: SandboxServer, settings: Any, time: Time
) -> None:
    settings.WECHAT_CORP_SECRET = "a-wrong-secret-0000"
    for _ in range(180):
        check_due_channels()
        time.advance(minutes=1)
    assert wecom.counts["calls"]["token"] <= 6
    assert "Secret" in _channel("wechat_api").check_problem
    settings.WECHAT_CORP_SECRET = "application-secret-0001"
    check_due_channels()
    time.advance(minutes=30)
    check_due_channels()
    assert _channel("wechat_api").check_problem == ""


def test_a_network_that_is_gone_is_looked_at_again_soon(wecom: SandboxServer, time: Time) -> None:
    wecom.stop()
    check_due_channels()
    assert _channel("wechat_api").check_problem
    wecom.start()
    time.advance(minutes=5, seconds=1)
    check_due_channels()
    assert _channel("wechat_api").check_problem == ""


def test_a_channel_that_is_switched_off_is_not_asked_and_not_broken(
    wecom: SandboxServer, settings: Any
) -> None:
    settings.WECHAT_CORP_SECRET = "a-wrong-secret-0000"
    Channel.objects.filter(code="wechat_api").update(is_enabled=False)
    assert examine(_channel("wechat_api")).health is Health.OFF
    assert "token" not in wecom.counts["calls"]


# --- the pool ---------------------------------------------------------------------------------


def test_the_pool_shows_what_is_left_of_each_minute(wecom: SandboxServer) -> None:
    robot("robot-key-iqc-0001")
    robot("robot-key-iqc-0002")
    for _ in range(3):
        deliver(send_notification("标题", "内容", "wechat_bot", "IQC"))
    Budget.objects.filter(name=channels.driver_for("wechat_bot").credentials("IQC")[1].name).delete()  # type: ignore[union-attr]
    places = pool_of(_channel("wechat_bot"))
    assert [(place.credential.place, place.used, place.rate) for place in places] == [
        ("IQC", 3, 20),
        ("IQC", 0, 20),
    ]
    assert not any(place.is_dead or place.rests_until for place in places)
    wecom.fail("errcode", errcode=45009, times=1)
    deliver(send_notification("标题", "内容", "wechat_bot", "IQC"))
    assert any(place.rests_until for place in pool_of(_channel("wechat_bot")))


# --- registration -----------------------------------------------------------------------------


class Loudspeaker(Driver):
    """A channel that no file of the system knows."""

    code = "loudspeaker"
    label = "车间广播"
    said: list[str] = []

    def compose(self, title: str, content: str, target: str, form: Form, attachments: Any = ()) -> list[str]:
        return [content]

    def credentials(self, target: str) -> list[Credential]:
        return [Credential("loudspeaker:hall")]

    def deliver(
        self, payload: str, target: str, credential: Credential, *, timeout_s: float, message_id: str = ""
    ) -> Result:
        self.said.append(payload)
        return Result(Decision.SENT)

    def check(self) -> dict[str, str]:
        return {}


def test_a_channel_is_added_by_registering_it_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(base._REGISTRY, "loudspeaker", Loudspeaker)
    ensure_channels()
    assert str(_channel("loudspeaker")) == "车间广播"
    NotificationTemplate(
        template_name="x", channel="loudspeaker", title_template="x", content_template="x", version=1
    ).clean_fields(exclude=["current", "author", "variables", "types"])
    message_id = send_notification("标题", "开饭了", "loudspeaker", "一楼")
    assert deliver(message_id) == [(State.SENT, "")]
    assert Loudspeaker.said == ["开饭了"]
    row = Notification.objects.get(message_id=message_id)
    row.full_clean(exclude=["payload"])
    assert row.get_channel_display() == "车间广播"
    assert "loudspeaker" in _check(capsys=capsys)[1]
    assert base.registered() == ["email", "loudspeaker", "sms", "wechat_api", "wechat_bot"]


def test_the_shipped_rows_are_those_that_the_customer_named() -> None:
    assert list(Channel.objects.values_list("code", "priority", "rate_limit", "timeout_s", "is_enabled")) == [
        ("wechat_api", 1, 100, 30, True),
        ("wechat_bot", 2, 20, 10, True),
        ("email", 3, 60, 20, True),
        ("sms", 4, 60, 10, False),
    ]

"""An alarm as a card: sent by the application, pressed in WeCom, acknowledged here, shown there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from accounts.models import Profile
from alarms import services
from alarms.models import Alarm, AlarmEvent
from alarms.services import AlarmRequest
from approvals.services import process_due
from notifications import previews, timeline
from notifications.choices import CodeState, State
from notifications.models import CardCode, Channel, Notification, Route, RouteStep
from notifications.services import cards, deliver_due, resend, templates
from notifications.services.lanes import Lanes
from notifications.services.merging import merge
from quality.services.judgement import judge_entry, judge_report
from spc_site import clock
from tests import builders
from tests.approvals.conftest import Post, later, post, sandbox, shared
from wecom.sandbox import SandboxServer
from wecom.sandbox.cards import Card

__all__ = ["later", "post", "sandbox", "shared"]

pytestmark = pytest.mark.django_db
AGENT = 1000002
READERS = "lin.qc|wang|guest"
Later = Callable[..., None]


@pytest.fixture
def people() -> tuple[User, User]:
    lin, wang = builders.person("质检员", first_name="林工"), builders.person("质检员", first_name="王工")
    Profile.objects.create(user=lin, wecom_userid="lin.qc")
    Profile.objects.create(user=wang, wecom_userid="wang")
    Profile.objects.create(user=builders.person("合同管理员"), wecom_userid="guest")
    return lin, wang


@pytest.fixture
def wecom(sandbox: SandboxServer, people: Any, later: Later) -> Iterator[SandboxServer]:
    """WeCom with a callback, the plant's channel set to cards, and a route to three people."""
    sandbox.courier.target = object()  # type: ignore[assignment]  # somebody listens
    Channel.objects.filter(code="wechat_api").update(style="card")
    route = Route.objects.create(name="卡片", event="*")
    RouteStep.objects.create(route=route, channel="wechat_api", target=READERS)
    yield sandbox


def _raise(key: str = "walk.3", *, level: int = 0) -> Alarm:
    request = AlarmRequest(
        key=key,
        source="walk",
        title="三号线 停机",
        severity="critical",
        level=level,
        description="主轴过热\n已停 3 分钟",
        value="98",
        threshold="80",
        is_told=True,
        group="OPS",
    )
    return services.raise_alarm(request).alarm


def _sent() -> tuple[Notification, dict[str, Any]]:
    """Deliver, and return the newest message with the card that it is."""
    deliver_due()
    message = Notification.objects.latest("pk")
    assert message.status == State.SENT, message.error_message
    return message, json.loads(message.payload)["template_card"]


def _card(wecom: SandboxServer, inner: dict[str, Any]) -> Card:
    found = wecom.cards.find(AGENT, inner["task_id"])
    assert found is not None
    return found


def _press(wecom: SandboxServer, post: Post, inner: dict[str, Any], who: str) -> str:
    """Press the first button, and have the event arrive; return it."""
    wecom.cards.click(AGENT, inner["task_id"], inner["button_list"][0]["key"], who)
    event = post.events[-1]
    assert post.deliver(event).status_code == 200
    process_due()
    return event


def _now() -> str:
    return f"{timezone.localtime():%H:%M}"


def test_pressing_the_button_acknowledges_the_alarm_and_the_card_says_who(
    wecom: SandboxServer, post: Post, people: tuple[User, User]
) -> None:
    alarm = _raise()
    message, inner = _sent()
    assert inner["card_type"] == "button_interaction"
    assert inner["main_title"]["title"] == "报警: 三号线 停机"
    facts = {row["keyname"]: row["value"] for row in inner["horizontal_content_list"]}
    assert facts["级别"] == "严重"
    assert facts["当前值"] == "98，限值 80"
    assert inner["sub_title_text"] == "主轴过热\n已停 3 分钟"
    assert inner["card_action"]["url"].endswith(alarm.get_absolute_url())
    assert [(one["text"], one["key"]) for one in inner["button_list"]] == [("受理", services.card_key(alarm))]

    event = _press(wecom, post, inner, "lin.qc")
    alarm.refresh_from_db()
    assert (alarm.status, alarm.owner) == ("acknowledged", people[0])
    assert cards.has_due()
    assert cards.update_due() == 1
    card = _card(wecom, inner)
    assert card.notice == f"已由 林工 受理 {_now()}"
    assert not card.told
    assert not cards.has_due()

    # The same event again, from WeCom or out of the table, changes nothing and asks for nothing.
    post.deliver(event)
    services.press(services.card_key(alarm), "lin.qc", task_id=inner["task_id"], response_code="")
    (click,) = CardCode.objects.filter(state=CodeState.DONE)
    services.press(services.card_key(alarm), "lin.qc", task_id=inner["task_id"], response_code=click.code)
    process_due()
    assert cards.update_due() == 0
    assert AlarmEvent.objects.filter(alarm=alarm, kind="acknowledged").count() == 1
    steps = [line.step for line in timeline.of(message).lines]
    assert any(step.title == "卡片已更新" and step.details == (card.notice,) for step in steps)

    # The code of the send is left: it tells the end.
    services.recover([alarm.key])
    assert cards.update_due() == 1
    assert card.notice == f"已解除 {_now()}"


def test_who_comes_second_is_told_who_was_first(
    wecom: SandboxServer, post: Post, people: tuple[User, User]
) -> None:
    alarm = _raise()
    _message, inner = _sent()
    _press(wecom, post, inner, "lin.qc")  # its update has not gone out yet
    _press(wecom, post, inner, "wang")
    alarm.refresh_from_db()
    assert alarm.owner == people[0]
    assert cards.update_due() >= 1
    assert _card(wecom, inner).notice.startswith("已由 林工 受理")
    assert not CardCode.objects.filter(state=CodeState.DUE).exists()


def test_who_was_given_an_alarm_is_not_taken_for_who_pressed(
    wecom: SandboxServer, post: Post, people: tuple[User, User]
) -> None:
    alarm = _raise()
    services.assign(alarm, user=people[0], owner=people[0])
    _message, inner = _sent()
    _press(wecom, post, inner, "wang")
    cards.update_due()
    alarm.refresh_from_db()
    assert alarm.owner == people[0]
    assert _card(wecom, inner).notice.startswith("已由 王工 受理")


@pytest.mark.parametrize("who", ["guest", "nobody.here"])
def test_who_may_not_is_told_so_alone_and_nothing_changes(wecom: SandboxServer, post: Post, who: str) -> None:
    alarm = _raise()
    _message, inner = _sent()
    _press(wecom, post, inner, who)
    assert cards.update_due() == 1
    alarm.refresh_from_db()
    assert alarm.status == "active"
    card = _card(wecom, inner)
    assert (card.notice, card.told) == ("", {who: "您没有受理报警的权限。"})
    _press(wecom, post, inner, "lin.qc")  # the others keep their button
    cards.update_due()
    assert card.notice_for("guest").startswith("已由 林工 受理")


def test_what_is_done_on_the_page_shows_on_every_card_of_the_alarm(
    wecom: SandboxServer, people: tuple[User, User]
) -> None:
    alarm = _raise()
    _message, first = _sent()
    _raise(level=3)  # got worse: told again
    _message, second = _sent()
    _raise("walk.4")
    _message, other = _sent()
    assert len({first["task_id"], second["task_id"], other["task_id"]}) == 3
    services.acknowledge(alarm, user=people[1])
    assert cards.update_due() == 2
    for inner in (first, second):
        assert _card(wecom, inner).notice.startswith("已由 王工 受理")
    assert _card(wecom, other).notice == ""


def test_words_that_wait_become_the_newer_ones_and_older_ones_never_come_later(
    wecom: SandboxServer, people: tuple[User, User], later: Later
) -> None:
    alarm = _raise()
    _message, inner = _sent()
    services.acknowledge(alarm, user=people[0])
    services.recover([alarm.key])  # before the first words have left
    assert cards.update_due() == 1
    assert _card(wecom, inner).notice.startswith("已解除")

    (spare,) = CardCode.objects.all()
    CardCode.objects.create(
        task_id=spare.task_id,
        key=spare.key,
        code="of-a-click",
        digest=CardCode.digest_of("of-a-click"),
        until=spare.until,
        state=CodeState.DUE,
        notice="已由 林工 受理",
        said_at=spare.said_at - timedelta(seconds=1),  # type: ignore[operator]
        next_at=spare.said_at,
        tries=1,
    )
    assert cards.update_due() == 0
    assert CardCode.objects.get(code__isnull=False, digest=CardCode.digest_of("of-a-click")).state == "spared"


def test_a_code_that_has_run_out_changes_nothing_and_the_alarm_stays_acknowledged(
    wecom: SandboxServer, post: Post, people: tuple[User, User], later: Later
) -> None:
    alarm = _raise()
    _message, inner = _sent()
    _press(wecom, post, inner, "lin.qc")
    later(hours=73)
    assert cards.has_due()
    assert cards.update_due() == 0
    assert not cards.has_due()
    alarm.refresh_from_db()
    assert alarm.status == "acknowledged"
    assert _card(wecom, inner).notice == ""
    (dead,) = CardCode.objects.filter(state=CodeState.DEAD)
    assert "72 小时" in dead.error
    assert cards.forget_old() == 1  # the code of the send, which nobody can use any more


def test_a_code_that_wecom_does_not_know_leaves_its_words_to_another_one(
    wecom: SandboxServer, post: Post, people: tuple[User, User]
) -> None:
    _raise()
    _message, inner = _sent()
    _press(wecom, post, inner, "lin.qc")
    used = CardCode.objects.get(state=CodeState.DUE)
    wecom.cards._codes.pop(used.code)
    assert cards.update_due() == 2
    used.refresh_from_db()
    assert used.state == CodeState.DEAD
    assert "72" in used.error
    assert _card(wecom, inner).notice.startswith("已由 林工 受理")


@pytest.mark.parametrize(
    ("fault", "is_shown"),
    [
        ({"mode": "errcode", "errcode": -1}, False),
        ({"mode": "http", "status": 502}, False),
        ({"mode": "drop_before"}, False),
        ({"mode": "drop_after"}, True),
        ({"mode": "errcode", "errcode": 45009}, False),
        ({"mode": "errcode", "errcode": 60020}, False),
    ],
)
def test_an_update_that_fails_is_tried_again_and_comes_through(
    wecom: SandboxServer, post: Post, people: tuple[User, User], later: Later, fault: Any, is_shown: bool
) -> None:
    _raise()
    _message, inner = _sent()
    _press(wecom, post, inner, "lin.qc")
    wecom.fail(**fault, call="card", times=1)
    assert cards.update_due() == 1
    assert bool(_card(wecom, inner).notice) is is_shown
    assert not cards.has_due()  # not at once
    later(minutes=15)
    assert cards.update_due() == 1
    assert _card(wecom, inner).notice.startswith("已由 林工 受理")
    assert CardCode.objects.filter(state=CodeState.DONE).count() == 1
    assert not CardCode.objects.filter(state=CodeState.DEAD).exists()


def test_a_card_whose_answer_was_lost_is_sent_once_and_counts_as_sent(
    wecom: SandboxServer, later: Later
) -> None:
    _raise()
    wecom.fail("drop_after", call="message", times=1)
    deliver_due()
    later(minutes=5)
    _message, inner = _sent()
    assert _card(wecom, inner)
    # After the four hours of the duplicate check WeCom says that the number was used.
    again = Notification.objects.latest("pk")
    Notification.objects.filter(pk=again.pk).update(status=State.PENDING, sent_at=None)
    wecom.apps._sent.clear()
    deliver_due()
    again.refresh_from_db()
    assert again.status == State.SENT
    assert again.attempts.latest("number").errcode == 42014
    assert sum(row.shown for row in wecom.messages) == 1


def test_one_abnormal_item_of_a_report_is_a_card_that_opens_its_chart(
    wecom: SandboxServer, post: Post, people: tuple[User, User]
) -> None:
    report = builders.report(entries=0)
    bad = [*builders.GOOD[:-1], "10.30"]
    entry = builders.entry(report, values=bad)
    judge_entry(entry)
    _message, inner = _sent()
    assert inner["card_action"]["url"].endswith(entry.get_absolute_url())
    facts = {row["keyname"]: row["value"] for row in inner["horizontal_content_list"]}
    assert facts["供应商"] == report.supplier.name
    assert "http" not in json.dumps(facts)
    _press(wecom, post, inner, "wang")
    assert Alarm.objects.get().owner == people[1]
    for _more in range(2):
        builders.entry(report, values=bad)
    judge_report(report)  # several at once are a list, on which nobody can be the one who took it on
    deliver_due()
    assert json.loads(Notification.objects.latest("pk").payload)["msgtype"] == "markdown"


def test_a_resend_is_a_card_of_its_own(wecom: SandboxServer) -> None:
    _raise()
    message, first = _sent()
    resend(message, user=builders.superuser(), confirmed=True)
    _again, second = _sent()
    assert second["task_id"] != first["task_id"]
    assert second["button_list"] == first["button_list"]


def test_cards_that_wait_keep_their_buttons_where_texts_become_one(wecom: SandboxServer) -> None:
    def digests(*keys: str) -> int:
        for key in keys:
            _raise(key)
        return merge(Lanes().of("wechat_api", READERS), clock.now(), most=5, only_full=False).digests

    assert digests("walk.1", "walk.2") == 0
    Channel.objects.filter(code="wechat_api").update(style="markdown")
    assert digests("walk.3", "walk.4") == 1
    assert Notification.objects.filter(status=State.MERGED).count() == 2


def test_without_the_switch_the_template_or_a_callback_it_is_markdown(
    wecom: SandboxServer, settings: Any
) -> None:
    def msgtype(key: str) -> str:
        _raise(key)
        return str(json.loads(Notification.objects.latest("pk").payload)["msgtype"])

    assert msgtype("walk.1") == "template_card"
    settings.WECHAT_CALLBACK_TOKEN = ""
    assert msgtype("walk.2") == "markdown"
    settings.WECHAT_CALLBACK_TOKEN = "Qc7LineToken2026"
    Channel.objects.filter(code="wechat_api").update(style="markdown")
    assert msgtype("walk.3") == "markdown"
    Channel.objects.filter(code="wechat_api").update(style="card")
    row = templates.find("alarm_raised")
    row.with_button = False
    templates.save_template(row)
    assert msgtype("walk.4") == "markdown"


def test_a_robot_has_no_buttons_and_a_reserve_writes_the_card(wecom: SandboxServer, settings: Any) -> None:
    settings.WEBHOOK_KEYS = {"OPS": "robot-key"}
    settings.WEBHOOK_BASE_URL = wecom.webhook_base_url
    Channel.objects.filter(code="wechat_bot").update(style="card")
    RouteStep.objects.all().update(channel="wechat_bot", target="OPS")
    _raise()
    row = Notification.objects.latest("pk")
    assert json.loads(row.payload)["msgtype"] == "markdown"
    assert row.button["key"].startswith("alarm.acknowledge:")


def test_the_template_is_previewed_as_the_card_that_it_makes(shared: None) -> None:
    look = previews.look_for("wechat_api.card", "")
    template = templates.find("alarm_raised")
    (part,) = previews.of_template(template, look=look).parts
    assert '<span class="card-button">受理</span>' in part.html
    assert "<dt>级别</dt><dd>严重</dd>" in part.html
    template.with_button = False
    preview = previews.of_template(template, look=look)
    assert "card-button" not in preview.parts[0].html
    assert any("没有受理按钮" in hint.text for hint in preview.hints)

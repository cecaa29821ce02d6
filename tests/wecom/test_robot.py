"""A robot's messages: built within the limits, sent to a server that enforces them."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wecom.servers import KEY, Clock
from wecom.errors import Action, Kind, PayloadError, TooLong
from wecom.markdown import byte_length
from wecom.payloads import Article, Payload
from wecom.robot import Robot, file, image, markdown, news, split_webhook, text
from wecom.sandbox import SandboxServer

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 40


def test_every_kind_of_message_is_accepted(robot: Robot, sandbox: SandboxServer) -> None:
    upload = robot.upload_media("采购合同 “HT-1”.docx", b"PK\x03\x04 contract\r\n\r\n--x")
    messages = [
        markdown("### 标题\n<@lin.qc>"),
        text("3号线停线", ["lin.qc", "@all"], ["13800000000"]),
        image(PNG),
        news([Article("周报", "https://q.example/w/1", "第1周", "https://q.example/w1.png")]),
        file(upload.media_id),
    ]
    assert [robot.send(message).ok for message in messages] == [True] * 5
    assert [row.msgtype for row in sandbox.messages] == ["markdown", "text", "image", "news", "file"]
    assert sandbox.messages[-1].content == "采购合同 “HT-1”.docx"
    assert sandbox.media.data(upload.media_id) == ("采购合同 “HT-1”.docx", b"PK\x03\x04 contract\r\n\r\n--x")


@pytest.mark.parametrize(("build", "limit"), [(markdown, 4096), (text, 2048)])
def test_content_is_measured_in_bytes_and_accepted_up_to_its_limit(build, limit: int, robot: Robot) -> None:
    full = "中" * (limit // 3) + "a" * (limit % 3)
    assert byte_length(full) == limit
    assert robot.send(build(full)).ok
    with pytest.raises(TooLong) as caught:
        build(full + "b")
    assert (caught.value.size, caught.value.limit) == (limit + 1, limit)


@pytest.mark.parametrize("content", ["", " \n\t"])
def test_empty_content_is_refused_before_it_is_sent(content: str) -> None:
    for build in (markdown, text):
        with pytest.raises(PayloadError, match="empty"):
            build(content)


@given(
    st.text(min_size=1, max_size=60).filter(str.strip), st.lists(st.text(min_size=1, max_size=10), max_size=3)
)
@settings(max_examples=50, deadline=None)
def test_a_payload_is_json_that_says_what_was_meant_and_survives_storage(
    content: str, names: list[str]
) -> None:
    payload = text(content, names)
    data = json.loads(payload.json.encode("utf-8"))
    assert data["text"]["content"] == content
    assert data["text"].get("mentioned_list", []) == names
    assert Payload.thaw(payload.json) == payload
    assert payload.size == byte_length(content)
    assert (
        "\\u" not in payload.json or "\\" in content or any(ord(ch) < 32 for ch in content + "".join(names))
    )


@pytest.mark.parametrize("stored", ["", "{", "[]", '{"a":1}', '{"msgtype":3}'])
def test_a_spoiled_stored_payload_is_an_error_of_the_payload(stored: str) -> None:
    with pytest.raises(PayloadError):
        Payload.thaw(stored)


def test_half_a_surrogate_pair_does_not_stop_a_message(robot: Robot, sandbox: SandboxServer) -> None:
    assert robot.send(markdown("内径 \ud83d 超差")).ok
    assert sandbox.messages[-1].content == "内径 \ufffd 超差"
    assert robot.send(text("x", ["\udc00"])).ok


def test_a_picture_carries_the_md5_of_its_bytes() -> None:
    assert json.loads(image(PNG).json)["image"]["md5"] == hashlib.md5(PNG, usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("data", [b"GIF89a" + b"0" * 20, b"", PNG + b"0" * (2 * 1024 * 1024)])
def test_a_picture_that_wecom_does_not_take_is_refused(data: bytes) -> None:
    with pytest.raises(PayloadError):
        image(data)


def test_long_titles_of_articles_are_shortened_visibly() -> None:
    (article,) = json.loads(news([Article("标" * 100, "http://h/1", "述" * 400)]).json)["news"]["articles"]
    assert byte_length(article["title"]) <= 128
    assert article["title"].endswith("…")
    assert byte_length(article["description"]) <= 512


@pytest.mark.parametrize(
    "articles",
    [[], [Article("t", "http://h")] * 9, [Article("", "http://h")], [Article("t", "h.example")]],
)
def test_unacceptable_articles_are_refused(articles: list[Article]) -> None:
    with pytest.raises(PayloadError):
        news(articles)


@pytest.mark.parametrize("size", [0, 5, 20 * 1024 * 1024 + 1])
def test_a_file_of_unacceptable_size_is_not_uploaded(size: int, robot: Robot) -> None:
    with pytest.raises(PayloadError):
        robot.upload_media("a.bin", bytes(size))


def test_a_file_serves_only_the_robot_that_uploaded_it_and_three_days(
    sandbox: SandboxServer, robot: Robot, clock: Clock
) -> None:
    upload = robot.upload_media("a.bin", b"0123456789")
    other = Robot(sandbox.webhook_base_url, "second-robot-0000")
    assert other.send(file(upload.media_id)).action is Action.UPLOAD
    clock.now += 3 * 24 * 3600
    late = robot.send(file(upload.media_id))
    assert (late.errcode, late.action) == (40007, Action.UPLOAD)


def test_an_unknown_key_is_the_end_of_the_channel(sandbox: SandboxServer) -> None:
    outcome = Robot(sandbox.webhook_base_url, "wrong-key").send(markdown("x"))
    assert (outcome.kind, outcome.errcode, outcome.action) == (Kind.REFUSED, 93000, Action.CHANNEL_DEAD)
    assert not Robot(sandbox.webhook_base_url, "wrong-key").upload_media("a", b"0123456789").outcome.ok


def test_a_refusal_for_length_means_split(robot: Robot) -> None:
    long = Payload.build("markdown", markdown={"content": "中" * 1400})
    short = Payload.build("text", text={"content": "x", "mentioned_list": "lin"})
    assert robot.send(long).action is Action.SPLIT
    assert robot.send(short).action is Action.MESSAGE_DEAD


def test_the_twenty_first_message_of_a_minute_has_to_wait(
    robot: Robot, sandbox: SandboxServer, clock: Clock
) -> None:
    for number in range(20):
        clock.now += 1
        assert robot.send(markdown(f"第{number}条")).ok
    outcome = robot.send(markdown("第21条"))
    assert (outcome.errcode, outcome.action) == (45009, Action.WAIT)
    assert Robot(sandbox.webhook_base_url, "second-robot-0000").send(markdown("x")).ok
    clock.now += 40.5  # 59.5 s after the first one
    assert not robot.send(markdown("第21条")).ok
    clock.now += 0.5
    assert robot.send(markdown("第21条")).ok
    assert not robot.send(markdown("第22条")).ok
    assert sandbox.counts["peak_per_span"] == 20


@pytest.mark.parametrize(
    ("fault", "kind", "action", "is_shown"),
    [
        ({"mode": "errcode", "errcode": -1}, Kind.REFUSED, Action.RETRY, False),
        ({"mode": "errcode", "errcode": 93000}, Kind.REFUSED, Action.CHANNEL_DEAD, False),
        ({"mode": "delay", "delay_s": 3}, Kind.READ_TIMEOUT, Action.UNCERTAIN, True),
        ({"mode": "drop_before"}, Kind.CONNECTION_LOST, Action.UNCERTAIN, False),
        ({"mode": "drop_after"}, Kind.CONNECTION_LOST, Action.UNCERTAIN, True),
        ({"mode": "html"}, Kind.UNREADABLE, Action.UNCERTAIN, False),
        ({"mode": "html", "taken": True}, Kind.UNREADABLE, Action.UNCERTAIN, True),
        ({"mode": "cut_json"}, Kind.UNREADABLE, Action.UNCERTAIN, True),
        ({"mode": "http", "status": 500}, Kind.HTTP_ERROR, Action.RETRY, False),
        ({"mode": "http", "status": 429, "retry_after_s": 90}, Kind.THROTTLED, Action.WAIT, False),
    ],
)
def test_each_way_to_fail_is_seen_for_what_it_is(
    sandbox: SandboxServer, fault: dict[str, object], kind: Kind, action: Action, is_shown: bool
) -> None:
    robot = Robot(sandbox.webhook_base_url, KEY, timeout=(2, 0.5))
    sandbox.fail(times=1, **fault)
    outcome = robot.send(markdown("### 告警"))
    assert (outcome.kind, outcome.action) == (kind, action)
    assert outcome.retry_after_s == fault.get("retry_after_s")
    assert sandbox.messages[-1].shown == is_shown
    assert robot.send(markdown("### 告警")).ok
    assert sandbox.messages[-1].is_double == is_shown


def test_a_server_that_is_gone_and_back_finds_the_robot_ready(sandbox: SandboxServer, robot: Robot) -> None:
    assert robot.send(markdown("1")).ok
    sandbox.stop()
    assert robot.send(markdown("2")).kind is Kind.CONNECTION_REFUSED
    sandbox.start()
    assert robot.send(markdown("3")).ok
    assert [row.content for row in sandbox.messages] == ["1", "3"]


def test_a_robots_complete_address_is_taken_apart() -> None:
    base, key = split_webhook("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693a91f6-7xxx ")
    assert (base, key) == ("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=", "693a91f6-7xxx")


def test_a_robot_is_made_from_its_complete_address(sandbox: SandboxServer) -> None:
    assert Robot.from_url(sandbox.webhook_base_url + KEY).send(markdown("x")).ok


@pytest.mark.parametrize("url", ["", "https://h/x?key=1", "https://h/cgi-bin/webhook/send", "key=1"])
def test_an_address_that_is_no_robots_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="robot's address"):
        split_webhook(url)


@pytest.mark.parametrize("key", ["", " ", "key\n"])
def test_a_key_with_spaces_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="empty or has spaces"):
        Robot("http://h/cgi-bin/webhook/send?key=", key)

"""The sandbox's rules, its memory, its counts and its ways to fail."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.wecom.servers import KEY, Clock
from wecom.robot import Robot, markdown
from wecom.sandbox import Fault, Mode, SandboxServer
from wecom.sandbox.application import App as SandboxApp
from wecom.sandbox.faults import Call, FaultPlan
from wecom.sandbox.guard import is_loopback, real_targets
from wecom.sandbox.multipart import uploaded_file

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 40
PNG64 = base64.b64encode(PNG).decode()

Post = Callable[..., Any]


@pytest.fixture
def post(sandbox: SandboxServer) -> Post:
    """Post a body to a robot as any program would; returns the answer's JSON."""

    def send(body: object, key: str = KEY) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = requests.post(sandbox.webhook_base_url + key, data=data, timeout=5)
        assert answer.status_code == 200
        return answer.json()

    return send


def card(**changes: object) -> dict[str, object]:
    inner = {
        "card_type": "text_notice",
        "main_title": {"title": "来料检验不合格"},
        "card_action": {"type": 1, "url": "https://q.example"},
    }
    return {"msgtype": "template_card", "template_card": {**inner, **changes}}


# --- the rules ------------------------------------------------------------------------------------------


def test_an_accepted_message_gets_the_documented_answer(post: Post) -> None:
    assert post({"msgtype": "markdown", "markdown": {"content": "### 你好"}}) == {
        "errcode": 0,
        "errmsg": "ok",
    }


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        (b"", 93017),
        (b"{", 40008),
        (b"\xff\xfe", 40008),
        (b"[" * 100_000, 40008),
        ([], 40008),
        ({}, 40008),
        ({"msgtype": "sms"}, 40008),
        ({"msgtype": ["text"]}, 40008),
        ({"msgtype": "text"}, 44004),
        ({"msgtype": "text", "text": "x"}, 40035),
        ({"msgtype": "text", "text": {}}, 44004),
        ({"msgtype": "text", "text": {"content": " \n"}}, 44004),
        ({"msgtype": "text", "text": {"content": 7}}, 40035),
        ({"msgtype": "text", "text": {"content": "x", "mentioned_list": "@all"}}, 40035),
        ({"msgtype": "text", "text": {"content": "中" * 683}}, 40058),
        ({"msgtype": "markdown", "markdown": {"content": "中" * 1366}}, 40058),
        ({"msgtype": "markdown_v2", "markdown_v2": {"content": "a" * 4097}}, 40058),
        ({"msgtype": "image", "image": {"base64": "!", "md5": ""}}, 93018),
        ({"msgtype": "image", "image": {"base64": "", "md5": ""}}, 44001),
        ({"msgtype": "image", "image": {"base64": PNG64, "md5": "0" * 32}}, 301019),
        ({"msgtype": "image", "image": {"base64": base64.b64encode(b"GIF89a..").decode()}}, 40123),
        ({"msgtype": "image", "image": {"base64": base64.b64encode(PNG + bytes(2 << 20)).decode()}}, 45001),
        ({"msgtype": "news", "news": {"articles": []}}, 45008),
        ({"msgtype": "news", "news": {"articles": [{"title": "t", "url": "http://h"}] * 9}}, 45008),
        ({"msgtype": "news", "news": {"articles": [{"url": "http://h"}]}}, 41016),
        ({"msgtype": "news", "news": {"articles": [{"title": "t"}]}}, 41010),
        ({"msgtype": "news", "news": {"articles": [{"title": "t", "url": "h.example"}]}}, 45034),
        ({"msgtype": "file", "file": {"media_id": "unknown"}}, 40007),
        ({"msgtype": "voice", "voice": {}}, 40007),
        (card(card_type="button_interaction"), 40058),
        (card(main_title={}), 40058),
        (card(card_action={"type": 3}), 40058),
        (card(card_action={"type": 1}), 40058),
        (card(jump_list=[{}] * 4), 40058),
    ],
)
def test_what_wecom_refuses_is_refused_with_its_code(
    body: object, errcode: int, post: Post, sandbox: SandboxServer
) -> None:
    assert post(body)["errcode"] == errcode
    (record,) = sandbox.messages
    assert (record.shown, record.errcode) == (False, errcode)


@pytest.mark.parametrize(
    "body",
    [
        {"msgtype": "text", "text": {"content": "中" * 682 + "ab"}},
        {"msgtype": "markdown", "markdown": {"content": "中" * 1365 + "a"}},
        {"msgtype": "markdown_v2", "markdown_v2": {"content": "| 线 | 合格率 |\n| :-- | --: |\n"}},
        {"msgtype": "news", "news": {"articles": [{"title": "t", "url": "http://h"}] * 8}},
        card(),
        card(main_title={}, sub_title_text="只有副标题"),
    ],
)
def test_what_is_just_within_the_limits_is_taken(body: object, post: Post) -> None:
    assert post(body)["errcode"] == 0


def test_a_get_is_refused_and_an_unknown_api_is_not_found(sandbox: SandboxServer) -> None:
    assert requests.get(sandbox.webhook_base_url + KEY, timeout=5).json()["errcode"] == 43002
    assert requests.post(sandbox.base_url + "/cgi-bin/nothing", timeout=5).status_code == 404


def test_a_file_whose_name_is_not_written_in_wecoms_way_is_empty() -> None:
    head = 'Content-Disposition: form-data; name="media"; '
    body = "--B\r\n{}\r\n\r\ndata\r\n--B--\r\n"
    content_type = "multipart/form-data; boundary=B"
    plain = uploaded_file(content_type, body.format(head + 'filename="合同.docx"').encode())
    starred = uploaded_file(content_type, body.format(head + "filename*=utf-8''%E5%90%88.docx").encode())
    assert (plain.name, plain.data) == ("合同.docx", b"data")
    assert starred.name is None


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("", b""),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=B", b"--B--"),
        ("text/plain", b"--B"),
    ],
)
def test_a_body_without_a_file_is_an_empty_file(content_type: str, body: bytes) -> None:
    assert uploaded_file(content_type, body).name is None


# --- applications ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"touser": ""}, 82001),
        ({"touser": "|".join(map(str, range(1001)))}, 40031),
        ({"touser": "", "toparty": "|".join(map(str, range(101)))}, 82002),
        ({"touser": "", "totag": "|".join(map(str, range(101)))}, 82003),
        ({"touser": ["lin"]}, 40035),
        ({"agentid": "1000002"}, 301002),
        ({"agentid": 7}, 301002),
        ({"msgtype": "markdown", "markdown": {"content": "x" * 2049}}, 45002),
        ({"msgtype": "textcard", "textcard": {"title": "t", "description": "d", "url": "h"}}, 45034),
        ({"msgtype": "template_card", "template_card": {"card_type": "button_interaction"}}, 43012),
    ],
)
def test_an_application_is_refused_with_the_documented_code(changes: dict[str, object], errcode: int) -> None:
    with SandboxServer(apps=[SandboxApp("ww1", "s", 1000002)]) as sandbox:
        query = {"corpid": "ww1", "corpsecret": "s"}
        token = requests.get(sandbox.base_url + "/cgi-bin/gettoken", query, timeout=5).json()["access_token"]
        body = {"touser": "lin", "agentid": 1000002, "msgtype": "text", "text": {"content": "x"}, **changes}
        url = f"{sandbox.base_url}/cgi-bin/message/send?access_token={token}"
        assert requests.post(url, json=body, timeout=5).json()["errcode"] == errcode


def test_a_text_over_2048_bytes_is_cut_in_silence() -> None:
    with SandboxServer(apps=[SandboxApp("ww1", "s", 1)]) as sandbox:
        query = {"corpid": "ww1", "corpsecret": "s"}
        token = requests.get(sandbox.base_url + "/cgi-bin/gettoken", query, timeout=5).json()["access_token"]
        body = {"touser": "lin", "agentid": 1, "msgtype": "text", "text": {"content": "中" * 1000}}
        url = f"{sandbox.base_url}/cgi-bin/message/send?access_token={token}"
        assert requests.post(url, json=body, timeout=5).json()["errcode"] == 0
        assert sandbox.messages[-1].content == "中" * 682


@pytest.mark.parametrize(
    ("query", "errcode"),
    [({}, 41002), ({"corpid": "ww1"}, 41004), ({"corpid": "x", "corpsecret": "s"}, 40013)],
)
def test_a_token_needs_both_credentials(query: dict[str, str], errcode: int) -> None:
    with SandboxServer(apps=[SandboxApp("ww1", "s", 1)]) as sandbox:
        answer = requests.get(sandbox.base_url + "/cgi-bin/gettoken", query, timeout=5)
        assert answer.json()["errcode"] == errcode


# --- loss and doubles -----------------------------------------------------------------------------------


def test_loss_and_doubles_are_counted_by_what_stands_in_the_messages(
    sandbox: SandboxServer, robot: Robot
) -> None:
    robot.send(markdown("事件 EV-1 和 EV-2"))
    robot.send(markdown("事件 EV-2"))
    sandbox.fail("drop_before", times=1)
    robot.send(markdown("事件 EV-3"))
    assert sandbox.tally(r"EV-\d+") == {"EV-1": 1, "EV-2": 2}


def test_the_counters_add_up(sandbox: SandboxServer, robot: Robot) -> None:
    robot.send(markdown("a"))
    robot.send(markdown("a"))
    sandbox.fail("errcode", errcode=45009, times=1)
    robot.send(markdown("b"))
    sandbox.fail("drop_before", times=1)
    robot.send(markdown("c"))
    counts = sandbox.counts
    assert (counts["received"], counts["shown"], counts["doubles"]) == (4, 2, 1)
    assert (counts["refused"], counts["refusals"], counts["faults"]) == (1, {"45009": 1}, 2)


def test_the_same_words_in_two_groups_are_no_double(sandbox: SandboxServer) -> None:
    for key in (KEY, "second-robot-0000"):
        Robot(sandbox.webhook_base_url, key).send(markdown("a"))
    assert sandbox.counts["doubles"] == 0


def test_without_a_rate_limit_everything_is_taken() -> None:
    with SandboxServer(keys={KEY: "x"}, rate=None, history=10) as sandbox:
        robot = Robot(sandbox.webhook_base_url, KEY)
        assert all(robot.send(markdown(f"{n}")).ok for n in range(40))
        assert (sandbox.counts["shown"], len(sandbox.messages)) == (40, 10)
        assert sandbox.counts["peak_per_span"] == 40


# --- the memory -----------------------------------------------------------------------------------------


def test_the_feed_survives_a_restart_and_stays_bounded(tmp_path: Path) -> None:
    store = tmp_path / "var" / "feed.jsonl"
    with SandboxServer(keys={KEY: "IQC"}, rate=None, history=5, store=store) as sandbox:
        for number in range(23):
            Robot(sandbox.webhook_base_url, KEY).send(markdown(f"第{number}条"))
    assert len(store.read_text(encoding="utf-8").splitlines()) <= 11
    with store.open("a", encoding="utf-8") as file:
        file.write('{"id": 99, "at": 1')  # a crash in the middle of a line
    with SandboxServer(keys={KEY: "IQC"}, history=5, store=store) as sandbox:
        assert [row.content for row in sandbox.messages] == [f"第{number}条" for number in range(18, 23)]
        assert sandbox.messages[-1].id == 23
        Robot(sandbox.webhook_base_url, KEY).send(markdown("新"))
        assert sandbox.messages[-1].id == 24
    assert len(store.read_text(encoding="utf-8").splitlines()) <= 11


def test_a_restart_does_not_give_a_robot_a_fresh_minute(tmp_path: Path, clock: Clock) -> None:
    store = tmp_path / "feed.jsonl"
    with SandboxServer(keys={KEY: "IQC"}, rate=1, store=store, clock=clock) as sandbox:
        assert Robot(sandbox.webhook_base_url, KEY).send(markdown("1")).ok
    clock.now += 30
    with SandboxServer(keys={KEY: "IQC"}, rate=1, store=store, clock=clock) as sandbox:
        assert Robot(sandbox.webhook_base_url, KEY).send(markdown("2")).errcode == 45009
        clock.now += 30
        assert Robot(sandbox.webhook_base_url, KEY).send(markdown("3")).ok


def test_a_double_after_a_restart_is_still_a_double(tmp_path: Path, clock: Clock) -> None:
    store = tmp_path / "feed.jsonl"
    for doubles in (0, 1):
        with SandboxServer(keys={KEY: "IQC"}, store=store, clock=clock) as sandbox:
            Robot(sandbox.webhook_base_url, KEY).send(markdown("a"))
            assert sandbox.counts["doubles"] == doubles


def test_heavy_pictures_push_the_oldest_records_out(
    sandbox: SandboxServer, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wecom.sandbox.ledger._BYTES_KEPT", 5000)
    for number in range(10):
        post({"msgtype": "image", "image": {"base64": "x" * 1000, "n": number}})
    assert [row.id for row in sandbox.messages] == [7, 8, 9, 10]
    post({"msgtype": "image", "image": {"base64": "x" * 9000}})
    assert [row.id for row in sandbox.messages] == [11]  # the newest stays, whatever it weighs


# --- failing on purpose ---------------------------------------------------------------------------------


def test_a_fault_can_be_limited_to_a_robot_a_call_a_number_and_a_time(clock: Clock) -> None:
    plan = FaultPlan(clock)
    plan.arm(Fault(Mode.HTML, key="a", call=Call.ROBOT, times=2, seconds=10))
    assert plan.pick(Call.ROBOT, "b") is None
    assert plan.pick(Call.TOKEN, "a") is None
    assert plan.pick(Call.ROBOT, "a") is not None
    clock.now += 10
    assert plan.pick(Call.ROBOT, "a") is None
    assert plan.listed() == []


def test_a_share_hits_that_part_of_the_calls_and_repeats_exactly(clock: Clock) -> None:
    def hits() -> list[bool]:
        plan = FaultPlan(clock)
        plan.arm(Fault(Mode.HTTP, share=0.3))
        return [plan.pick(Call.ROBOT, "k") is not None for _ in range(1000)]

    assert 230 < sum(hits()) < 370
    assert hits() == hits()


def test_a_fault_is_mended_by_its_number(sandbox: SandboxServer, robot: Robot) -> None:
    first = sandbox.fail("http", status=500)
    sandbox.fail("errcode", errcode=-1)
    assert robot.send(markdown("x")).http_status == 500
    sandbox.mend(first)
    assert robot.send(markdown("x")).errcode == -1
    sandbox.mend()
    assert robot.send(markdown("x")).ok


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"mode": "explode"},
        {"mode": "errcode", "errcode": 0},
        {"mode": "http", "status": 200},
        {"mode": "http", "status": "abc"},
        {"mode": "delay", "delay_s": 601},
        {"mode": "html", "share": 0},
        {"mode": "html", "times": 0},
        {"mode": "html", "seconds": -1},
        {"mode": "html", "taken": "perhaps"},
        {"mode": "html", "colour": "red"},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Fault.from_mapping(wrong)


# --- control over HTTP ----------------------------------------------------------------------------------


def test_the_control_makes_calls_fail_and_mends_them(sandbox: SandboxServer, robot: Robot) -> None:
    control = sandbox.base_url + "/control"
    number = requests.post(control, json={"mode": "errcode", "errcode": 45009}, timeout=5).json()["number"]
    assert robot.send(markdown("x")).errcode == 45009
    (listed,) = requests.get(control, timeout=5).json()["faults"]
    assert (listed["number"], listed["hits"], listed["label"]) == (number, 1, "errcode 45009")
    assert requests.post(control, json={"action": "mend", "number": number}, timeout=5).json() == {
        "done": True
    }
    assert robot.send(markdown("x")).ok


def test_the_control_reaches_tokens_users_and_the_memory(sandbox: SandboxServer, robot: Robot) -> None:
    control = sandbox.base_url + "/control"
    robot.send(markdown("x"))
    for action in ({"action": "expire_tokens"}, {"action": "withdraw_tokens"}, {"action": "forget"}):
        assert requests.post(control, json=action, timeout=5).status_code == 200
    requests.post(control, json={"action": "unknown_users", "users": ["Ghost"]}, timeout=5)
    assert sandbox.apps.unknown == {"ghost"}
    assert sandbox.messages == []


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"mode":"x"}', b'{"action":"x"}', b'{"mode":"html","robot":"x"}']
)
def test_a_wrong_control_is_refused_with_a_reason(sandbox: SandboxServer, body: bytes) -> None:
    answer = requests.post(sandbox.base_url + "/control", data=body, timeout=5)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_foreign_page_cannot_use_the_control(sandbox: SandboxServer) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Host": "evil.example:80"}):
        answer = requests.post(
            sandbox.base_url + "/control", json={"mode": "html"}, headers=headers, timeout=5
        )
        assert answer.status_code == 403
    assert sandbox.faults.listed() == []


# --- JSON -----------------------------------------------------------------------------------------------


def test_the_json_holds_every_call_with_time_group_fate_and_request(
    sandbox: SandboxServer, robot: Robot, clock: Clock
) -> None:
    robot.send(markdown("### 一"))
    requests.post(sandbox.webhook_base_url + "wrong", data=b"{", timeout=5)
    data = requests.get(sandbox.base_url + "/messages.json", timeout=5).json()
    first, second = data["messages"]
    assert first["time"] == "2027-01-15T16:00:00.000+08:00"
    assert (first["group"], first["shown"], first["errcode"]) == ("IQC 质量群", True, 0)
    assert json.loads(first["raw"])["markdown"]["content"] == first["content"] == "### 一"
    assert (second["group"], second["shown"], second["errcode"], second["raw"]) == ("", False, 93000, "{")
    later = requests.get(sandbox.base_url + "/messages.json", {"after": first["id"]}, timeout=5).json()
    assert [row["id"] for row in later["messages"]] == [second["id"]]
    assert requests.get(sandbox.base_url + "/counts.json", timeout=5).json() == data["counts"]
    assert KEY not in json.dumps(data)


def test_a_body_without_a_sensible_length_is_refused(sandbox: SandboxServer) -> None:
    for headers in ({"Content-Length": "99999999999"}, {"Content-Length": "x"}):
        answer = requests.post(sandbox.webhook_base_url + KEY, headers=headers, timeout=5)
        assert answer.status_code in (400, 413)


# --- the guard ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:8790/cgi-bin/webhook/send?key=", True),
        ("http://127.8.9.1/", True),
        ("http://localhost/", True),
        ("http://[::1]:80/", True),
        ("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=", False),
        ("http://127.0.0.1.evil.example/", False),
        ("http://localhost.example/", False),
        ("http://user@10.0.0.1/", False),
        ("http://0.0.0.0/", False),
        ("http://[half/", False),
        ("nonsense", False),
    ],
)
def test_what_is_this_machine(url: str, local: bool) -> None:
    assert is_loopback(url) is local


def test_real_targets_are_named_without_their_keys() -> None:
    settings = {
        "A": "",
        "B": "http://127.0.0.1/",
        "C": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=S3CRET",
    }
    assert real_targets(settings) == {"C": "qyapi.weixin.qq.com"}

"""The feed: what it shows, that it is safe, and that it is live."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wecom.servers import KEY, Clock
from wecom import cards
from wecom.app import App, Recipients
from wecom.payloads import Payload
from wecom.robot import Article, Robot, file, image, markdown, news, text
from wecom.sandbox import DEMO_APP, SandboxServer
from wecom.sandbox.bodies import body
from wecom.sandbox.faults import Fault, Mode
from wecom.sandbox.ledger import Received
from wecom.sandbox.view import View
from wecom.sandbox.words import _WORDS, DRILLS
from wecom.tokens import MemoryTokenStore

STATIC = Path(__file__).parents[2] / "wecom" / "sandbox" / "static"
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 40


class Page(HTMLParser):
    """A page's tags, its visible text, and the fate of each message."""

    VOID = {"meta", "link", "img", "input", "br"}

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def messages(self) -> list[str]:
        """The classes of the messages, newest first."""
        return [str(attrs["class"]) for tag, attrs in self.tags if tag == "article"]

    def values(self, tag: str, name: str) -> list[str]:
        return [str(attrs[name]) for found, attrs in self.tags if found == tag and name in attrs]


def page(sandbox: SandboxServer, query: str = "") -> Page:
    answer = requests.get(f"{sandbox.base_url}/{query}", timeout=5)
    assert answer.status_code == 200
    return Page(answer.text)


# --- what is shown --------------------------------------------------------------------------------------


def test_the_message_stands_in_its_group_with_link_size_and_time(
    sandbox: SandboxServer, robot: Robot
) -> None:
    url = "http://127.0.0.1:8000/IQC/12/345"
    content = f"### IQC 异常汇总\n- **供应商**: 苏州精密轴承有限公司\n- **异常项**: 内径 [{url}]({url})"
    robot.send(markdown(content))
    shown = page(sandbox)
    assert shown.messages == ["msg taken"]
    assert "- 供应商: 苏州精密轴承有限公司" in shown.text
    assert url in shown.values("a", "href")
    assert f"{len(content.encode())} / 4,096 字节" in shown.text
    assert "16:00:00" in shown.text
    assert "IQC 质量群" in shown.text


def test_a_refused_message_is_marked_with_its_code_and_what_to_do(
    sandbox: SandboxServer, robot: Robot
) -> None:
    robot.send(Payload.build("markdown", markdown={"content": "中" * 1400}))
    shown = page(sandbox)
    assert shown.messages == ["msg refused"]
    assert "未显示：被企业微信拒绝 · 40058 markdown.content exceed max length 4096" in shown.text
    assert "系统会拆成几条再发" in shown.text
    assert "4,200 / 4,096" in shown.text
    assert "it is split and sent in parts" in page(sandbox, "?lang=en").text


@pytest.mark.parametrize(
    ("fault", "classes", "words"),
    [
        ({"mode": "drop_before"}, "msg refused", "未收到：按演练要求失败 · 连接被断开"),
        ({"mode": "drop_after"}, "msg untold", "已显示，但发送方没有得到应答 · 收下后不应答"),
        ({"mode": "delay", "delay_s": 0.1}, "msg untold", "已显示，应答被延迟 · 延迟 0.1s 应答"),
        ({"mode": "http", "status": 503}, "msg refused", "网关 HTTP 503"),
        ({"mode": "errcode", "errcode": 45009}, "msg refused", "45009 api freq out of limit"),
    ],
)
def test_a_drill_is_seen_for_what_it_was(
    sandbox: SandboxServer, robot: Robot, fault: dict[str, object], classes: str, words: str
) -> None:
    sandbox.fail(times=1, **fault)
    robot.send(markdown("x"))
    shown = page(sandbox)
    assert shown.messages == [classes]
    assert words in shown.text


def test_a_double_names_the_message_that_it_repeats(sandbox: SandboxServer, robot: Robot) -> None:
    robot.send(markdown("x"))
    robot.send(markdown("x"))
    shown = page(sandbox)
    assert shown.messages == ["msg doubled", "msg taken"]
    assert "与 #1 内容相同，群里看到两次" in shown.text


def test_each_kind_of_message_has_its_look(sandbox: SandboxServer, robot: Robot) -> None:
    robot.send(text("见 https://q.example/1\n第二行", ["@all", "lin.qc"]))
    robot.send(image(PNG))
    robot.send(news([Article("周报", "https://q.example/w", "第 1 周")]))
    robot.send(file(robot.upload_media("合同.docx", b"0123456789").media_id))
    robot.send(Payload.build("markdown_v2", markdown_v2={"content": "| 线 | 合格率 |"}))
    card = {
        "card_type": "text_notice",
        "main_title": {"title": "不合格", "desc": "批次 B-77"},
        "emphasis_content": {"title": "3", "desc": "件数"},
        "horizontal_content_list": [{"keyname": "供应商", "value": "甲厂"}],
        "card_action": {"type": 1, "url": "https://q.example/77"},
    }
    robot.send(Payload.build("template_card", template_card=card))
    shown = page(sandbox)
    assert shown.messages == ["msg taken"] * 6
    for words in (
        "@所有人",
        "@lin.qc",
        "第 1 周",
        "合同.docx",
        "| 线 | 合格率 |",
        "批次 B-77",
        "件数",
        "甲厂",
    ):
        assert words in shown.text
    assert {"https://q.example/1", "https://q.example/w", "https://q.example/77"} <= set(
        shown.values("a", "href")
    )
    assert "/pictures/2" in shown.values("img", "src")
    picture = requests.get(sandbox.base_url + "/pictures/2", timeout=5)
    assert (picture.content, picture.headers["Content-Type"]) == (PNG, "image/png")
    document = requests.get(sandbox.base_url + "/files/4", timeout=5)
    assert document.content == b"0123456789"
    assert document.headers["Content-Disposition"] == "attachment; filename*=UTF-8''%E5%90%88%E5%90%8C.docx"


@pytest.mark.parametrize(
    "path", ["/pictures/1", "/pictures/x", "/files/9", "/static/../server.py", "/static/x", "/x"]
)
def test_what_is_not_there_is_not_found(sandbox: SandboxServer, robot: Robot, path: str) -> None:
    robot.send(markdown("x"))
    assert requests.get(sandbox.base_url + path, timeout=5).status_code == 404


def test_a_group_is_shown_alone_and_an_unknown_robot_has_its_place(
    sandbox: SandboxServer, robot: Robot
) -> None:
    robot.send(markdown("甲"))
    requests.post(
        sandbox.webhook_base_url + "wrong", json={"msgtype": "text", "text": {"content": "乙"}}, timeout=5
    )
    assert len(page(sandbox).messages) == 2
    assert len(page(sandbox, "?group=IQC 质量群").messages) == 1
    alone = page(sandbox, "?group=")
    assert alone.messages == ["msg refused"]
    assert "未知机器人" in alone.text


def test_a_long_feed_is_shown_in_pages(clock: Clock) -> None:
    with SandboxServer(keys={KEY: "IQC"}, rate=None, clock=clock) as sandbox:
        robot = Robot(sandbox.webhook_base_url, KEY)
        for number in range(130):
            clock.now += 1
            robot.send(markdown(f"第{number}条"))
        newest = page(sandbox)
        assert len(newest.messages) == 100
        (earlier,) = [href for href in newest.values("a", "href") if "before=" in href]
        oldest = page(sandbox, earlier.removeprefix("/"))
        assert len(oldest.messages) == 30
        assert "第0条" in oldest.text


def test_times_stand_between_messages_that_are_far_apart(
    sandbox: SandboxServer, robot: Robot, clock: Clock
) -> None:
    robot.send(markdown("a"))
    clock.now += 86_400
    robot.send(markdown("b"))
    clock.now += 400
    robot.send(markdown("c"))
    shown = page(sandbox)
    assert "昨天 16:00" in shown.text
    assert "今天 16:00" in shown.text
    assert "今天 16:06" in shown.text


def test_every_word_has_both_languages_and_every_word_is_used() -> None:
    pages = [path for path in STATIC.parent.glob("*.py") if path.name != "words.py"]
    sources = "".join(path.read_text(encoding="utf-8") for path in pages)
    for name, (chinese, english) in _WORDS.items():
        assert re.search(r"[\u4e00-\u9fff@]", chinese), name
        assert not re.search(r"[\u4e00-\u9fff]", english), name
        assert chinese.count("{0}") == english.count("{0}"), name
        is_composed = name.startswith(("fault_", "count_", "mode_", "mishap_", "status_", "act_"))
        assert is_composed or re.search(rf"""["']{name}["']""", sources), name


def test_every_drill_is_a_fault_and_every_fault_has_a_name() -> None:
    for name, data in DRILLS.items():
        label = Fault.from_mapping(data).label
        assert View().fault_name(label)
        assert name in _WORDS
    assert {Fault.from_mapping(data).mode for data in DRILLS.values()} == set(Mode)


# --- safe -----------------------------------------------------------------------------------------------


def test_the_page_runs_under_a_strict_policy_and_asks_nobody_else(
    sandbox: SandboxServer, robot: Robot
) -> None:
    robot.send(markdown('<font color="warning">x</font> <@a> [b](http://h/)'))
    answer = requests.get(sandbox.base_url, timeout=5)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for tag, attrs in Page(answer.text).tags:
        assert not [name for name in attrs if name == "style" or name.startswith("on")]
        for name in ("src", "action"):
            assert str(attrs.get(name) or "/").startswith("/")
        if tag in ("link", "script"):
            assert str(attrs.get("href") or attrs.get("src")).startswith("/static/")
    assert not re.search(r"<style|<script>|javascript:", answer.text)
    for path in STATIC.iterdir():
        sources = path.read_text(encoding="utf-8")
        assert not re.search(
            r"(https?:)?//(?!www\.w3\.org/2000/svg)[a-z]", re.sub(r"(?m)^\s*//.*|; //.*", "", sources)
        )


HOSTILE = st.lists(
    st.sampled_from(
        ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "[x](javascript:alert(1))",
         "http://h/\"onclick=alert(1)", "<!--", "&lt;", "\u202e", "中", "\n", '<font color="info">',
         "</font>", "**", "'", "</article>"]
    ),
    min_size=1, max_size=6,
).map("".join)  # fmt: skip
ALLOWED = {"a", "blockquote", "br", "code", "dd", "div", "dl", "dt", "img", "p", "pre", "span", "strong"}


@given(
    HOSTILE,
    st.sampled_from(
        ["text", "markdown", "markdown_v2", "news", "file", "template_card", "textcard", "", "x"]
    ),
)
@settings(max_examples=200, deadline=None)
def test_no_message_can_bring_its_own_markup(hostile: str, msgtype: str) -> None:
    inner = {
        "content": hostile, "title": hostile, "description": hostile, "url": hostile, "media_id": hostile,
        "mentioned_list": [hostile], "articles": [{"title": hostile, "description": hostile, "url": hostile}],
        "main_title": {"title": hostile, "desc": hostile},
        "emphasis_content": {"title": hostile, "desc": hostile},
        "horizontal_content_list": [{"keyname": hostile, "value": hostile}], "card_action": {"url": hostile},
    }  # fmt: skip
    raw = json.dumps({"msgtype": msgtype, msgtype: inner})
    row = Received(
        id=1, at=0, call="robot", group=hostile, robot=1, msgtype=msgtype, content=hostile, size=1, limit=1,
        errcode=0, errmsg=hostile, shown=True, raw=raw,
    )  # fmt: skip
    for tag, attrs in Page(body(View(), row)).tags:
        assert tag in ALLOWED
        assert not [name for name in attrs if name.startswith("on") or name == "style"]
        assert re.match(r"https?://|/(files|pictures)/1$", str(attrs.get("href") or "http://"))


def test_hostile_names_groups_and_messages_leave_the_page_whole() -> None:
    evil = '"><script>alert(1)</script>'
    with SandboxServer(keys={KEY: evil}) as sandbox:
        sandbox.fail("http", key=KEY, times=1)
        Robot(sandbox.webhook_base_url, KEY).send(markdown(evil))
        requests.post(sandbox.webhook_base_url + KEY, data=evil.encode(), timeout=5)
        for query in ("", "?lang=en", f"?group={evil}", "?view=panel", "?before=x&lang=<"):
            shown = page(sandbox, query)
            assert len([tag for tag, _ in shown.tags if tag == "script"]) == 1


def test_a_foreign_name_for_this_machine_gets_no_page(sandbox: SandboxServer) -> None:
    answer = requests.get(sandbox.base_url, headers={"Host": "rebound.example:80"}, timeout=5)
    assert answer.status_code == 403


# --- the drill form -------------------------------------------------------------------------------------


def test_the_form_starts_and_ends_a_drill_and_returns_to_its_view(
    sandbox: SandboxServer, robot: Robot
) -> None:
    control = sandbox.base_url + "/control"
    form = {
        "drill": "mode_93000",
        "robot": "IQC 质量群",
        "times": "2",
        "view_lang": "en",
        "view_view": "panel",
    }
    headers = {"Origin": sandbox.base_url}
    answer = requests.post(control, data=form, headers=headers, allow_redirects=False, timeout=5)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/?lang=en&view=panel")
    assert robot.send(markdown("x")).errcode == 93000
    assert Robot(sandbox.webhook_base_url, "second-robot-0000").send(markdown("x")).ok
    shown = page(sandbox)
    assert "错误码 93000" in shown.text
    assert "已命中 1 次" in shown.text
    (fault,) = sandbox.faults.listed()
    requests.post(
        control, data={"action": "mend", "number": str(fault["number"])}, headers=headers, timeout=5
    )
    assert robot.send(markdown("x")).ok


# --- live -----------------------------------------------------------------------------------------------


@pytest.fixture
def events(sandbox: SandboxServer) -> Iterator[Iterator[str]]:
    with requests.get(sandbox.base_url + "/events", stream=True, timeout=5) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        lines = answer.iter_lines(chunk_size=1, decode_unicode=True)
        yield (line for line in lines if line.startswith("data: "))


def test_a_page_that_watches_is_told_of_every_change(
    sandbox: SandboxServer, robot: Robot, events: Iterator[str]
) -> None:
    assert next(events) == f"data: {sandbox.ledger.version}"
    robot.send(markdown("x"))
    assert next(events) == f"data: {sandbox.ledger.version}"
    sandbox.fail("html")
    assert next(events) == f"data: {sandbox.ledger.version}"


def test_stopping_ends_the_pages_that_watch(sandbox: SandboxServer, events: Iterator[str]) -> None:
    next(events)
    sandbox.stop()
    assert [line for line in events if line != f"data: {sandbox.ledger.version}"] == []


# --- cards with buttons ---------------------------------------------------------------------------------


@pytest.fixture
def with_app() -> Iterator[SandboxServer]:
    with SandboxServer(apps=[DEMO_APP]) as server:
        server.courier.target = object()  # type: ignore[assignment]  # somebody listens
        yield server


def test_a_button_is_pressed_on_the_page_by_a_reader_and_gives_way_to_what_the_card_says(
    with_app: SandboxServer,
) -> None:
    sandbox = with_app
    app = DEMO_APP
    told: list[str] = []
    sandbox.courier.send = lambda xml, _label: told.append(xml)  # type: ignore[method-assign]
    client = App(
        sandbox.base_url, app.corp_id, app.secret, app.agent_id, tokens=MemoryTokenStore(), timeout=(2, 2)
    )
    card = cards.Card("三号线 停机", (cards.Button("受理", "alarm:7"),), url="https://q.example/7")
    sent = client.send(
        client.compose(cards.button_card(card, "task-7"), Recipients(users=("lin.qc", "wang")))
    )
    assert sent.response_code
    assert sent.response_code not in repr(sent)
    shown = page(sandbox)
    fields = {"action": "click", "task_id": "task-7", "agent": str(app.agent_id), "key": "alarm:7"}
    assert set(fields.values()) - {"alarm:7"} <= set(shown.values("input", "value"))
    assert shown.values("button", "value") == ["alarm:7"]

    def press(who: str) -> int:
        answer = requests.post(
            f"{sandbox.base_url}/control", data=fields | {"who": who}, timeout=5, allow_redirects=False
        )
        return answer.status_code

    assert press("wang") == 303
    (event,) = told
    for part in ("<![CDATA[template_card_event]]>", "<![CDATA[wang]]>", "<![CDATA[alarm:7]]>", "task-7"):
        assert part in event
    assert "wang 按了“受理”" in page(sandbox).text

    code = event.partition("<ResponseCode><![CDATA[")[2].partition("]]>")[0]
    assert client.update_card(cards.update(app.agent_id, code, "没有权限", users=["wang"])).ok
    assert client.update_card(cards.update(app.agent_id, code, "没有权限")).errcode == 60140  # used
    assert press("wang") == 400
    shown = page(sandbox)
    assert "wang 没有权限" in shown.text
    assert shown.values("button", "value") == ["alarm:7"]  # for lin.qc
    assert client.update_card(cards.update(app.agent_id, sent.response_code, "已由 林工 受理")).ok
    shown = page(sandbox)
    assert "已由 林工 受理" in shown.text
    assert shown.values("button", "value") == []
    assert press("lin.qc") == 400

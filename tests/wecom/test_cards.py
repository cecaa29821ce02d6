"""Cards with buttons: whatever is put in, it is within WeCom's limits and says where it was cut."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wecom import cards
from wecom.cards import Button, Card
from wecom.errors import PayloadError, TooLong
from wecom.payloads import Payload
from wecom.sandbox import rules

ACK = Button("受理", "alarm.acknowledge:77")
MESSAGE = (
    "### 报警: 活塞环 内径 超差\n"
    '> 级别：<font color="warning">严重</font>\n'
    "> 时间：2026-11-22 02:00\n"
    "> 12:30 起停线\n"
    "- **供应商**: 苏州精密轴承有限公司\n"
    "- **异常项**: 内径 [http://q.example/IQC/12/345](http://q.example/IQC/12/345)\n"
    "1 个值超出上限 10.1\n"
    "<@lin.qc>\n"
    "[受理](http://q.example/alarms/77)"
)


def _sent(card: Card, task_id: str = "t1") -> dict[str, Any]:
    """Build a card, have WeCom's rules look at it, and return its inside."""
    body = cards.button_card(card, task_id)
    payload = Payload.build(body.msgtype, touser="lin.qc", agentid=1, template_card=dict(body.inner))
    checked = rules.check_application(payload.json.encode(), lambda _id: None)
    assert checked.errcode == 0, checked.errmsg
    return dict(body.inner)


def test_a_message_becomes_title_facts_and_text_without_its_links_and_calls() -> None:
    card = cards.from_markdown(
        "报警: 活塞环 内径 超差", MESSAGE, buttons=[ACK], url="http://q.example/alarms/77"
    )
    assert card.facts == (
        ("级别", "严重"),
        ("时间", "2026-11-22 02:00"),
        ("供应商", "苏州精密轴承有限公司"),
        ("异常项", "内径"),
    )
    assert card.text == "12:30 起停线\n1 个值超出上限 10.1"
    inner = _sent(card)
    assert inner["card_action"] == {"type": 1, "url": "http://q.example/alarms/77"}
    assert inner["button_list"] == [{"text": "受理", "style": 1, "key": "alarm.acknowledge:77"}]


@given(
    title=st.text(min_size=1),
    content=st.text(alphabet=st.sampled_from("甲a：: \n>-*#[](/)<@;1字😀\ud800"), max_size=400),
    words=st.text(min_size=1, max_size=40),
)
def test_whatever_a_message_says_its_card_is_one_that_wecom_takes(
    title: str, content: str, words: str
) -> None:
    if not title.strip() or not words.strip():
        return
    card = cards.from_markdown(title, content, buttons=[Button(words, "k")], url="http://q.example/1")
    inner = _sent(card)
    assert cards.width(inner["main_title"]["title"]) <= cards.TITLE
    assert cards.width(inner.get("sub_title_text", "")) <= cards.TEXT
    rows = inner.get("horizontal_content_list", [])
    assert len(rows) <= cards.FACTS
    assert all(cards.width(row["keyname"]) <= cards.FACT_NAME for row in rows)
    assert all(cards.width(row["value"]) <= cards.FACT_VALUE for row in rows)
    assert cards.width(inner["button_list"][0]["text"]) <= cards.BUTTON


@given(text=st.text(), most=st.integers(2, 40))
def test_what_is_cut_says_so_and_is_a_beginning(text: str, most: int) -> None:
    shown = cards.shortened(text, most)
    assert cards.width(shown) <= most
    whole = text.strip().encode("utf-8", "replace").decode()
    if shown.replace("\ufffd", "?") != whole:
        assert shown.endswith("…")
        assert whole.startswith(shown[:-1].replace("\ufffd", "?"))


@pytest.mark.parametrize(
    ("card", "task_id", "error"),
    [
        (Card("题", ()), "t", PayloadError),
        (Card("题", tuple(Button("按", str(number)) for number in range(7))), "t", PayloadError),
        (Card("题", (Button("按", "k"), Button("也按", "k"))), "t", PayloadError),
        (Card("题", (Button("按", ""),)), "t", PayloadError),
        (Card("题", (Button(" ", "k"),)), "t", PayloadError),
        (Card(" ", (ACK,)), "t", PayloadError),
        (Card("题", (ACK,), url="q.example/alarms/77"), "t", PayloadError),
        (Card("题", (ACK,), url="http://q.example/" + "长" * 683), "t", TooLong),
        (Card("题", (ACK,), facts=(("键", "值"),) * 7), "t", PayloadError),
        (Card("题", (Button("按", "字" * 342),)), "t", TooLong),
        (Card("题", (ACK,)), "报警", PayloadError),
        (Card("题", (ACK,)), "", PayloadError),
        (Card("题", (ACK,)), "t" * 129, TooLong),
    ],
)
def test_what_wecom_refuses_is_refused_before_it_is_sent(
    card: Card, task_id: str, error: type[PayloadError]
) -> None:
    with pytest.raises(error):
        cards.button_card(card, task_id)


def test_the_last_that_fits_is_taken() -> None:
    edge = Button("按", "字" * 341 + "a")
    inner = _sent(Card("题", (edge, *(Button("按", str(n)) for n in range(5)))), "t" * 128)
    assert len(inner["button_list"]) == 6


def test_an_update_is_for_all_or_for_the_named_and_needs_its_code() -> None:
    for_all = json.loads(cards.update(7, "code", "已由 林工 受理 14:32"))
    assert for_all == {
        "atall": 1,
        "agentid": 7,
        "response_code": "code",
        "button": {"replace_name": "已由 林工 受理 14:32"},
    }
    one = json.loads(cards.update(7, "code", "无权限", users=["wang"]))
    assert one["userids"] == ["wang"]
    assert "atall" not in one
    for code, notice, users in (("", "好", []), ("code", " ", []), ("code", "好", ["u"] * 1001)):
        with pytest.raises(PayloadError):
            cards.update(7, code, notice, users=users)


def test_a_shown_card_holds_no_markup_of_its_words() -> None:
    card = Card(
        '<b>"题',
        (Button("<i>按", "k"),),
        facts=(("<u>", "<s>"),),
        text="<p>\n二",
        url='http://q.example/"><x>',
    )
    shown = cards.to_html(_sent(card))
    for tag in ("<b>", "<i>", "<u>", "<s>", "<x>", "<p>\n"):
        assert tag not in shown
    assert "&lt;p&gt;<br>二" in shown
    assert 'href="javascript' not in cards.to_html({"card_action": {"url": "javascript:1"}, "main_title": {}})

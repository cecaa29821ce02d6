"""What messages may not say: rules mask, block or warn, never break links, and cannot run away."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications import rendering, safety
from notifications.choices import Reason, State
from notifications.defaults import RULES
from notifications.models import ContentRule, Notification, NotificationTemplate
from notifications.services import resend, send_notification, send_template_notification
from tests import builders
from tests.notifications.conftest import ScriptedChannel


@dataclass
class Rule:
    name: str = "规则"
    kind: str = "mask"
    pattern: str = ""
    is_regex: bool = False
    checksum: str = ""
    keep_start: int = 0
    keep_end: int = 0


SHIPPED = {
    row["name"]: Rule(**{k: v for k, v in row.items() if k not in {"note", "is_active"}}) for row in RULES
}


def _mask(text: str, *names: str) -> str:
    return safety.screen("", text, [SHIPPED[name] for name in names or SHIPPED]).content


# --- the shipped rules ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("电话13812345678。", "电话138••••5678。"),
        ("139 1234 5678", "139••••••5678"),
        ("１３８１２３４５６７８", "１３８••••５６７８"),
        ("批号 138123456789", "批号 138123456789"),  # twelve digits
        ("12812345678", "12812345678"),  # no such prefix
        ("尺寸 13.812345678", "尺寸 13.812345678"),
        ("合同 HT130-2026-0001", "合同 HT130-2026-0001"),
        ("CG-139-2026-0001", "CG-139-2026-0001"),
        ("+86-13812345678", "+86-138••••5678"),
    ],
)
def test_phone_numbers_are_masked_and_other_numbers_are_not(text: str, shown: str) -> None:
    assert _mask(text, "手机号") == shown


def test_an_id_card_is_known_by_its_check_character() -> None:
    # GB 11643-1999, annex A: the examples of the standard.
    assert safety.is_id_card("11010519491231002X")
    assert safety.is_id_card("440524188001010014")
    assert not safety.is_id_card("110105194912310021")
    assert _mask("证 11010519491231002X", "身份证号") == "证 110•••••••••••002X"
    assert _mask("批 110105194912310021", "身份证号") == "批 110105194912310021"


def test_a_bank_card_is_known_by_its_check_digit() -> None:
    # ISO/IEC 7812-1, annex B, and the test numbers that card schemes publish.
    assert safety.is_luhn("4111111111111111")
    assert not safety.is_luhn("4111111111111112")
    assert _mask("卡 4111 1111 1111 1111", "银行卡号") == "卡 •••••••••••••••1111"
    assert _mask("卡 6212345678901234567", "银行卡号") == "卡 6212345678901234567"


def test_of_an_email_address_the_name_is_masked() -> None:
    assert _mask("写给 li.lei@example.com 吧", "电子邮箱") == "写给 l•••••@example.com 吧"


# --- markup stays whole ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "whole",
    [
        "[内径](http://qms.example/IQC/13812345678)",
        "https://qms.example/13812345678?tel=13912345678",
        "<@13812345678>",
        '<font color="warning">',
    ],
)
def test_links_mentions_and_colours_stay_whole(whole: str) -> None:
    text = f"找 13812345678 看 {whole} 或 13912345678"
    assert _mask(text) == f"找 138••••5678 看 {whole} 或 139••••5678"


def test_a_mask_brings_no_markup_of_its_own() -> None:
    masked = _mask("**13812345678**")
    assert masked == "**138••••5678**"


@given(st.text(alphabet="13859 -[](){}<>@httpfoncolr:/.X中\n", max_size=200))
def test_masking_keeps_length_and_every_link_and_masks_nothing_twice(text: str) -> None:
    masked = _mask(text)
    assert len(masked) == len(text)
    assert safety._KEPT_WHOLE.findall(masked) == safety._KEPT_WHOLE.findall(text)
    assert _mask(masked) == masked


# --- words, blocks, warnings ------------------------------------------------------------------


def test_words_are_found_in_any_case_and_the_longest_first() -> None:
    rule = Rule(pattern="报价\n报价单\nPrice")
    assert safety.screen("PRICE 表", "报价单", [rule]).content == "•••"
    assert safety.screen("PRICE 表", "报价单", [rule]).title == "••••• 表"


def test_masks_go_first_and_the_first_block_ends_it() -> None:
    rules = [
        Rule("拦", "block", pattern="138"),
        Rule("提醒", "warn", pattern="电话"),
        SHIPPED["手机号"],
        Rule("禁", "block", pattern="机密"),
    ]
    clean = safety.screen("", "电话 13812345678", [rules[1], rules[2]])
    assert (clean.masked, clean.warned, clean.blocked) == (("手机号",), ("提醒",), "")
    assert safety.screen("机密", "内容", rules).blocked == "禁"
    assert safety.screen("", "电话 13812345678", rules).blocked == "拦"  # "138" is still shown


# --- expressions that could run away ----------------------------------------------------------


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a+)+$",
        r"(a|aa){1,30}$",
        r"(a?){30}a{30}",
        r"\d*",
        r".*密",
        r"[a-z]{1,100}[a-z]{1,100}[a-z]{1,100}!",
        r"(x{0,20}){0,20}y",
        r"(?:a{1,9}){1,9}+b",
        r"(\d)\1",
        r"(",
        r"a{1,500}",
        r"",
        r"b{0,3}",
        "a" * 501,
    ],
)
def test_an_expression_that_could_run_away_or_match_everywhere_is_refused(pattern: str) -> None:
    with pytest.raises(safety.BadRule):
        safety.check_regex(pattern)


def test_a_refusal_says_what_to_write_instead() -> None:
    with pytest.raises(safety.BadRule, match=r"\{1,64\}"):
        safety.check_regex(r"\w+@")
    with pytest.raises(safety.BadRule, match=r"\+"):
        safety.check_regex(r"\w{1,64}@\w{1,64}")
    safety.check_regex(r"\w{1,64}+@\w{1,64}+")


@pytest.mark.parametrize("rule", SHIPPED.values(), ids=lambda rule: rule.name)
@pytest.mark.parametrize("piece", ["1", "13812345678", "a.", "a@a.", "1 ", "[](", "<font "])
def test_the_shipped_rules_are_quick_on_the_longest_text_made_to_hurt(rule: Rule, piece: str) -> None:
    text = (piece * 20_000)[:20_000]
    safety.compile_rule(pattern=rule.pattern, is_regex=rule.is_regex)
    started = time.process_time()
    safety.screen("", text, [rule])
    assert time.process_time() - started < 1.0


@given(st.from_regex(r"(a|b|ab|\(|\)|\||\?|\{[0-9],[0-9]\}|\+|\\d){1,12}", fullmatch=True))
def test_whatever_is_admitted_ends_quickly(pattern: str) -> None:
    try:
        safety.check_regex(pattern)
    except safety.BadRule:
        return
    started = time.process_time()
    re.compile(pattern).search("ab" * 500 + "a" * 500 + "!")
    assert time.process_time() - started < 1.0


@pytest.mark.parametrize(
    ("pattern", "why"),
    [(" \n ", "空"), ("\n".join(f"词{n}" for n in range(501)), "500"), ("长" * 61, "60")],
)
def test_a_list_of_words_is_bounded(pattern: str, why: str) -> None:
    with pytest.raises(safety.BadRule, match=why):
        safety.compile_rule(pattern=pattern, is_regex=False)


# --- on the way of a message ------------------------------------------------------------------

on_the_way = pytest.mark.django_db


@on_the_way
def test_a_new_message_is_masked_before_it_becomes_a_row(channel: ScriptedChannel) -> None:
    message_id = send_notification("联系 13812345678", "请打 13912345678", "wechat_bot", "IQC")
    row = Notification.objects.get(message_id=message_id)
    assert (row.title, row.content) == ("联系 138••••5678", "请打 139••••5678")
    assert "13912345678" not in row.payload
    assert [(event.kind, event.note) for event in row.events.all()] == [("masked", "手机号")]


@on_the_way
def test_variables_kept_for_a_resend_are_masked_too(channel: ScriptedChannel) -> None:
    variables: dict[str, Any] = {
        "meeting_title": "周会 13812345678",
        "meeting_time": "周一",
        "location": rendering.Prepared("**13912345678** [x](http://qms/13912345678)"),
    }
    send_template_notification("meeting_reminder", "IQC", variables)
    row = Notification.objects.get()
    assert row.variables["meeting_title"] == "周会 138••••5678"
    assert row.variables["location"] == {"prepared": "**139••••5678** [x](http://qms/13912345678)"}


@on_the_way
def test_a_blocked_message_is_kept_unsent_with_the_rule_that_blocked_it(channel: ScriptedChannel) -> None:
    ContentRule.objects.create(name="机密词", kind="block", pattern="机密")
    message_id = send_notification("标题", "这是机密", "wechat_bot", "IQC")
    row = Notification.objects.get(message_id=message_id)
    assert (row.status, row.reason) == (State.SUPPRESSED, Reason.CONTENT)
    assert "机密词" in row.error_message
    ContentRule.objects.filter(name="机密词").update(is_active=False)
    assert resend(row, user=builders.superuser()).status == State.PENDING


@on_the_way
def test_a_warning_lets_the_message_go_and_stands_in_its_timeline(channel: ScriptedChannel) -> None:
    ContentRule.objects.create(name="价格", kind="warn", pattern="单价")
    send_notification("标题", "单价 3 元", "wechat_bot", "IQC")
    row = Notification.objects.get()
    assert row.status == State.PENDING
    assert row.content == "单价 3 元"
    assert [(event.kind, event.note) for event in row.events.all()] == [("warned", "价格")]


@on_the_way
def test_a_template_that_cannot_be_filled_stays_a_dead_letter(channel: ScriptedChannel) -> None:
    ContentRule.objects.create(name="机密词", kind="block", pattern="会议")
    NotificationTemplate.objects.filter(template_name="meeting_reminder").update(content_template="{nobody}")
    send_template_notification("meeting_reminder", "IQC", {})
    assert Notification.objects.get().status == State.DEAD


@on_the_way
def test_rules_ship_as_rows_and_the_doubtful_ones_are_off() -> None:
    assert dict(ContentRule.objects.values_list("name", "is_active")) == {
        "手机号": True,
        "身份证号": True,
        "银行卡号": False,
        "电子邮箱": False,
    }


# --- people's addresses -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("li.lei@example.com", "l•••@example.com"),
        ("13812345678", "138••••5678"),
        ("+86 138-1234-5678", "+86 138••••5678"),
        ("a@x.cn;13812345678", "a•••@x.cn;138••••5678"),
        ("IQC", "IQC"),
    ],
)
def test_contacts_are_masked(text: str, shown: str) -> None:
    assert safety.mask_contacts(text) == shown

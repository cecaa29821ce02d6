"""Text messages: plain words, counted segments, masked numbers in the log."""

from __future__ import annotations

import logging

import pytest

from notifications.channels.sms import Sms, mask_phone, segments, text_of
from notifications.choices import Reason, State
from notifications.models import Channel
from notifications.services import send_notification
from tests.notifications.channels.conftest import deliver

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("超" * 70, 1),
        ("超" * 71, 2),
        ("超" * 134, 2),
        ("超" * 135, 3),
        ("a" * 159 + "超", 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("😀" * 67, 3),  # no character is parted: 33 in each, not 33 and a half
    ],
)
def test_segments_are_those_that_the_standard_counts(text: str, count: int) -> None:
    assert segments(text) == count


def test_the_text_has_no_markup_and_says_the_title_once() -> None:
    assert text_of("IQC 异常", "### IQC 异常\n- **供应商**: 甲 [查看](https://a.b/c)") == (
        "IQC 异常\n- 供应商: 甲 查看 https://a.b/c"
    )
    assert text_of("停线", "三号线") == "停线\n三号线"


def test_the_log_shows_masked_numbers_and_no_content(caplog: pytest.LogCaptureFixture) -> None:
    Channel.objects.filter(code="sms").update(is_enabled=True)
    with caplog.at_level(logging.INFO, "notifications.sms"):
        message_id = send_notification("停线", "机密内容", "sms", "13800001234, +8613900005678")
        assert deliver(message_id) == [(State.SENT, "")]
    lines = [record.getMessage() for record in caplog.records if record.name == "notifications.sms"]
    assert [line.partition(":")[0] for line in lines] == ["sms to 138****34", "sms to +86****78"]
    assert "机密" not in caplog.text
    assert "00001234" not in caplog.text


def test_what_is_no_number_is_a_dead_letter(caplog: pytest.LogCaptureFixture) -> None:
    Channel.objects.filter(code="sms").update(is_enabled=True)
    assert deliver(send_notification("停线", "内容", "sms", "林工")) == [(State.DEAD, Reason.RECIPIENT)]
    assert Sms().target_problem(" ") != ""
    assert mask_phone("12345") == "****"


def test_it_ships_switched_off_since_it_only_writes_to_the_log() -> None:
    assert deliver(send_notification("停线", "内容", "sms", "13800001234")) == [
        (State.HELD, Reason.CHANNEL_DISABLED)
    ]


def test_a_number_that_fits_no_row_makes_no_message_to_nobody() -> None:
    (lot,) = Sms().lots("1" * 300)
    assert len(lot) == 255

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from notifications.digests import Member, title_of, write

AT = datetime(2026, 11, 24, 14, 2, tzinfo=UTC)
URL = "https://qc.example.com/IQC/12/{}"


def _entry(number: int, supplier: str = "甲厂", minutes: int = 0) -> Member:
    url = URL.format(number)
    content = f"### IQC 异常\n- **供应商**: {supplier}\n- **异常项**: 尺寸 {number} [{url}]({url})"
    return Member("IQC 异常", content, AT + timedelta(minutes=minutes))


def test_what_members_share_stands_once_above_their_items() -> None:
    text = write([_entry(1), _entry(2), _entry(3, minutes=5)])
    assert text.split("\n") == [
        "### IQC 异常（共 3 条）",
        "> 11-24 14:02–14:07",
        "- **供应商**: 甲厂",
        "- **异常项**:",
        f"- 尺寸 1 [查看]({URL.format(1)})",
        f"- 尺寸 2 [查看]({URL.format(2)})",
        f"- 尺寸 3 [查看]({URL.format(3)})",
    ]


def test_members_of_another_context_have_their_own_lines() -> None:
    lines = write([_entry(1), _entry(2, supplier="乙厂"), _entry(3)]).split("\n")
    assert lines.index("- **供应商**: 甲厂") < lines.index("- **供应商**: 乙厂")
    first = lines[lines.index("- **供应商**: 甲厂") : lines.index("- **供应商**: 乙厂")]
    assert [line for line in first if "尺寸" in line] == [
        f"- **异常项**: 尺寸 {number} [查看]({URL.format(number)})" for number in (1, 3)
    ]


def test_members_of_other_titles_stand_under_their_titles_with_their_times() -> None:
    text = write([_entry(1), Member("停线", "三号线停线\n原因：尺寸超差", AT + timedelta(minutes=9))])
    assert text.startswith("### 消息汇总（共 2 条）")
    assert "**IQC 异常** 11-24 14:02" in text
    assert "**停线** 11-24 14:11\n三号线停线\n原因：尺寸超差" in text


def test_one_of_several_says_which() -> None:
    assert write([_entry(1), _entry(2)], page=2, pages=5).startswith("### IQC 异常（共 2 条） (2/5)\n")


def test_a_heading_that_says_more_than_the_title_is_kept() -> None:
    assert "**补充说明**" in write([Member("标题", "## 补充说明\n内容", AT), _entry(1)])


def test_a_message_without_text_stands_with_its_title() -> None:
    assert "- 只有标题" in write([Member("只有标题", "", AT), _entry(1)])


@given(st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from(["甲厂", "乙厂"])), min_size=2, max_size=40))
def test_every_item_and_link_of_every_member_is_there(found: list[tuple[int, str]]) -> None:
    members = [_entry(number, supplier) for number, supplier in found]
    text = write(members)
    for number, times in Counter(number for number, _supplier in found).items():
        assert text.count(f"尺寸 {number} [查看]({URL.format(number)})") == times
    assert str(len(members)) in title_of(members)

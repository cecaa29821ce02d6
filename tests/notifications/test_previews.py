"""What an author is told before saving, and how each channel will show a text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications import defaults, hints, previews
from notifications.choices import Style
from notifications.models import NotificationTemplate
from notifications.variables import Variable
from wecom.payloads import byte_length

LOOKS = {look.key: look for look in previews.LOOKS}


def _hints(content: str, *, filled: str = "", style: str = Style.MARKDOWN, **variables: str) -> list[str]:
    declared = {name: Variable(name, "text", sample) for name, sample in variables.items()}
    found = hints.for_template("题", content, declared, filled=filled or content, style=style)
    return [hint.text for hint in found]


# --- hints ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("- 一", "第 1 行：列表符号会原样显示"),
        ("好\n1. 一", "第 2 行：编号列表会原样显示"),
        ("| a | b |", "第 1 行：企业微信不显示表格"),
        ("看 ![图](http://plant.example/x.png)", "第 1 行：企业微信不显示图片；要附图请勾选“附图”"),
        ("```python", "第 1 行：企业微信不显示代码块，可用单个反引号"),
        ("好\n---", "第 2 行：企业微信不显示分隔线"),
        ("这是 *斜体* 字", "第 1 行：企业微信不显示斜体"),
        ("这是 _斜体_ 字", "第 1 行：企业微信不显示斜体"),
        ("~~删~~", "第 1 行：企业微信不显示删除线"),
        ("###标题", "第 1 行：“#”后要有空格才是标题"),
        ('<font color="red">x</font>', "第 1 行：颜色只有 info、comment、warning"),
        ("一<br>二", "第 1 行：企业微信不显示 HTML 标签"),
        ("[看](plant.example/1)", "“plant.example/1”没有 http:// 或 https://，点不开"),
        ("请看 www.plant.cn/1 。", "“www.plant.cn/1”没有 http:// 或 https://，点不开"),
        ("@林工 请处理", "“@林工”只是文字，不会提醒到人；请用 userid 类型的变量"),
    ],
)
def test_what_wecom_does_not_show_or_open_is_told_with_its_place(content: str, told: str) -> None:
    assert told in _hints(content)


@pytest.mark.parametrize(
    "content",
    [
        "### 标题\n> 引用 **粗** `码`\n[看](http://plant.example/a_b_c)",
        '<font color="warning">急</font> <@lin.qc> <font color=info>好</font>',
        "10*20*30 与 a_b_c、2.5mm、B2611-077、lin@plant.example",
        "http://plant.example/x_y_z 与 https://plant.cn",
        "- **供应商**: {supplier}",
    ],
)
def test_what_wecom_shows_brings_no_warning(content: str) -> None:
    found = hints.for_template(
        "题", content, {}, filled=content.replace("{supplier}", "甲"), style=Style.MARKDOWN
    )
    assert [hint.text for hint in found if hint.tone == hints.WARNING] == []


def test_unused_variables_are_named_and_markdown_is_no_matter_in_plain_text() -> None:
    assert _hints("{a}", a="1", b="2", c="3") == ["没有用到的变量：{b}、{c}"]
    assert _hints("| a | b |", style=Style.PLAIN) == []


def test_who_is_rung_in_plain_text_and_nowhere_else_is_told() -> None:
    assert _hints("<@lin.qc>", style=Style.PLAIN) == ["纯文本不认 <@userid>：由提醒名单通知 lin.qc"]
    assert _hints("<@lin.qc>", style="") == ["这里不能提醒到人：lin.qc 只显示名字"]
    assert _hints("<@lin.qc>") == []


@given(content=st.text(alphabet="#*_|`~<>@[](){}!-. \nab1", max_size=60))
def test_no_text_brings_the_hints_to_fall(content: str) -> None:
    _hints(content)


# --- previews -------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    "row", defaults.TEMPLATES, ids=lambda row: f"{row['template_name']}-{row['language']}"
)
def test_every_shipped_text_fits_into_one_message_of_every_channel(row: dict[str, Any]) -> None:
    for look in previews.LOOKS:
        preview = previews.of_template(NotificationTemplate(**row), look=look)
        assert preview.problems == ()
        [part] = preview.parts
        assert part.size_bytes <= (look.limit or 2048)
        assert "{" not in part.html
        if look.style == Style.MARKDOWN:
            assert [hint.text for hint in preview.hints if hint.tone == hints.WARNING] == []


@pytest.mark.django_db
def test_the_picture_is_a_message_of_its_own() -> None:
    template = NotificationTemplate(
        title_template="题", content_template="文", variables={}, with_picture=True
    )
    assert previews.of_template(template, look=LOOKS["wechat_bot.markdown"]).message_count == 2
    assert previews.of_template(template, look=LOOKS["sms"]).message_count == 1


@pytest.mark.django_db
def test_bytes_are_those_of_the_wire() -> None:
    template = NotificationTemplate(title_template="题", content_template="文" * 1000, variables={})
    preview = previews.of_template(template, look=LOOKS["wechat_bot.markdown"])
    assert preview.size_bytes == byte_length("### 题\n" + "文" * 1000) == 3008
    parts = previews.of_template(template, look=LOOKS["wechat_bot.plain"]).parts
    assert len(parts) == 2
    assert all(part.size_bytes <= 2048 for part in parts)


@pytest.mark.django_db
def test_in_plain_text_marks_are_characters_and_tags_are_harmless() -> None:
    template = NotificationTemplate(
        title_template="题", content_template="# {v}", variables={"v": {"type": "text", "sample": "<b>&"}}
    )
    [part] = previews.of_template(template, look=LOOKS["wechat_bot.plain"]).parts
    assert part.html == '<div class="md-line">＜b＞&amp;</div>'


def test_a_stored_payload_is_shown_by_its_type() -> None:
    assert "<strong>" in previews.of_payload('{"msgtype":"markdown","markdown":{"content":"**a**"}}').html
    assert "**a**" in previews.of_payload('{"msgtype":"text","text":{"content":"**a**"}}').html
    assert "<b>" not in previews.of_payload("<b>kein JSON").html


def test_a_look_that_does_not_exist_is_the_channels_own() -> None:
    assert previews.look_for("", "wechat_api").key == "wechat_api.markdown"
    assert previews.look_for("nothing", "sms").key == "sms"
    assert previews.look_for("", "unknown").key == "wechat_bot.markdown"

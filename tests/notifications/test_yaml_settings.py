"""`load_notification_config`: all of a file or nothing, every mistake by line and column, in words."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from notifications import config, yamlform
from notifications.models import AuditEntry, Channel, NotificationConfig, NotificationTemplate
from notifications.services import templates, yamlfile
from notifications.yamlform import BadForm

pytestmark = pytest.mark.django_db

EXAMPLE = Path(__file__).parents[2] / "examples" / "notification.yaml"


def _run(path: Path, *options: str) -> tuple[int, str, str]:
    """Run the command; return exit status, output and what stands on stderr."""
    out, err = StringIO(), StringIO()
    try:
        call_command("load_notification_config", str(path), *options, stdout=out, stderr=err)
    except CommandError as error:
        return error.returncode, out.getvalue(), f"{err.getvalue()}{error}"
    return 0, out.getvalue(), err.getvalue()


def _file(folder: Path, text: str | bytes) -> Path:
    path = folder / "settings.yaml"
    path.write_bytes(text if isinstance(text, bytes) else dedent(text).encode())
    return path


def _problems(text: str | bytes) -> list[tuple[int, int, str]]:
    with pytest.raises(BadForm) as caught:
        yamlfile.load(text if isinstance(text, bytes) else dedent(text).encode())
    return [(one.line, one.column, one.message) for one in caught.value.problems]


def _state() -> Any:
    return (
        list(Channel.objects.order_by("code").values()),
        list(NotificationConfig.objects.order_by("config_key").values()),
        list(NotificationTemplate.objects.order_by("pk").values()),
        AuditEntry.objects.count(),
    )


# --- what it does -----------------------------------------------------------------------------


def test_the_example_is_loaded_and_loading_it_again_changes_nothing() -> None:
    status, out, err = _run(EXAMPLE)
    assert (status, err) == (0, "")
    assert "已改" in out
    api = Channel.objects.get(code="wechat_api")
    assert (api.is_enabled, api.priority, api.rate_limit, api.timeout_s) == (True, 1, 100, 30)
    bot = Channel.objects.get(code="wechat_bot")
    assert (bot.priority, bot.rate_limit, bot.timeout_s) == (2, 20, 10)
    assert Channel.objects.get(code="email").priority == 3
    values = config.load()
    assert (values["max_retries"], values["retry_delay"], values["max_delay"], values["backoff_factor"]) == (
        2,
        60,
        3600,
        2.0,
    )
    assert templates.find("production_alert").channel == "wechat_api"
    before = _state()
    assert _run(EXAMPLE) == (0, "没有变化。\n", "")
    assert _state() == before


def test_max_attempts_counts_the_first_send_too(tmp_path: Path) -> None:
    path = _file(tmp_path, "notification: {retry: {max_attempts: 1}}")
    assert "notification.retry.max_attempts: 4 → 1" in _run(path)[1]
    assert config.load()["max_retries"] == 0


def test_a_dry_run_says_old_and_new_and_writes_nothing(tmp_path: Path) -> None:
    path = _file(
        tmp_path,
        """
        notification:
          channels:
            wechat_bot: {enabled: false, timeout: 8}
          retry: {base_delay: 30, backoff_factor: 1.5}
          templates:
            meeting_reminder:
              title: 开会
              content: "会议：{meeting_title}\\n地点：{room}"
        """,
    )
    old = "会议：{meeting_title}⏎时间：{meeting_time}⏎地点：{location}"
    new = "会议：{meeting_title}⏎地点：{room}"
    before = _state()
    status, out, _err = _run(path, "--dry-run")
    assert status == 0
    assert out.splitlines() == [
        "  notification.channels.wechat_bot.enabled: true → false",
        "  notification.channels.wechat_bot.timeout: 10 → 8",
        "  notification.retry.base_delay: 60 → 30",
        "  notification.retry.backoff_factor: 2 → 1.5",
        "  notification.templates.meeting_reminder.title: 会议提醒 → 开会",
        f"  notification.templates.meeting_reminder.content: {old} → {new}",
        "试运行：会改 6 处，没有写入。",
    ]
    assert _state() == before
    assert "已改 6 处。" in _run(path)[1]
    row = templates.find("meeting_reminder")
    assert (row.title_template, row.channel) == ("开会", "wechat_bot")
    assert "room" in row.variables


def test_a_template_of_the_plants_own_is_made(tmp_path: Path) -> None:
    path = _file(
        tmp_path,
        "notification: {templates: {line_stop: {title: 停线, content: '{line} 停了', channel: sms}}}",
    )
    assert _run(path)[0] == 0
    row = templates.find("line_stop")
    assert (row.title_template, row.content_template, row.channel) == ("停线", "{line} 停了", "sms")


def test_a_load_is_told_whole_and_by_row() -> None:
    Channel.objects.update(priority=9)
    Channel.objects.filter(code="email").delete()
    _run(EXAMPLE)
    load = AuditEntry.objects.get(verb="loaded")
    assert load.door == "command"
    assert load.object_name == "notification.yaml"
    assert load.changes["notification.retry.max_attempts"] == [4, 3]
    assert load.note.startswith("sha256 ")
    assert AuditEntry.objects.filter(kind="notifications.Channel", door="command").count() == 3


# --- mistakes -----------------------------------------------------------------------------------


def test_every_mistake_is_told_at_once_with_its_place_and_nothing_is_changed(tmp_path: Path) -> None:
    path = _file(
        tmp_path,
        """\
        notification:
          channels:
            wechat_bto:
              enabled: true
            wechat_bot:
              enabled: "yes"
              rate_limit: 21
              timout: 5
              priority: 010
          retry:
            max_attempts: 0
            base_delay: 1:30
            base_delay: 60
            backoff_factor: fast
          templates:
            line_stop:
              title: 停线
              content: "{line 停了"
            9lives:
              title: a
            night:
              title: [a]
              channel: wechat
        """,
    )
    before = _state()
    status, out, err = _run(path)
    assert status == 1
    assert out == ""
    told = [line.removeprefix(f"{path}:") for line in err.splitlines()]
    assert [line.split(": ")[0] for line in told[:-1]] == [
        "3:5",
        "6:16",
        "7:19",
        "8:7",
        "9:17",
        "11:19",
        "12:17",
        "13:5",
        "14:21",
        "18:16",
        "19:5",
        "22:7",
        "22:14",
        "23:16",
    ]
    for line, words in {
        0: "是不是 wechat_bot？",
        1: "true 或 false",
        2: "1–20",
        3: "是不是 timeout？",
        7: "第 12 行已经写过",
        9: "没有配对",
        11: "少了 content",
        13: "是不是 wechat",
    }.items():
        assert words in told[line], told[line]
    assert told[-1] == "14 处错误，什么都没有改。"
    assert _state() == before


def test_values_that_contradict_each_other_are_told_also_with_what_stands(tmp_path: Path) -> None:
    assert _problems("notification: {retry: {base_delay: 600, max_delay: 300}}")[0][:2] == (1, 52)
    assert "max_delay" in _problems("notification: {retry: {max_delay: 30}}")[0][2]
    assert not NotificationConfig.objects.exists()


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("", (1, 1), "空"),
        ("# nothing\n", (1, 1), "空"),
        ("notification:\n", (1, 14), "名: 值"),
        ("notification: {}\n", (1, 15), "没有"),
        ("- a\n- b\n", (1, 1), "notification:"),
        ("notifications: {}\n", (1, 1), "是不是 notification？"),
        ("notification:\n  retry:\n\tmax_attempts: 3\n", (3, 1), "Tab"),
        ("notification:\n  retry:\n    max_attempts: 3\n   base_delay: 2\n", (4, 4), "缩进"),
        ("notification: {retry: {max_attempts: 3}\n", (2, 1), "括号"),
        ('notification: {retry: "a}\n', (2, 1), "引号"),
        ("notification: a: b\n", (1, 16), "冒号"),
        ("notification: *x\n", (1, 15), "别名没有定义"),
        ("notification: {}\n---\nnotification: {}\n", (2, 1), "一份"),
        ("notification: \x07\n", (1, 15), "控制字符"),
        ("notification: {retry: {<<: {max_attempts: 3}}}\n", (1, 24), "<<"),
        ("notification: {retry: {[a, b]: 3}}\n", (1, 24), "一个词"),
        ("notification: {retry: {max_attempts: !!python/name:os.system 3}}\n", (1, 38), "整数"),
        ("notification: {retry: {max_attempts: 1_0}}\n", (1, 38), "整数"),
        ("notification: {retry: {max_attempts: 3.0}}\n", (1, 38), "整数"),
        ("notification: {retry: {max_attempts: }}\n", (1, 37), "空"),
        ("notification: {retry: {backoff_factor: .inf}}\n", (1, 40), "数"),
        ("notification: {templates: {a: {title: 12, content: b}}}\n", (1, 39), "引号"),
        ("notification: {templates: {a: {title: ' ', content: b}}}\n", (1, 39), "不为空"),
        ("notification: {templates: {a: {title: 'a\n\n b', content: b}}}\n", (1, 39), "一行"),
    ],
)
def test_odd_files_are_refused_at_the_place_of_the_mistake(
    text: str, place: tuple[int, int], words: str
) -> None:
    problem = _problems(text)[0]
    assert words in problem[2]
    assert problem[:2] == place


def test_encodings(tmp_path: Path) -> None:
    text = "notification:\n  templates:\n    a: {title: 停线, content: 内容}\n"
    assert yamlfile.load(b"\xef\xbb\xbf" + text.encode(), is_dry_run=True)
    assert yamlfile.load(text.encode("utf-16"), is_dry_run=True)
    assert yamlfile.load(text.replace("\n", "\r\n").encode(), is_dry_run=True)
    line, _column, words = _problems(text.encode("gbk"))[0]
    assert (line, "UTF-8" in words) == (3, True)


def test_bombs_are_refused_before_they_go_off() -> None:
    layers = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 9))
    assert "别名" in _problems("l0: &l0 [x]\n" + layers)[0][2]
    assert "嵌套" in _problems("a: " + "[" * 100_000)[0][2]
    assert "KB" in _problems(b"#" * (yamlform.LARGEST + 1))[0][2]
    assert _problems("notification: &n\n  retry: *n\n")


def test_an_alias_in_its_place_is_fine() -> None:
    text = """
    notification:
      templates:
        a: &same {title: 停线, content: 内容}
        b: *same
    """
    assert len(yamlfile.load(dedent(text).encode())) == 4


@given(st.binary(max_size=80))
def test_no_bytes_whatever_lead_to_anything_but_a_refusal_or_a_form(data: bytes) -> None:
    try:
        yamlform.read(data, channels=["wechat_bot"])
    except BadForm as bad:
        assert bad.problems


@given(
    st.recursive(
        st.sampled_from(["true", "3", "1.5", "''", "x", "~", "0o7", "2026-01-01"]),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
            st.dictionaries(
                st.sampled_from(["channels", "retry", "templates", "wechat_bot", "enabled", "title", "zz"]),
                inner,
                max_size=3,
            ).map(lambda pairs: "{" + ", ".join(f"{k}: {v}" for k, v in pairs.items()) + "}"),
        ),
        max_leaves=12,
    )
)
def test_no_shape_whatever_leads_to_anything_but_problems_with_places(value: str) -> None:
    _form, problems = yamlform.read(f"notification: {value}".encode(), channels=["wechat_bot"])
    assert all(problem.line == 1 and problem.column > 0 for problem in problems)


# --- usage --------------------------------------------------------------------------------------


def test_a_file_that_cannot_be_opened_is_wrong_usage(tmp_path: Path) -> None:
    status, _out, err = _run(tmp_path / "none.yaml")
    assert status == 2
    assert "none.yaml" in err
    assert _run(tmp_path)[0] == 2

"""Templates as rows: declared variables, languages, versions, what ships, what breaks."""

from __future__ import annotations

import importlib
import json
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User

from accounts.acting import Door, acting
from notifications import defaults
from notifications import variables as declarations
from notifications.choices import Reason, State
from notifications.models import AuditEntry, ContentRule, Notification, NotificationTemplate
from notifications.rendering import ByLanguage, Prepared, from_json
from notifications.services import deliver_due, resend, send_template_notification, send_test, templates
from spc_site.errors import AppError, Conflict
from tests.notifications.conftest import ScriptedChannel

pytestmark = pytest.mark.django_db

VALUES = {"meeting_title": "周会", "meeting_time": "周一", "location": "二楼"}


def _row(language: str = "zh-hans", name: str = "meeting_reminder") -> NotificationTemplate:
    return NotificationTemplate.objects.get(template_name=name, language=language)


def _draft(**fields: Any) -> NotificationTemplate:
    return NotificationTemplate(
        **{
            "template_name": "line_stop",
            "title_template": "停线 {line}",
            "content_template": "### 停线\n{line}",
            "variables": {"line": "三号线"},
        }
        | fields
    )


def _sent(
    name: str = "meeting_reminder", values: dict[str, Any] | None = None, **fields: Any
) -> Notification:
    message_id = send_template_notification(name, "IQC", VALUES if values is None else values, **fields)
    return Notification.objects.get(message_id=message_id)


# --- declared variables ---------------------------------------------------------------------


def test_the_short_form_is_read_and_stored_with_types() -> None:
    row = templates.save_template(
        _draft(
            variables={
                "line": "三号线",
                "url": "http://plant.example/1",
                "count": 3,
                "items": {"prepared": "- **项**: 内径"},
            }
        )
    )
    row.refresh_from_db()
    assert row.variables == {
        "line": {"type": "text", "sample": "三号线"},
        "url": {"type": "link", "sample": "http://plant.example/1"},
        "count": {"type": "number", "sample": "3"},
        "items": {"type": "lines", "sample": "- **项**: 内径"},
    }


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("number", "-12.50", "十二"),
        ("number", "0", "NaN"),
        ("time", "2026-11-22 02:00", "周一"),
        ("time", "09:30", "25:00"),
        ("link", "https://plant.example/IQC/1", "plant.example/IQC/1"),
        ("link", "http://plant.example", "javascript:alert(1)"),
        ("userid", "lin.qc", "林工"),
        ("userid", "lin.qc, wang", "@all"),
        ("userid", "wang", "all"),
    ],
)
def test_a_sample_must_be_of_its_type(kind: str, good: str, bad: str) -> None:
    templates.save_template(_draft(variables={"line": {"type": kind, "sample": good}}))
    with pytest.raises(AppError) as caught:
        templates.save_template(_draft(variables={"line": {"type": kind, "sample": bad}}))
    assert f"line：示例“{bad}”" in caught.value.message


def test_everything_that_is_wrong_is_named_at_once_with_its_line() -> None:
    draft = _draft(
        title_template="{title}",
        content_template="一\n{who} {line}\n{line}\n单独的 } 在这里\n[x](http://{line}/)\n{a b}",
        variables={"line": {"type": "number", "sample": "x"}},
    )
    assert templates.problems(draft) == {
        "variables": ["line：示例“x”不是数"],
        "title_template": ["{title} 不在变量表里"],
        "content_template": [
            "第 2 行：{who} 不在变量表里",
            "第 4 行：} 没有配对（要写花括号请写两个）",
            "第 2 行：{line} 不能决定链接的主机",
            "第 6 行：{a b} 不是变量名",
        ],
    }
    with pytest.raises(AppError):
        templates.save_template(draft)
    assert not NotificationTemplate.objects.filter(template_name="line_stop").exists()


@pytest.mark.parametrize(
    "variables",
    [["line"], {"line": None}, {"line": {"type": "colour", "sample": "x"}}, {"line": {"sample": "x"}}],
)
def test_what_declares_nothing_is_refused(variables: Any) -> None:
    assert list(templates.problems(_draft(variables=variables))) == ["variables"]


def test_a_file_of_settings_writes_a_template_by_name_and_declares_what_it_uses() -> None:
    row = templates.put_template(
        "line_stop", title="停线 {line}", content="{line} {reason}", channel="wechat_bot", note="config.yaml"
    )
    assert declarations.types(declarations.read(row.variables)) == {"line": "text", "reason": "text"}
    again = templates.put_template(
        "line_stop", title="停线 {line}", content="{line}", channel="wechat_bot", note="config.yaml"
    )
    assert (again.pk, again.version, again.versions.count()) == (row.pk, 2, 2)
    shipped = templates.put_template(
        "production_alert", title="告警", content="{alert_message}", channel="wechat_bot"
    )
    assert shipped.variables["timestamp"]["type"] == "time"


# --- languages ------------------------------------------------------------------------------


def test_the_recipients_language_speaks_and_the_default_one_where_it_is_missing(
    channel: ScriptedChannel,
) -> None:
    assert _sent(language="en").content == "Meeting: 周会\nTime: 周一\nPlace: 二楼"
    assert _sent().content == "会议：周会\n时间：周一\n地点：二楼"
    assert _sent(language="fr").template_language == "zh-hans"
    templates.save_template(_draft())
    assert _sent("line_stop", {"line": "x"}, language="en").template_language == "zh-hans"


def test_a_text_in_another_language_alone_is_better_than_none(channel: ScriptedChannel) -> None:
    templates.save_template(_draft(language="en"))
    assert _sent("line_stop", {"line": "x"}).template_language == "en"


def test_values_prepared_in_languages_follow_the_text(channel: ScriptedChannel) -> None:
    items = ByLanguage({"zh-hans": Prepared("- **异常项**: a"), "en": Prepared("- **Abnormal**: a")})
    values = {"supplier": "甲", "part_name": "环", "abnormal_items": items}
    assert _sent("iqc_summary", values).content.endswith("- **异常项**: a")
    row = _sent("iqc_summary", values, language="en")
    assert row.content == "### IQC abnormal items\n- **Supplier**: 甲\n- **Part**: 环\n- **Abnormal**: a"


# --- versions -------------------------------------------------------------------------------


def test_every_save_is_a_version_and_saving_the_same_is_none(admin_user: User) -> None:
    row = templates.save_template(_draft(), user=admin_user, note="新建")
    row.content_template = "### 停线\n{line} 请处理"
    templates.save_template(row, user=admin_user, note="加一句")
    templates.save_template(row, user=admin_user)
    kept = [(one.number, one.author, one.note, one.content_template) for one in row.versions.all()]
    assert kept == [
        (2, admin_user, "加一句", "### 停线\n{line} 请处理"),
        (1, admin_user, "新建", "### 停线\n{line}"),
    ]


def test_the_difference_between_versions_is_told_line_by_line() -> None:
    row = templates.save_template(_draft())
    row.content_template, row.with_picture = "### 停线\n{line} 请处理", True
    templates.save_template(row)
    new, old = row.versions.all()
    changes = templates.difference(templates.texts_of(old), templates.texts_of(new))
    assert list(changes) == ["content_template", "with_picture"]
    assert [(one.sign, one.text) for one in changes["content_template"]] == [
        (" ", "### 停线"),
        ("-", "{line}"),
        ("+", "{line} 请处理"),
    ]
    first = templates.difference(None, templates.texts_of(old))
    assert [one.sign for one in first["content_template"]] == ["+", "+"]


def test_an_older_version_becomes_the_newest_again(admin_user: User) -> None:
    row = _row()
    before = row.content_template
    row.content_template = "{meeting_title}"
    templates.save_template(row)
    row = templates.restore_version(row, 1, user=admin_user)
    assert (row.version, row.content_template) == (3, before)
    assert [one.number for one in row.versions.all()] == [3, 2, 1]
    with pytest.raises(AppError):
        templates.restore_version(row, 9)


def test_the_shipped_text_can_be_had_again_and_the_list_knows_who_left_it(admin_user: User) -> None:
    row = _row("en")
    assert not templates.differs_from_default(row)
    row.content_template = "{meeting_title}"
    templates.save_template(row)
    assert templates.differs_from_default(row)
    row = templates.restore_default(row, user=admin_user)
    assert not templates.differs_from_default(row)
    assert (row.version, row.versions.first().author) == (3, admin_user)
    own = templates.save_template(_draft())
    assert not templates.differs_from_default(own)
    with pytest.raises(AppError):
        templates.restore_default(own)


def test_the_audit_tells_who_changed_a_text_and_from_what(admin_user: User) -> None:
    row = _row()
    before = row.content_template
    row.content_template = "{meeting_title}"
    with acting(Door.ADMIN, admin_user):
        templates.save_template(row, note="简短些")
    line = AuditEntry.objects.get()
    assert (line.verb, line.actor, line.door, line.note) == ("changed", admin_user, "admin", "简短些")
    assert row.versions.first().author == admin_user
    assert line.changes == {"content_template": [before, "{meeting_title}"], "version": [1, 2]}


def test_two_people_do_not_overwrite_each_other() -> None:
    mine, theirs = _row(), _row()
    theirs.title_template = "他的"
    templates.save_template(theirs, base_version=1)
    mine.title_template = "我的"
    with pytest.raises(Conflict):
        templates.save_template(mine, base_version=1)
    assert _row().title_template == "他的"


def test_a_message_says_which_version_made_it(channel: ScriptedChannel) -> None:
    assert (_sent().template_language, _sent().template_version) == ("zh-hans", 1)
    row = _row()
    row.content_template = "{meeting_title}"
    templates.save_template(row)
    assert _sent().template_version == 2
    NotificationTemplate.objects.all().delete()
    assert _sent().template_version is None


# --- broken ones ----------------------------------------------------------------------------


def test_a_template_that_breaks_later_makes_a_dead_letter_that_goes_once_it_is_mended(
    channel: ScriptedChannel, admin_user: User
) -> None:
    row = _row("en")
    row.content_template = "{meeting_title} {room}"
    row.variables["room"] = {"type": "text", "sample": "A1"}
    templates.save_template(row)
    dead = _sent(language="en")
    assert (dead.status, dead.reason) == (State.DEAD, Reason.BAD_TEMPLATE)
    assert dead.error_message == "{room} 没有值"
    assert dead.template_version == 2
    templates.restore_default(row)
    again = resend(dead, user=admin_user)
    assert (again.content, again.template_language, again.template_version) == (
        "Meeting: 周会\nTime: 周一\nPlace: 二楼",
        "en",
        3,
    )


def test_a_resend_speaks_the_language_of_the_first_message(
    channel: ScriptedChannel, admin_user: User
) -> None:
    items = ByLanguage({"zh-hans": Prepared("- **异常项**: a"), "en": Prepared("- **Abnormal**: a")})
    row = _sent("iqc_summary", {"supplier": "甲", "part_name": "环", "abnormal_items": items}, language="en")
    deliver_due()
    row.refresh_from_db()
    again = resend(row, user=admin_user, confirmed=True)
    assert (again.template_language, again.content) == ("en", row.content)


def test_a_test_is_not_resent(channel: ScriptedChannel, admin_user: User) -> None:
    row = send_test(_row(), channel="wechat_bot", target="IQC", user=admin_user)
    deliver_due()
    with pytest.raises(Conflict, match="再试发一次"):
        resend(row, user=admin_user, confirmed=True)
    line = AuditEntry.objects.get(verb="tested")
    assert (line.actor, line.note) == (admin_user, f"wechat_bot：{row}")


def test_a_row_whose_variables_cannot_be_read_loses_nothing(channel: ScriptedChannel) -> None:
    NotificationTemplate.objects.filter(template_name="meeting_reminder").update(variables=["x"])
    dead = _sent()
    assert (dead.status, dead.reason) == (State.DEAD, Reason.BAD_TEMPLATE)
    assert dead.variables == VALUES


# --- what ships -----------------------------------------------------------------------------


def test_every_event_ships_in_both_languages_with_the_same_variables() -> None:
    by_language: dict[str, dict[str, Any]] = {}
    for row in defaults.TEMPLATES:
        by_language.setdefault(row["language"], {})[row["template_name"]] = declarations.types(
            declarations.read(row["variables"])
        )
    assert by_language["zh-hans"] == by_language["en"]
    assert len(defaults.TEMPLATES) == NotificationTemplate.objects.count() == 2 * len(by_language["en"])


@pytest.mark.parametrize(
    "row", defaults.TEMPLATES, ids=lambda row: f"{row['template_name']}-{row['language']}"
)
def test_every_shipped_text_is_as_it_would_be_saved(row: dict[str, Any]) -> None:
    template = NotificationTemplate(**row)
    assert templates.problems(template) == {}
    declared = declarations.read(template.variables)
    assert declarations.write(declared) == template.variables
    assert templates.fill(template, templates.samples(declared)).problem == ""
    assert not templates.differs_from_default(_row(row["language"], row["template_name"]))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "iqc_summary",
            "### IQC 异常汇总\n- **供应商**: {supplier}\n- **品名**: {part_name}\n{abnormal_items}",
        ),
        ("iqc_entry", "### IQC 异常\n- **供应商**: {supplier}\n- **品名**: {part_name}\n{abnormal_items}"),
        (
            "oqc_summary",
            "### OQC 异常汇总\n- **客户**: {customer}\n- **品名**: {part_name}\n{abnormal_items}",
        ),
        ("oqc_entry", "### OQC 异常\n- **客户**: {customer}\n- **品名**: {part_name}\n{abnormal_items}"),
        ("production_alert", "项目：{project_name}\n异常：{alert_message}\n时间：{timestamp}"),
        ("meeting_reminder", "会议：{meeting_title}\n时间：{meeting_time}\n地点：{location}"),
    ],
)
def test_the_customers_own_texts_ship_word_for_word(name: str, text: str) -> None:
    row = _row(name=name)
    assert row.content_template == text
    assert row.channel == ("wechat_api" if name == "production_alert" else "wechat_bot")


def test_the_quota_warning_is_titled_as_its_alarm() -> None:
    assert _row(name="quota_warning").title_template == "配额预警: {name}"


def test_rows_from_before_types_and_languages_are_brought_up() -> None:
    """What the migration does with the rows of an older installation."""
    migration = importlib.import_module("notifications.migrations.0008_typed_variables")
    NotificationTemplate.objects.all().delete()
    shipped = defaults.template("meeting_reminder", "zh-hans") or {}
    compact = {"meeting_title": "质量周会", "meeting_time": "周一 09:00", "location": "二楼会议室"}
    NotificationTemplate.objects.create(**shipped | {"variables": compact})
    NotificationTemplate.objects.create(
        template_name="own", content_template="[看]({url})", variables={"url": "http://plant.example/1"}
    )
    NotificationTemplate.objects.create(template_name="odd", variables=["x"])
    migration.bring_up(apps, None)
    assert not templates.differs_from_default(_row())
    assert _row(name="own").variables == {"url": {"type": "link", "sample": "http://plant.example/1"}}
    assert _row(name="odd").variables == ["x"]
    assert _row("en").version == 1
    assert {row.versions.count() for row in NotificationTemplate.objects.all()} == {1}
    migration.bring_up(apps, None)
    assert {row.versions.count() for row in NotificationTemplate.objects.all()} == {1}


def test_values_in_languages_are_masked_like_any_other(channel: ScriptedChannel) -> None:
    ContentRule.objects.all().delete()
    ContentRule.objects.create(name="内部代号", kind="mask", pattern="K-9", is_active=True)
    items = ByLanguage({"zh-hans": [Prepared("- K-9")], "en": Prepared("- K-9")})
    row = _sent("iqc_summary", {"supplier": "甲", "part_name": "环", "abnormal_items": items})
    assert "K-9" not in row.content
    assert "K-9" not in json.dumps(row.variables)
    assert isinstance(from_json(row.variables, language="en")["abnormal_items"], Prepared)

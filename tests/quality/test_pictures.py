"""The chart in a message: drawn only where a template wants it, and never in the way of the text."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from notifications.models import Notification, NotificationTemplate
from notifications.services import deliver_due, resend, templates
from quality import pictures
from quality.choices import Status
from quality.models.reports import ReportEntry
from quality.services.judgement import judge_entry
from spc_site.errors import Conflict
from tests import builders
from wecom.sandbox import SandboxServer

pytestmark = pytest.mark.django_db

BAD = [*builders.GOOD[:-1], "10.30"]


@pytest.fixture
def pictured() -> NotificationTemplate:
    """The template of a single entry, with its picture."""
    row = NotificationTemplate.objects.get(template_name="iqc_entry", language="zh-hans")
    row.with_picture = True
    return templates.save_template(row)


def _edited() -> ReportEntry:
    """An entry that a hand edit makes abnormal."""
    entry = builders.entry(builders.report(), values=BAD)
    judge_entry(entry)
    entry.refresh_from_db()
    assert entry.status == Status.ABNORMAL
    return entry


def test_the_picture_is_a_png_of_the_entry() -> None:
    name, data = pictures.entry_picture(builders.abnormal_entry(builders.report(), name="内径 D1")) or (
        "",
        b"",
    )
    assert name == "内径 D1.png"
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert int.from_bytes(data[16:20], "big") == pictures.WIDTH_PX
    assert len(data) < 300_000


@pytest.mark.parametrize("values", [["OK", "NG"], [None, None]])
def test_what_has_no_chart_has_no_picture(values: list[str | None]) -> None:
    assert pictures.entry_picture(builders.entry(builders.report(), values=values)) is None


def test_the_group_sees_text_then_picture(pictured: NotificationTemplate, sandbox: SandboxServer) -> None:
    entry = _edited()
    deliver_due()
    text, picture = sandbox.messages
    assert (text.msgtype, picture.msgtype) == ("markdown", "image")
    assert text.content.startswith("### IQC 异常\n")
    assert f"/IQC/{entry.report_id}/{entry.pk}" in text.content
    assert picture.size > 5000


def test_no_picture_is_drawn_where_the_template_wants_none(
    sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw(entry: Any) -> Any:
        raise AssertionError("drawn for nobody")

    monkeypatch.setattr(pictures, "entry_picture", draw)
    _edited()
    assert Notification.objects.get().part_count == 1


def test_a_picture_that_fails_costs_only_itself(
    pictured: NotificationTemplate, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw(entry: ReportEntry) -> Any:
        User.objects.create(username="twice")
        User.objects.create(username="twice")

    monkeypatch.setattr(pictures, "entry_picture", draw)
    _edited()
    assert not User.objects.filter(username="twice").exists()
    deliver_due()
    assert [one.msgtype for one in sandbox.messages] == ["markdown"]


def test_a_resent_message_brings_its_picture_again(
    pictured: NotificationTemplate, sandbox: SandboxServer, admin_user: User
) -> None:
    _edited()
    deliver_due()
    text = Notification.objects.order_by("part_no").first()
    assert text is not None
    resend(text, user=admin_user, confirmed=True)
    deliver_due()
    assert [one.msgtype for one in sandbox.messages] == ["markdown", "image"] * 2
    picture = Notification.objects.get(resent_from=None, part_no=2)
    with pytest.raises(Conflict):
        resend(picture, user=admin_user, confirmed=True)

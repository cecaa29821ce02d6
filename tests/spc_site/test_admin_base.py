"""What all admin classes share: badges, bounded counts, honest actions, the way back."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin, messages
from django.contrib.messages.storage.fallback import FallbackStorage
from django.test import Client, RequestFactory
from django.urls import reverse

from notifications.admin.messages.log import NotificationAdmin
from notifications.models import Notification
from quality.models import Part
from spc_site.admin import SHAPES, BaseAdmin, BoundedPaginator, badge
from spc_site.errors import AppError
from tests import builders


@pytest.mark.parametrize("tone", SHAPES)
def test_a_badge_says_by_shape_and_word_what_it_says_by_colour(tone: str) -> None:
    shown = badge("异常", tone)
    assert SHAPES[tone] in shown
    assert "异常" in shown
    assert len(set(SHAPES.values())) == len(SHAPES)


def test_a_badge_escapes_its_word() -> None:
    assert "<script>" not in badge("<script>", "red")


@pytest.mark.django_db
def test_counting_stops_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    for _number in range(6):
        builders.part()
    exact = BoundedPaginator(Part.objects.all(), 2)
    assert (exact.count, exact.num_pages, exact.is_bounded) == (6, 3, False)
    monkeypatch.setattr(BoundedPaginator, "MOST", 4)
    bounded = BoundedPaginator(Part.objects.all(), 2)
    assert (bounded.count, bounded.num_pages, bounded.is_bounded) == (4, 2, True)


@pytest.mark.django_db
def test_a_list_that_is_not_counted_says_so_and_offers_no_action_on_all(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(builders.superuser())
    for _number in range(60):
        builders.notification()
    url = reverse("admin:notifications_notification_changelist")
    counted = client.get(url).text
    assert "共 60 条" in counted
    assert 'class="question' in counted
    monkeypatch.setattr(BoundedPaginator, "MOST", 55)
    page = client.get(url).text
    assert "超过 55 条" in page
    assert 'class="question' not in page


def _request(path: str = "/") -> Any:
    request = RequestFactory().post(path)
    request.session = {}  # type: ignore[assignment]
    request._messages = FallbackStorage(request)  # type: ignore[attr-defined]
    return request


@pytest.mark.django_db
def test_an_action_tells_what_was_done_what_was_skipped_and_what_failed() -> None:
    rows = [builders.part(f"P{number}") for number in range(9)]
    request = _request()

    def act(part: Part) -> None:
        if part.number == "P0":
            raise ZeroDivisionError
        if part.number != "P1":
            raise AppError("busy", "正忙")

    outcome = BaseAdmin(Part, admin.site).act_on_each(request, rows, act, done="完成 %(count)d 个。")
    assert (outcome.done, len(outcome.skipped), len(outcome.failed)) == (1, 7, 1)
    told = [(message.level, message.message) for message in messages.get_messages(request)]
    assert told[0] == (messages.SUCCESS, "完成 1 个。")
    assert told[1][0] == messages.WARNING
    assert "跳过 7 条" in told[1][1]
    assert "P2 活塞环：正忙" in told[1][1]
    assert "P8" not in told[1][1], "only the first refusals are named"
    assert told[2][0] == messages.ERROR
    assert "P0 活塞环：ZeroDivisionError" in told[2][1]


@pytest.mark.django_db
def test_a_button_on_a_page_acts_on_that_object_and_returns_to_it(client: Client) -> None:
    client.force_login(builders.superuser())
    row, other = builders.notification("dead"), builders.notification("dead")
    page = client.get(reverse("admin:notifications_notification_change", args=[row.pk])).text
    assert 'class="button action-resend"' in page
    assert 'class="button action-cancel"' not in page, "a dead message cannot be called off"
    response = client.post(
        reverse("admin:notifications_notification_changelist"),
        {"action": "resend", "index": "0", "_selected_action": row.pk, "object_id": row.pk},
    )
    assert response.headers["Location"] == reverse("admin:notifications_notification_change", args=[row.pk])
    assert row.resends.count() == 1
    assert other.resends.count() == 0


@pytest.mark.django_db
def test_each_action_is_a_button_of_the_list(client: Client) -> None:
    client.force_login(builders.superuser())
    builders.notification("dead")
    page = client.get(reverse("admin:notifications_notification_changelist")).text
    assert "<select" not in page.split('class="actions"')[1].split("</div>")[0]
    for place, name in enumerate(NotificationAdmin.actions):
        assert f'class="button action-{name}" name="index" value="{place}"' in page


@pytest.mark.django_db
def test_the_button_at_a_place_runs_the_action_at_that_place(client: Client) -> None:
    client.force_login(builders.superuser())
    row = builders.notification("pending")
    response = client.post(
        reverse("admin:notifications_notification_changelist"),
        {"action": ["resend", "cancel"], "index": "1", "select_across": "0", "_selected_action": row.pk},
    )
    assert "将取消 1 条消息" in response.text
    assert Notification.objects.get().status == "pending"


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/admin/", "/admin/notifications/notification/"])
def test_pages_of_the_admin_forbid_inline_script_and_style(client: Client, path: str) -> None:
    client.force_login(builders.superuser())
    response = client.get(path)
    assert "unsafe-inline" not in response.headers["Content-Security-Policy"]
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]
    assert "<style" not in response.text
    assert " style=" not in response.text
    assert " onclick=" not in response.text

"""A person's own page: what they choose holds for what they are told."""

from __future__ import annotations

from datetime import time
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Profile
from notifications.models import AuditEntry, Recipient, Route, RouteStep
from tests import builders

pytestmark = pytest.mark.django_db

URL = reverse("notifications:preferences")
FORM: dict[str, Any] = {"breaks_through": "2", "quiet_from": "22:00", "quiet_until": "07:30"}


@pytest.fixture
def user(client: Client) -> Any:
    person = builders.person(
        "质检员", is_staff=False, first_name="工", last_name="林", email="lin@example.com"
    )
    Profile.objects.create(user=person, wecom_userid="lin.qc")
    client.force_login(person)
    return person


def test_a_stranger_is_asked_to_sign_in(client: Client) -> None:
    assert client.get(URL).url.startswith(reverse("login"))


def test_looking_makes_no_row_and_the_first_save_makes_one(client: Client, user: Any) -> None:
    page = client.get(URL)
    assert page.status_code == 200
    assert "l•••@example.com" in page.text
    assert not Recipient.objects.exists()
    chosen = FORM | {
        "language": "en",
        "muted_known": ["quality.iqc.*"],
        "muted_more": "energy.*\n\n contracts.* ",
        "first_channel": "email",
        "second_channel": "wechat_api",
        "third_channel": "email",
    }
    assert client.post(URL, chosen).url == URL
    row = Recipient.objects.get()
    assert (row.user, row.quiet_from, row.quiet_until, row.breaks_through) == (user, time(22), time(7, 30), 2)
    assert row.muted == ["quality.iqc.*", "energy.*", "contracts.*"]
    assert row.channels == ["email", "wechat_api"]
    assert row.language == "en"
    assert [way.target for way in row.ways()] == ["lin@example.com", "lin.qc"]
    assert AuditEntry.objects.filter(kind="notifications.Recipient", actor=user).count() == 1


def test_the_page_shows_what_was_saved_and_saving_it_again_changes_nothing(client: Client, user: Any) -> None:
    client.post(URL, FORM | {"muted_known": ["quality.oqc.*"], "muted_more": "x.*", "first_channel": "sms"})
    before = Recipient.objects.values().get()
    form = client.get(URL).context["form"]
    again = {name: form[name].value() for name in form.fields}
    client.post(URL, {name: value for name, value in again.items() if value is not None})
    assert Recipient.objects.values().get() == before


def test_nobody_changes_an_address_or_another_person(client: Client, user: Any) -> None:
    other = Recipient.objects.create(name="王", wecom_userid="wang")
    client.post(URL, FORM | {"wecom_userid": "wang", "email": "evil@example.com", "phone": "1", "name": "王"})
    mine = Recipient.objects.get(user=user)
    assert (mine.wecom_userid, mine.email, mine.phone) == ("", "", "")
    other.refresh_from_db()
    assert other.quiet_from is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"quiet_until": ""}, "quiet_until"),
        ({"quiet_from": ""}, "quiet_from"),
        ({"breaks_through": "9"}, "breaks_through"),
        ({"first_channel": "pigeon"}, "first_channel"),
        ({"muted_more": "x" * 65}, "muted_more"),
    ],
)
def test_what_cannot_hold_is_refused_at_its_place(
    client: Client, user: Any, change: dict[str, str], field: str
) -> None:
    page = client.post(URL, FORM | change)
    assert field in page.context["form"].errors
    assert not Recipient.objects.exists()


def test_the_page_names_the_routes_that_lead_to_the_person(client: Client, user: Any) -> None:
    row = Recipient.objects.create(name="林工", user=user)
    RouteStep.objects.create(route=Route.objects.create(name="夜班路由"), recipient=row)
    assert "夜班路由" in client.get(URL).text

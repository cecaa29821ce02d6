"""People in the admin: tokens shown once, roles with their purpose, superusers out of reach."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import services
from accounts.models import ApiToken
from accounts.roles import ROLES
from tests import builders

pytestmark = pytest.mark.django_db

ADD = "admin:accounts_apitoken_add"
LIST = "admin:accounts_apitoken_changelist"


def _with(*codenames: str, **fields: Any) -> User:
    user = builders.person(**fields)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return user


def test_the_text_of_a_token_is_shown_once_and_kept_nowhere(client: Client) -> None:
    root, machine = builders.superuser(), builders.person(username="mes")
    client.force_login(root)
    response = client.post(reverse(ADD), {"user": machine.pk, "name": "MES 接口"})
    assert response.status_code == 200
    assert "no-store" in response.headers["Cache-Control"]
    raw = response.context["token_text"]
    assert raw in response.text
    assert services.authenticate_token(raw) == machine
    token = ApiToken.objects.get()
    for url in (reverse(LIST), reverse("admin:accounts_apitoken_change", args=[token.pk])):
        page = client.get(url).text
        assert raw not in page
        assert token.digest not in page
    assert token.prefix == raw[:8]


def test_a_token_cannot_begin_expired(client: Client) -> None:
    root = builders.superuser()
    client.force_login(root)
    past = timezone.localtime() - timedelta(days=1)
    data = {"user": root.pk, "name": "x", "expires_at_0": past.date(), "expires_at_1": "12:00"}
    assert "已经过去" in client.post(reverse(ADD), data).text
    assert not ApiToken.objects.exists()


def test_a_token_is_revoked_once_and_never_changed(client: Client) -> None:
    client.force_login(builders.superuser())
    token, raw = services.issue_token(builders.person(), name="MES")
    data = {"action": "revoke", "index": "0", "_selected_action": token.pk}
    assert "已吊销 1 个令牌" in client.post(reverse(LIST), data, follow=True).text
    assert services.authenticate_token(raw) is None
    assert "跳过 1 条" in client.post(reverse(LIST), data, follow=True).text
    change = reverse("admin:accounts_apitoken_change", args=[token.pk])
    assert client.post(change, {"name": "other"}).status_code == 403
    assert "action-revoke" not in client.get(change).text


def test_others_than_superusers_handle_their_own_tokens_only(client: Client) -> None:
    me = _with("add_apitoken", "view_apitoken", "change_apitoken")
    root = builders.superuser()
    foreign, _raw = services.issue_token(root, name="foreign")
    client.force_login(me)
    assert client.post(reverse(ADD), {"user": root.pk, "name": "x"}).status_code == 200
    assert ApiToken.objects.filter(name="x").count() == 0
    assert "token_text" in client.post(reverse(ADD), {"user": me.pk, "name": "mine"}).context
    assert [token.name for token in client.get(reverse(LIST)).context["cl"].result_list] == ["mine"]
    client.post(reverse(LIST), {"action": "revoke", "index": "0", "_selected_action": foreign.pk})
    foreign.refresh_from_db()
    assert foreign.revoked_at is None


def test_who_keeps_users_can_neither_touch_a_superuser_nor_become_one(client: Client) -> None:
    keeper = _with("view_user", "change_user", "delete_user", username="keeper")
    root = builders.superuser("root")
    client.force_login(keeper)
    url = reverse("admin:auth_user_change", args=[root.pk])
    assert client.post(url, {"username": "hacked"}).status_code == 403
    assert client.post(reverse("admin:auth_user_password_change", args=[root.pk]), {}).status_code == 403
    assert client.post(reverse("admin:auth_user_delete", args=[root.pk]), {"post": "yes"}).status_code == 403
    many = {"action": "delete_selected", "index": "0", "_selected_action": root.pk, "post": "yes"}
    client.post(reverse("admin:auth_user_changelist"), many)
    own = reverse("admin:auth_user_change", args=[keeper.pk])
    page = client.get(own)
    assert 'name="is_superuser"' not in page.text
    forms = {"profile-TOTAL_FORMS": "0", "profile-INITIAL_FORMS": "0"}
    data = {"username": "keeper", "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    client.post(own, data | forms)
    keeper.refresh_from_db()
    assert not keeper.is_superuser
    assert User.objects.get(pk=root.pk).username == "root"


def test_the_list_of_people_names_their_roles(client: Client) -> None:
    client.force_login(builders.superuser())
    builders.person("质检员", "质量经理", username="both")
    page = client.get(reverse("admin:auth_user_changelist")).text
    assert "质检员、质量经理" in page


def test_roles_say_what_they_are_for(client: Client) -> None:
    client.force_login(builders.superuser())
    page = client.get(reverse("admin:auth_group_changelist")).text
    assert Group.objects.count() == len(ROLES)
    assert all(role.purpose in page for role in ROLES)

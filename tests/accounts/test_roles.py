"""Roles, the demo accounts, the language of a page, tokens."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.contrib.auth.models import Group, Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts import services
from accounts.models import ApiToken, Profile
from accounts.roles import ROLES, purpose_of
from tests import builders

pytestmark = pytest.mark.django_db


# --- roles ----------------------------------------------------------------------------------


def test_every_permission_that_a_role_names_exists_and_is_given() -> None:
    for role in ROLES:
        group = Group.objects.get(name=role.name)
        given = {
            f"{permission.content_type.app_label}.{permission.codename}"
            for permission in group.permissions.select_related("content_type")
        }
        assert given == set(role.permissions), role.name


def test_a_plants_own_changes_to_a_role_stay() -> None:
    group = Group.objects.get(name="质检员")
    extra = Permission.objects.get(codename="delete_iqcreport")
    group.permissions.add(extra)
    call_command("migrate", verbosity=0)
    assert extra in group.permissions.all()


def test_a_role_that_lost_a_permission_gets_it_back_with_the_next_migration() -> None:
    group = Group.objects.get(name="质检员")
    before = set(group.permissions.values_list("pk", flat=True))
    group.permissions.clear()
    call_command("migrate", verbosity=0)
    assert set(group.permissions.values_list("pk", flat=True)) == before


def test_a_group_of_the_plant_has_no_purpose_of_ours() -> None:
    assert purpose_of("质检员") == "导入报告，改正数值，提出处置"
    assert purpose_of("夜班") == ""


def test_nobody_but_superusers_may_keep_users_or_tokens() -> None:
    names = {name for role in ROLES for name in role.permissions}
    assert not {name for name in names if name.startswith(("auth.", "accounts."))}


# --- demo accounts --------------------------------------------------------------------------


def test_the_demo_accounts_can_sign_in_and_have_their_roles() -> None:
    out = StringIO()
    call_command("demo_accounts", password="demo-pass-1", stdout=out)
    assert out.getvalue().strip() == "made: admin, engineer, inspector, manager"
    assert User.objects.get(username="admin").is_superuser
    engineer = User.objects.get(username="engineer")
    assert list(engineer.groups.values_list("name", flat=True)) == ["质量工程师"]
    assert not engineer.is_superuser
    assert Client().login(username="engineer", password="demo-pass-1")


def test_making_them_again_keeps_passwords() -> None:
    call_command("demo_accounts", password="first-pass-1", stdout=StringIO())
    out = StringIO()
    call_command("demo_accounts", password="second-pass-2", stdout=out)
    assert "nothing to do" in out.getvalue()
    assert Client().login(username="admin", password="first-pass-1")


def test_the_password_must_be_given() -> None:
    with pytest.raises(CommandError):
        call_command("demo_accounts")


# --- language -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cookie", "language"), [("", "zh-hans"), ("en", "en"), ("fr", "zh-hans"), ("zh-hans", "zh-hans")]
)
def test_a_page_speaks_the_chosen_language_never_the_browsers(cookie: str, language: str) -> None:
    client = Client(headers={"Accept-Language": "de"})
    if cookie:
        client.cookies["django_language"] = cookie
    response = client.get("/admin/login/")
    assert response.headers["Content-Language"] == language
    assert f'lang="{language}"' in response.text


def test_the_chosen_language_is_remembered() -> None:
    user = builders.person()
    services.choose_language(user, "en")
    services.choose_language(user, "zh-hans")
    assert Profile.objects.get(user=user).language == "zh-hans"


def test_a_userid_is_kept_in_lower_case_and_empty_ones_do_not_collide() -> None:
    for given in (" Lin.QC ", "", None):
        Profile.objects.create(user=builders.person(), wecom_userid=given)
    assert set(Profile.objects.values_list("wecom_userid", flat=True)) == {"lin.qc", None}


# --- tokens ---------------------------------------------------------------------------------


def test_a_token_stands_for_its_user_and_only_its_digest_is_kept() -> None:
    user = builders.person()
    token, raw = services.issue_token(user, name="MES")
    assert services.authenticate_token(raw) == user
    assert raw not in str(ApiToken.objects.filter(pk=token.pk).values().get())


@pytest.mark.parametrize("raw", ["", "x", "令牌"])
def test_a_wrong_text_stands_for_nobody(raw: str) -> None:
    services.issue_token(builders.person(), name="MES")
    assert services.authenticate_token(raw) is None


def test_expired_revoked_and_orphaned_tokens_are_worthless() -> None:
    user = builders.person()
    soon = timezone.now() + timedelta(hours=1)
    _token, expiring = services.issue_token(user, name="a", expires_at=soon)
    token, revoked = services.issue_token(user, name="b")
    assert services.revoke_token(token)
    assert not services.revoke_token(token)
    assert services.authenticate_token(revoked) is None
    with time_machine.travel(soon, tick=False):
        assert services.authenticate_token(expiring) is None
    assert services.authenticate_token(expiring) == user
    User.objects.update(is_active=False)
    assert services.authenticate_token(expiring) is None


def test_the_last_use_is_written_once_a_minute() -> None:
    _token, raw = services.issue_token(builders.person(), name="MES")
    start = timezone.now()
    seen = []
    for later in (0, 30, 61):
        with time_machine.travel(start + timedelta(seconds=later), tick=False):
            services.authenticate_token(raw)
        seen.append((ApiToken.objects.get().last_used_at - start).total_seconds())
    assert seen == [0, 0, 61]

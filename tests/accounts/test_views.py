"""Signing in, out, and the language switch."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import Profile
from accounts.services import choose_language
from tests import builders

pytestmark = pytest.mark.django_db

PASSWORD = "correct-horse-42"


@pytest.fixture(autouse=True)
def _engineer() -> None:
    builders.person("质量工程师", username="engineer", password=PASSWORD, first_name="李工")


def _sign_in(client: Client, **data: str):  # type: ignore[no-untyped-def]
    return client.post("/login/", {"username": "engineer", "password": PASSWORD, **data})


def test_a_link_from_a_message_leads_back_to_its_page_after_the_login() -> None:
    client = Client()
    to_login = client.get("/IQC/12/345")
    assert to_login["Location"] == "/login/?next=/IQC/12/345"
    form = client.get(to_login["Location"]).content.decode()
    assert 'name="next" value="/IQC/12/345"' in form
    assert "登录后将打开您要看的页面" in form
    assert _sign_in(client, next="/IQC/12/345")["Location"] == "/IQC/12/345"


def test_a_login_never_leads_off_the_site() -> None:
    assert _sign_in(Client(), next="https://evil.example/")["Location"] == "/"


def test_a_wrong_password_is_refused_without_telling_which_half_was_wrong() -> None:
    page = Client().post("/login/", {"username": "engineer", "password": "x"}).content.decode()
    assert "用户名或密码不对" in page
    assert 'value="engineer"' in page
    assert "登录后将打开" not in page


def test_who_is_signed_in_is_sent_on() -> None:
    client = Client()
    _sign_in(client)
    assert client.get("/login/")["Location"] == "/"


def test_signing_out_is_a_post_and_ends_the_session() -> None:
    client = Client()
    _sign_in(client)
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/")["Location"] == "/login/"
    assert client.get("/")["Location"] == "/login/?next=/"


def test_the_switch_changes_the_language_of_this_browser_at_once() -> None:
    client = Client()
    assert '<html lang="zh-hans">' in client.get("/login/").content.decode()
    answer = client.post("/language/", {"language": "en", "next": "/login/?next=/IQC/"})
    assert answer["Location"] == "/login/?next=/IQC/"
    page = client.get("/login/")
    assert '<html lang="en">' in page.content.decode()
    assert page["Content-Language"] == "en"


def test_the_language_of_a_person_is_kept_and_set_at_the_next_login() -> None:
    client = Client()
    _sign_in(client)
    client.post("/language/", {"language": "en"})
    assert Profile.objects.get(user__username="engineer").language == "en"
    elsewhere = Client()
    answer = _sign_in(elsewhere)
    assert answer.cookies[settings.LANGUAGE_COOKIE_NAME].value == "en"


def test_an_unknown_language_and_a_foreign_address_are_ignored() -> None:
    client = Client()
    answer = client.post("/language/", {"language": "xx", "next": "//evil.example"})
    assert answer["Location"] == "/"
    assert settings.LANGUAGE_COOKIE_NAME not in answer.cookies


def test_the_language_is_not_guessed_from_the_browser() -> None:
    page = Client(headers={"accept-language": "en"}).get("/login/").content.decode()
    assert '<html lang="zh-hans">' in page


def test_choosing_again_changes_the_one_profile() -> None:
    user = builders.person()
    choose_language(user, "en")
    choose_language(user, "zh-hans")
    assert Profile.objects.get(user=user).language == "zh-hans"

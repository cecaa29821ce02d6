"""`EMAIL_URL` as the system reads it."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from spc_site import env


def _read(url: str) -> dict[str, object]:
    value: dict[str, object] = env.read("EMAIL_URL", {"EMAIL_URL": url})
    return value


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "smtps://qms%40a.example:p%40ss%2F@mail.a.example",
            ("tls", 465, "qms@a.example", "p@ss/", "qms@a.example"),
        ),
        (
            "smtp+tls://u:p@mail.a.example:2525/?from=qms@a.example",
            ("starttls", 2525, "u", "p", "qms@a.example"),
        ),
        ("smtp+tls://u:p@mail.a.example?from=qms@a.example", ("starttls", 587, "u", "p", "qms@a.example")),
        ("smtp://127.0.0.1/?from=qms@a.example", ("none", 25, "", "", "qms@a.example")),
    ],
)
def test_an_address_names_server_account_and_sender(url: str, expected: tuple[object, ...]) -> None:
    read = _read(url)
    assert (read["security"], read["port"], read["user"], read["password"], read["sender"]) == expected


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.com",
        "http://u:SECRET@mail.example.com/?from=a@b.c",
        "smtps://u:SECRET@/?from=a@b.c",
        "smtps://u:SECRET@mail.example.com:port/?from=a@b.c",
        "smtps://u:SECRET@mail.example.com:99999/?from=a@b.c",
        "smtps://u:SECRET@mail.example.com/box?from=a@b.c",
        "smtps://u:SECRET@mail.example.com/",
        "smtps://u:SECRET@mail.example.com/?from=nobody",
        "smtps://u:SECRET@mail.example.com/?from=a@b.c%0d%0aBcc:%20x@y.z",
        "smtps://u:SECRET@mail.example.com/?from=a@b.c&from=d@e.f",
        "smtps://u:SECRET@mail.example.com/?form=a@b.c",
    ],
)
def test_a_wrong_address_stops_the_start_without_telling_the_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL") as caught:
        _read(url)
    assert "SECRET" not in str(caught.value)


def test_no_address_is_no_mail() -> None:
    assert env.read("EMAIL_URL", {}) == ""

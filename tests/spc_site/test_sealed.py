"""Secrets at rest: sealed by the newest key, opened by every key, never shown whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spc_site import sealed

OLD, NEW = "old-" + "a" * 20, "new-" + "b" * 20


@given(st.text())
def test_what_was_sealed_is_unsealed_unchanged(text: str) -> None:
    assert sealed.unseal(sealed.seal(text)) == text


def test_the_same_text_never_seals_to_the_same_bytes() -> None:
    assert sealed.seal("robot-key-1234") != sealed.seal("robot-key-1234")


def test_an_old_key_still_opens_and_is_known_as_old(settings: pytest.FixtureRequest) -> None:
    settings.SECRETS_KEYS = [OLD]
    stored = sealed.seal("robot-key-1234")
    settings.SECRETS_KEYS = [NEW, OLD]
    assert sealed.unseal(stored) == "robot-key-1234"
    assert not sealed.is_current(stored)
    assert sealed.is_current(sealed.seal(sealed.unseal(stored)))


def test_without_its_key_a_secret_stays_shut_and_says_what_is_missing(
    settings: pytest.FixtureRequest,
) -> None:
    settings.SECRETS_KEYS = [OLD]
    stored = sealed.seal("robot-key-1234")
    settings.SECRETS_KEYS = [NEW]
    with pytest.raises(sealed.Unreadable, match="SECRETS_KEYS"):
        sealed.unseal(stored)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("693axxx6-7aoc-4bc4-97a0-0ec2sifa5aaa", "••••5aaa"), ("short", "••••"), ("", "")],
)
def test_of_a_long_secret_only_the_last_four_are_shown(text: str, shown: str) -> None:
    assert sealed.masked(text) == shown

"""What each error code means."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wecom.errors import SIGNS, Action, Kind, judge, known_codes

TABLE = Path(__file__).parent.parent / "data" / "wecom_error_codes.md"
LETTERS = {
    "R": Action.RETRY,
    "W": Action.WAIT,
    "T": Action.TOKEN,
    "U": Action.UPLOAD,
    "M": Action.MESSAGE_DEAD,
    "C": Action.CHANNEL_DEAD,
    "S": Action.SPLIT,
    "P": Action.SPLIT_RECIPIENTS,
    "L": Action.LOGIN_AGAIN,
    "H": Action.HALVE_RANGE,
}


def documented() -> dict[int, Action]:
    found: dict[int, Action] = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        row = re.fullmatch(r"\| ([-0-9, to]+) \| ([A-Z]) \|", line)
        for part in row[1].split(", ") if row else []:
            first, _, last = part.partition(" to ")
            found |= dict.fromkeys(range(int(first), int(last or first) + 1), LETTERS[row[2]])
    return found


def test_every_documented_code_has_its_action() -> None:
    expected = documented()
    assert len(expected) > 100
    assert {code: judge(code).action for code in expected} == expected


def test_no_code_is_judged_that_is_not_documented() -> None:
    # 301016 stands among the limits of voice files, not in the table of codes.
    assert known_codes() - set(documented()) == {301016}


@pytest.mark.parametrize("errcode", [1, 99999, -2, 48000, 42052])
def test_an_unknown_code_ends_the_message(errcode: int) -> None:
    assert judge(errcode).action is Action.MESSAGE_DEAD


def test_a_wrong_secret_and_a_stale_token_share_a_code_and_are_told_apart() -> None:
    assert judge(40001).action is Action.TOKEN
    assert judge(40001, at_gettoken=True).action is Action.CHANNEL_DEAD
    assert judge(40013, at_gettoken=True).action is Action.CHANNEL_DEAD


@pytest.mark.parametrize("errcode", [40033, 40035, 40058, 40063])
def test_a_bad_parameter_means_split_only_when_the_content_was_measured_too_long(errcode: int) -> None:
    assert judge(errcode).action is Action.MESSAGE_DEAD
    assert judge(errcode, oversized=True).action is Action.SPLIT
    assert judge(93000, oversized=True).action is Action.CHANNEL_DEAD


def test_success_has_no_verdict() -> None:
    with pytest.raises(ValueError, match="success"):
        judge(0)


def test_every_explanation_says_cause_and_remedy_in_both_languages() -> None:
    verdicts = [judge(code) for code in [*known_codes(), 99999]]
    verdicts += [judge(40001, at_gettoken=True), judge(40058, oversized=True)]
    for verdict in verdicts:
        assert re.fullmatch(r"[^：]*[\u4e00-\u9fff][^：]*：.+。", verdict.explanation), verdict
        assert re.fullmatch(r"[A-Z][^\u4e00-\u9fff]*: .+\.", verdict.explanation_en), verdict


def test_every_kind_of_event_without_a_code_has_its_meaning() -> None:
    assert set(SIGNS) == set(Kind) - {Kind.REFUSED}


@pytest.mark.parametrize("kind", [Kind.READ_TIMEOUT, Kind.CONNECTION_LOST, Kind.UNREADABLE])
def test_what_may_have_been_shown_is_uncertain(kind: Kind) -> None:
    assert SIGNS[kind].action is Action.UNCERTAIN


@pytest.mark.parametrize(
    "kind",
    [
        Kind.NAME_UNRESOLVED,
        Kind.CONNECTION_REFUSED,
        Kind.CONNECT_TIMEOUT,
        Kind.TLS_FAILED,
        Kind.PROXY_FAILED,
        Kind.NOT_WRITTEN,
        Kind.HTTP_ERROR,
    ],
)
def test_what_did_not_arrive_is_tried_again(kind: Kind) -> None:
    assert SIGNS[kind].action is Action.RETRY

"""The callback address: the check, what is stored, and refusals that give nothing away."""

from __future__ import annotations

import secrets
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

import pytest
from django.db import OperationalError
from django.test import Client

from approvals.models import InboundEvent, Refusal
from tests.approvals.conftest import KEYS, URL, Post
from wecom.callback import BODY_LIMIT
from wecom.crypto import CallbackKeys

pytestmark = pytest.mark.django_db


def event(number: str = "202601010001", *, change: int = 2, at: int = 1767225600, extra: str = "") -> str:
    return (
        f"<xml><ToUserName>demo-corp</ToUserName><FromUserName>sys</FromUserName><CreateTime>{at}</CreateTime>"
        f"<MsgType>event</MsgType><Event>sys_approval_change</Event><AgentID>3010040</AgentID><ApprovalInfo>"
        f"<SpNo>{number}</SpNo><SpStatus>2</SpStatus>{extra}<StatuChangeEvent>{change}</StatuChangeEvent>"
        "</ApprovalInfo></xml>"
    )


def test_the_check_of_the_address_is_answered_with_the_words_alone(post: Post) -> None:
    echo = KEYS.seal(b"1616140317555161061", random=secrets.token_bytes(16))
    query = {"timestamp": "1", "nonce": "2", "echostr": echo}
    query["msg_signature"] = KEYS.signature("1", "2", echo)
    answer = Client().get(f"{URL}?{urlencode(query)}")
    assert (answer.status_code, answer.content) == (200, b"1616140317555161061")
    forged = Client().get(f"{URL}?{urlencode(query | {'nonce': '3'})}")
    assert (forged.status_code, forged.content) == (403, b"")


def test_an_event_is_stored_as_it_came_with_one_insert_and_one_ring(
    post: Post, django_assert_num_queries: Any, django_capture_on_commit_callbacks: Any
) -> None:
    xml = event()
    with (
        patch("spc_site.jobs.ring") as ring,
        django_capture_on_commit_callbacks(execute=True),
        django_assert_num_queries(1),
    ):
        answer = post.deliver(xml)
    assert (answer.status_code, answer.content) == (200, b"")
    ring.assert_called_once_with("approvals.events")
    stored = InboundEvent.objects.get()
    assert (stored.raw, stored.subject, stored.event) == (xml, "202601010001", "sys_approval_change")


def test_the_same_event_is_stored_once_and_two_of_one_second_are_two(post: Post) -> None:
    for xml in (event(), event(), event("202601010002"), event(change=10)):
        assert post.deliver(xml).status_code == 200
    # The same second, number and change, but of another approver.
    assert post.deliver(event(extra="<Speech>好</Speech>")).status_code == 200
    assert InboundEvent.objects.count() == 4


def test_what_is_not_understood_is_kept_and_answered(post: Post) -> None:
    assert post.deliver("<xml><MsgType>text</MsgType><Content>你好</Content></xml>").status_code == 200
    assert InboundEvent.objects.get().state == "ignored"


@pytest.mark.parametrize(
    ("stage", "send"),
    [
        ("signature", lambda post: post.deliver(event(), msg_signature="0" * 40)),
        ("parameters", lambda post: Client().post(URL, b"<xml/>", content_type="text/xml")),
        (
            "xml",
            lambda post: post.deliver('<!DOCTYPE x [<!ENTITY a "b">]><xml><Event>&a;</Event></xml>'),
        ),
        ("block", lambda post: post.send("QUJD")),
        (
            "size",
            lambda post: Client().post(
                f"{URL}?msg_signature=1&timestamp=2&nonce=3", b"x" * (BODY_LIMIT + 1), content_type="text/xml"
            ),
        ),
    ],
)
def test_every_refusal_is_counted_by_its_stage_and_looks_the_same(post: Post, stage: str, send: Any) -> None:
    for _time in range(2):
        answer = send(post)
        assert (answer.status_code, answer.content) == (403, b"")
        assert "WWW-Authenticate" not in answer.headers
    assert list(Refusal.objects.values_list("stage", "count")) == [(stage, 2)]
    assert not InboundEvent.objects.exists()


def test_a_message_for_another_company_is_refused(post: Post) -> None:
    other = CallbackKeys(KEYS.token, KEYS.aes_key, "other-corp")
    assert post.send(other.seal(event().encode(), random=bytes(16))).status_code == 403
    assert Refusal.objects.get().stage == "receive_id"


def test_wecom_delivers_again_what_could_not_be_stored(post: Post) -> None:
    with patch.object(
        InboundEvent.objects, "bulk_create", side_effect=OperationalError("database is locked")
    ):
        assert post.deliver(event()).status_code == 503
    assert post.deliver(event()).status_code == 200
    assert InboundEvent.objects.count() == 1


def test_without_keys_there_is_no_callback(post: Post, settings: Any) -> None:
    settings.WECHAT_CALLBACK_TOKEN = ""
    assert post.deliver(event()).status_code == 404

"""Callbacks: the published vectors, every refusal by its stage, XML that means harm."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from wecom import callback
from wecom.crypto import CallbackKeys, CallbackRefused, Stage

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "wecom_vectors.json").read_text())["vectors"]
KEYS = CallbackKeys("Qc7LineToken2026", "4I7UzYWxDABVCuzGcyHil4DlLC3Pfeu6suzvDfjdeek", "ww1qcfactory00001")
RANDOM = bytes(range(16))


def keys_of(vector: dict[str, Any]) -> CallbackKeys:
    return CallbackKeys(vector["token"], vector["encoding_aes_key"], vector["receive_id"])


def opened(vector: dict[str, Any]) -> bytes:
    keys = keys_of(vector)
    match vector["kind"]:
        case "url_verify":
            return callback.verify_url(keys, vector["query"])
        case "xml_message":
            return callback.receive(keys, vector["query"], vector["body"].encode())
        case "json_message":
            return callback.receive_json(keys, vector["query"], vector["body"].encode())
        case kind:
            raise AssertionError(kind)


def ids(vector: dict[str, Any]) -> str:
    return str(vector["id"])


@pytest.mark.parametrize(
    "vector", [v for v in VECTORS if v["expect"] == "ok" and v["kind"] != "encrypt_reply"], ids=ids
)
def test_what_wecom_sent_is_opened(vector: dict[str, Any]) -> None:
    assert opened(vector) == vector["plaintext"].encode()


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["expect"] == "reject"], ids=ids)
def test_what_wecom_did_not_send_is_refused_at_its_stage(vector: dict[str, Any]) -> None:
    with pytest.raises(CallbackRefused) as refused:
        opened(vector)
    assert refused.value.stage == vector["reject_stage"]


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["expect"] == "ok"], ids=ids)
def test_sealing_gives_the_same_text_and_signature(vector: dict[str, Any]) -> None:
    keys = keys_of(vector)
    encrypted = keys.seal(vector["plaintext"].encode(), random=bytes.fromhex(vector["random_hex"]))
    assert encrypted == vector["encrypt"]
    assert keys.signature(vector["timestamp"], vector["nonce"], encrypted) == vector["msg_signature"]


# --- deliveries made here --------------------------------------------------------------------


def delivery(encrypted: str, *, keys: CallbackKeys = KEYS) -> tuple[str, bytes]:
    """Return query and body of a correctly signed delivery of any text."""
    signature = keys.signature("1767225600", "n1", encrypted)
    query = f"msg_signature={signature}&timestamp=1767225600&nonce=n1"
    return query, f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>".encode()


def enciphered(plain: bytes) -> str:
    """Encrypt a plain text of any inside, padding and all being the caller's."""
    import base64

    key = base64.b64decode(KEYS.aes_key + "=")
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode()


def stage_of(query: str, body: bytes) -> Stage:
    with pytest.raises(CallbackRefused) as refused:
        callback.receive(KEYS, query, body)
    return refused.value.stage


@given(st.binary(max_size=300), st.binary(min_size=16, max_size=16))
def test_whatever_is_sealed_is_opened_unchanged(message: bytes, random: bytes) -> None:
    assert callback.receive(KEYS, *delivery(KEYS.seal(message, random=random))) == message


@pytest.mark.parametrize("size", range(64))
def test_every_length_of_padding_is_undone(size: int) -> None:
    assert callback.receive(KEYS, *delivery(KEYS.seal(b"x" * size, random=RANDOM))) == b"x" * size


RECEIVE_ID = KEYS.receive_id.encode()


@pytest.mark.parametrize(
    ("plain", "stage"),
    [
        (RANDOM + b"\x00" * 16, Stage.PADDING),
        (RANDOM + b"a" * 15 + b"\x21", Stage.PADDING),
        (RANDOM + b"a" * 13 + b"\x03\x02\x03", Stage.PADDING),
        (RANDOM + b"\x30" * 48, Stage.PADDING),
        (b"\x10" * 16, Stage.LENGTH),
        (RANDOM + struct.pack(">I", 11) + b"a" * 10 + b"\x02" * 2, Stage.LENGTH),
        (RANDOM + b"abc" + b"\x0d" * 13, Stage.LENGTH),
        (RANDOM + struct.pack(">I", 99) + b"a" * 10 + b"\x02" * 2, Stage.LENGTH),
        (RANDOM + struct.pack(">I", 2**32 - 1) + b"a" * 10 + b"\x02" * 2, Stage.LENGTH),
        (RANDOM + struct.pack(">I", 4) + b"abcd" + b"\x08" * 8, Stage.RECEIVE_ID),
        (RANDOM + struct.pack(">I", 3) + b"abc" + RECEIVE_ID + b"x" + b"\x07" * 7, Stage.RECEIVE_ID),
    ],
)
def test_a_signed_text_with_a_wrong_inside_is_refused_at_its_stage(plain: bytes, stage: Stage) -> None:
    assert stage_of(*delivery(enciphered(plain))) is stage


@pytest.mark.parametrize(
    ("encrypted", "stage"),
    [("QUJD", Stage.BLOCK), ("QUJ", Stage.BASE64), ("QU JD", Stage.BASE64), ("ＱＵＪＤ", Stage.BASE64)],
)
def test_a_signed_text_that_is_no_cipher_is_refused(encrypted: str, stage: Stage) -> None:
    assert stage_of(*delivery(encrypted)) is stage


def test_nothing_is_deciphered_before_the_signature_is_right() -> None:
    query, body = delivery("QUJD")
    assert stage_of(query.replace("n1", "n2"), body) is Stage.SIGNATURE
    assert stage_of(query.replace("msg_signature=", "msg_signature=x"), body) is Stage.SIGNATURE


@pytest.mark.parametrize("missing", ["msg_signature", "timestamp", "nonce"])
def test_a_missing_parameter_is_named_by_its_stage(missing: str) -> None:
    query, body = delivery(KEYS.seal(b"x", random=RANDOM))
    assert stage_of(query.replace(f"{missing}=", f"{missing}x="), body) is Stage.PARAMETERS
    with pytest.raises(CallbackRefused, match="parameters"):
        callback.verify_url(KEYS, query)


@pytest.mark.parametrize("plus", ["+", "%2B"])
def test_a_plus_in_echostr_is_a_plus_however_it_is_written(plus: str) -> None:
    encrypted = next(
        sealed for n in range(200) if "+" in (sealed := KEYS.seal(b"42", random=bytes([n]) * 16))
    )
    query, _ = delivery(encrypted)
    echo = quote(encrypted, safe="+").replace("+", plus)
    assert callback.verify_url(KEYS, f"{query}&echostr={echo}") == b"42"


def test_the_answer_to_a_card_can_be_opened_by_the_other_side() -> None:
    xml = callback.answer(KEYS, b"<xml>ok</xml>", timestamp=1767225600, nonce="abc1", random=RANDOM)
    told = callback.parse(xml.encode())
    message = KEYS.open(
        told.value("Encrypt"),
        signature=told.value("MsgSignature"),
        timestamp=told.value("TimeStamp"),
        nonce=told.value("Nonce"),
    )
    assert message == b"<xml>ok</xml>"


def test_a_nonce_that_would_be_markup_is_not_sent() -> None:
    with pytest.raises(ValueError, match="nonce"):
        callback.answer(KEYS, b"", timestamp=1, nonce="]]>", random=RANDOM)


# --- XML -------------------------------------------------------------------------------------

BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><xml>&b;</xml>'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<xml><Encrypt>a</Encrypt>",
        b"<xml></xml>",
        b"<!DOCTYPE xml><xml><Encrypt>a</Encrypt></xml>",
        BOMB,
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><xml/>',
        b"<xml>&unknown;</xml>",
        b"\xff\xfe<xml/>",
    ],
    ids=range(9),
)
def test_xml_that_is_none_of_wecoms_is_refused(body: bytes) -> None:
    query, _ = delivery("QUJD")
    assert stage_of(query, body) is Stage.XML


def test_xml_may_be_as_deep_as_events_are_and_no_deeper() -> None:
    assert callback.parse(b"<a>" * 32 + b"</a>" * 32).name == "a"
    with pytest.raises(CallbackRefused, match="xml"):
        callback.parse(b"<a>" * 33 + b"</a>" * 33)


def test_a_body_of_more_than_a_mebibyte_is_not_read() -> None:
    query, _ = delivery("QUJD")
    assert stage_of(query, b"<xml>" + b" " * callback.BODY_LIMIT + b"</xml>") is Stage.SIZE


def test_repeated_elements_stay_apart_and_in_order() -> None:
    event = callback.parse(
        "<xml><Info><Rec><S>1</S></Rec><Rec><S>2</S></Rec></Info><T><![CDATA[a<b> 中]]></T></xml>".encode()
    )
    info = event.find("Info")
    assert info is not None
    assert [one.value("S") for one in info.all("Rec")] == ["1", "2"]
    assert event.value("T") == "a<b> 中"
    assert event.value("Info", "Nobody", "S") == ""


# --- JSON of smart robots --------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"[]", b'{"encrypt": 5}', b'{"other": "x"}', b"[" * 100_000])
def test_a_json_envelope_that_is_none_is_refused(body: bytes) -> None:
    query, _ = delivery("QUJD")
    with pytest.raises(CallbackRefused, match="json"):
        callback.receive_json(KEYS, query, body)


def test_a_lone_surrogate_is_refused_like_any_wrong_text() -> None:
    query, _ = delivery("QUJD")
    with pytest.raises(CallbackRefused, match="signature"):
        callback.receive_json(KEYS, query, b'{"encrypt": "\\ud800"}')


# --- keys ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "aes_key"),
    [("", KEYS.aes_key), ("with space", KEYS.aes_key), ("t" * 33, KEYS.aes_key), ("t", "short")],
)
def test_keys_that_wecom_would_not_accept_are_refused_without_showing_them(token: str, aes_key: str) -> None:
    with pytest.raises(ValueError, match=r"callback token|EncodingAESKey") as refused:
        CallbackKeys(token, aes_key, "ww1")
    assert "short" not in str(refused.value)


def test_keys_and_refusals_never_show_a_secret() -> None:
    shown = repr(KEYS) + str(CallbackRefused(Stage.SIGNATURE))
    assert KEYS.token not in shown and KEYS.aes_key not in shown

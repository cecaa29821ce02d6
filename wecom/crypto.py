"""The cryptography of callbacks: signature, AES-256-CBC with its own padding, receive id.

Facts from developer.work.weixin.qq.com/document/path/90968 (scheme) and 90930 (callbacks).  What
libraries get wrong elsewhere: the padding fills blocks of 32 bytes, not of AES's 16, so a library's
unpadder refuses half of all messages; the length counts bytes; and the last character of an
EncodingAESKey may carry bits that a strict base64 decoder refuses.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import struct
from dataclasses import dataclass, field
from enum import StrEnum

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_BLOCK = 32
_AES_BLOCK = 16
_RANDOM = 16
_HEAD = struct.Struct(">I")
_AES_KEY = re.compile(r"[A-Za-z0-9]{43}\Z")
_TOKEN = re.compile(r"[A-Za-z0-9]{1,32}\Z")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]+={0,2}\Z")


class Stage(StrEnum):
    """Where a callback was refused; closed list, fit for a counter's label."""

    PARAMETERS = "parameters"  # msg_signature, timestamp, nonce or echostr is missing
    XML = "xml"  # the body is no such XML, or one with a DTD or entities
    SIGNATURE = "signature"
    BASE64 = "base64"
    BLOCK = "block"  # not a whole number of cipher blocks
    PADDING = "padding"
    LENGTH = "length"  # the length inside does not fit what is there
    RECEIVE_ID = "receive_id"  # meant for somebody else
    SIZE = "size"  # larger than WeCom ever sends
    JSON = "json"


class CallbackRefused(ValueError):
    """A callback that is not WeCom's, or not for us; says at which stage, and nothing of its content."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(f"callback refused at stage {stage.value}")
        self.stage = stage


@dataclass(frozen=True, slots=True)
class CallbackKeys:
    """What the two sides share: Token, EncodingAESKey, and to whom messages are addressed.

    `receive_id` is the corp id for an own application, the suite id for a third party's, and the
    empty string for smart robots.  Raises ValueError, without the values, for what WeCom's settings
    page would not accept.
    """

    token: str = field(repr=False)
    aes_key: str = field(repr=False)
    receive_id: str

    def __post_init__(self) -> None:
        if not _TOKEN.match(self.token):
            raise ValueError("the callback token must be 1 to 32 letters and digits")
        if not _AES_KEY.match(self.aes_key):
            raise ValueError("the EncodingAESKey must be 43 letters and digits")

    @property
    def _key(self) -> bytes:
        return base64.b64decode(self.aes_key + "=")  # lenient on purpose, see the module's text

    def signature(self, timestamp: str, nonce: str, encrypted: str) -> str:
        """Return the lower-case hex SHA-1 over the four texts, sorted as bytes and joined."""
        # A lone surrogate out of JSON is no reason to fail differently from any other wrong text.
        parts = sorted(
            text.encode(errors="surrogatepass") for text in (self.token, timestamp, nonce, encrypted)
        )
        return hashlib.sha1(b"".join(parts)).hexdigest()  # noqa: S324 - the protocol's choice

    def open(self, encrypted: str, *, signature: str, timestamp: str, nonce: str) -> bytes:
        """Return the message inside; raises CallbackRefused with the stage that it failed.

        The signature is looked at before anything else, in constant time, so that nobody without the
        token learns how far a forged message would have come.
        """
        expected = self.signature(timestamp, nonce, encrypted)
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise CallbackRefused(Stage.SIGNATURE)
        return self._unwrap(self._decrypt(encrypted))

    def _decrypt(self, encrypted: str) -> bytes:
        raw = encrypted.encode(errors="surrogatepass")
        if not _BASE64.match(raw):
            raise CallbackRefused(Stage.BASE64)
        try:
            data = base64.b64decode(raw, validate=True)
        except binascii.Error:
            raise CallbackRefused(Stage.BASE64) from None
        if len(data) % _AES_BLOCK:
            raise CallbackRefused(Stage.BLOCK)
        key = self._key
        decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:_AES_BLOCK])).decryptor()
        return decryptor.update(data) + decryptor.finalize()

    def _unwrap(self, plain: bytes) -> bytes:
        count = plain[-1]
        if not 1 <= count <= min(_BLOCK, len(plain)) or plain[-count:] != bytes([count]) * count:
            raise CallbackRefused(Stage.PADDING)
        body = plain[_RANDOM:-count]
        if len(body) < _HEAD.size:
            raise CallbackRefused(Stage.LENGTH)
        length = _HEAD.unpack_from(body)[0]
        if length > len(body) - _HEAD.size:
            raise CallbackRefused(Stage.LENGTH)
        end = _HEAD.size + length
        if not hmac.compare_digest(body[end:], self.receive_id.encode()):
            raise CallbackRefused(Stage.RECEIVE_ID)
        return body[_HEAD.size : end]

    def seal(self, message: bytes, *, random: bytes) -> str:
        """Return a message encrypted for the other side; `random` is 16 fresh random bytes."""
        if len(random) != _RANDOM:
            raise ValueError(f"random must be {_RANDOM} bytes")
        plain = random + _HEAD.pack(len(message)) + message + self.receive_id.encode()
        count = _BLOCK - len(plain) % _BLOCK
        key = self._key
        encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:_AES_BLOCK])).encryptor()
        data = encryptor.update(plain + bytes([count]) * count) + encryptor.finalize()
        return base64.b64encode(data).decode("ascii")

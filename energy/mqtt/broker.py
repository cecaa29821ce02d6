"""The connection to the broker: a persistent session, subscriptions, acknowledgement by hand.

The only module that knows paho, which not every installation has.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Protocol

from django.utils import timezone
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from energy.mqtt.payloads import Message

log = logging.getLogger("energy.mqtt")

KEEPALIVE_S = 60
CONNECT_TIMEOUT_S = 5.0
GOODBYE_S = 1.0
_REFUSED = 128
_NO_ANSWER = "no answer"


class Receiver(Protocol):
    """Who is given the messages."""

    def receive(self, message: Message, acknowledge: Callable[[], object]) -> None: ...

    def ignore_retained(self, topic: str, acknowledge: Callable[[], object]) -> None: ...


class BrokerAway(Exception):
    """The broker cannot be reached, or does not let us in; the words say why."""


class Broker:
    """One client of one broker. Everything happens in `loop`, in the caller's thread."""

    def __init__(
        self, given: dict[str, Any], receiver: Receiver, *, on_refused: Callable[[str], None]
    ) -> None:
        self._given, self._receiver, self._on_refused = given, receiver, on_refused
        self._asked: dict[int, list[str]] = {}
        self._answer = ""
        self.is_connected = False
        self.has_session = False
        """Whether the broker still knew the session, with its subscriptions."""
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=given["client_id"],
            clean_session=False,
            protocol=paho.MQTTv311,
            manual_ack=True,
        )
        if given["user"]:
            self._client.username_pw_set(given["user"], given["password"])
        if given["tls"]:
            self._client.tls_set(ca_certs=given["ca"] or None)
        self._client.connect_timeout = CONNECT_TIMEOUT_S
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.on_subscribe = self._on_subscribe

    @property
    def name(self) -> str:
        return f"{self._given['host']}:{self._given['port']}"

    def connect(self) -> None:
        """Connect and wait until the broker has let us in.

        Raises
        ------
        BrokerAway
        """
        self._answer = _NO_ANSWER
        self._asked.clear()
        try:
            self._client.connect(self._given["host"], self._given["port"], KEEPALIVE_S)
        except (OSError, ValueError) as error:
            raise BrokerAway(f"{type(error).__name__}: {error}") from error
        for _try in range(int(CONNECT_TIMEOUT_S / 0.1)):
            code = self._client.loop(0.1)
            if self.is_connected:
                return
            if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
                break
        self._client.disconnect()
        raise BrokerAway(self._answer)

    def loop(self, timeout_s: float) -> None:
        """Wait so long for the network, and do what is to be done.

        Raises
        ------
        BrokerAway
            The connection has ended.
        """
        code = self._client.loop(timeout_s)
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS or not self.is_connected:
            self.is_connected = False
            raise BrokerAway(paho.error_string(code))

    def subscribe(self, filters: Iterable[str]) -> None:
        for one in filters:
            _code, number = self._client.subscribe(one, self._given["qos"])
            if number is not None:
                self._asked[number] = [one]
            log.info("mqtt: subscribed: topic=%s", one)

    def unsubscribe(self, filters: Iterable[str]) -> None:
        for one in filters:
            self._client.unsubscribe(one)
            log.info("mqtt: unsubscribed: topic=%s", one)

    def hang_up(self) -> None:
        """End the connection; the broker keeps the session and what comes for it."""
        self._client.disconnect()
        while self._client.want_write():
            if self._client.loop(GOODBYE_S) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                break
        self.is_connected = False

    # --- callbacks ------------------------------------------------------------------------------

    def _on_connect(self, _client: Any, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        self.is_connected = not reason.is_failure
        self.has_session = bool(flags.session_present)
        self._answer = str(reason)

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self.is_connected = False
        if self._answer == _NO_ANSWER:  # else it said why before
            self._answer = str(reason)

    def _on_subscribe(self, _client: Any, _data: Any, number: int, reasons: Any, _properties: Any) -> None:
        for one, reason in zip(self._asked.pop(number, []), reasons, strict=False):
            if reason.value >= _REFUSED:
                log.warning("mqtt: the broker refuses the subscription: topic=%s", one)
                self._on_refused(one)

    def _on_message(self, client: paho.Client, _data: Any, given: paho.MQTTMessage) -> None:
        acknowledge = partial(client.ack, given.mid, given.qos)
        try:
            topic = given.topic
        except UnicodeDecodeError:  # against the protocol; no filter could name it
            acknowledge()
            return
        if given.retain:
            self._receiver.ignore_retained(topic, acknowledge)
        else:
            self._receiver.receive(Message(topic, bytes(given.payload), timezone.now()), acknowledge)

"""A sandbox per test, and servers that misbehave below the level of HTTP."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.wecom.servers import KEY, Behaviour, Clock
from wecom.robot import Robot
from wecom.sandbox import SandboxServer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sandbox(clock: Clock) -> Iterator[SandboxServer]:
    with SandboxServer(keys={KEY: "IQC 质量群", "second-robot-0000": "IQC 质量群"}, clock=clock) as server:
        yield server


@pytest.fixture
def robot(sandbox: SandboxServer) -> Robot:
    return Robot(sandbox.webhook_base_url, KEY, timeout=(2, 2))


@pytest.fixture
def misbehaving() -> Iterator[Callable[[Behaviour], str]]:
    """Start a server on 127.0.0.1 that treats each connection as told; returns a robot's base URL."""
    listeners: list[socket.socket] = []

    def start(behaviour: Behaviour) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, contextlib.suppress(OSError):
                    behaviour(connection)

        threading.Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/cgi-bin/webhook/send?key="

    yield start
    for listener in listeners:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()

"""F4–F9: the ring is lost, Redis is emptied, killed, slow or full. Nothing may be lost or late for it.

Bounds: lost 0, doubled 0; without a ring the pump finds a message in two seconds, without Redis it
delivers within twelve; the caller waits no longer than four tenths of a second for the ring.
"""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from accounts import services as accounts
from notifications.choices import State
from notifications.models import Notification
from notifications.services import send_notification
from spc_site import health, jobs
from tests import builders
from tests.faults.drill import Drill
from tests.services import Redis, free_port, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

RING_S = 0.4
PUMP_S = 2.0
INLINE_S = 12.0
MARGIN_S = 3.0
"""For a loaded test machine."""


def assert_all_sent_once(drill: Drill) -> None:
    verdict = drill.verdict()
    assert verdict.states == {State.SENT: verdict.created}
    assert (verdict.lost, verdict.doubled, verdict.flagged) == (0, 0, 0)


def banner() -> str:
    """Return what every page says about the system now."""
    health._kept = None
    return health.system_banner()


def test_f04_a_web_process_killed_between_commit_and_ring_has_sent_all_the_same(
    redis_server: Redis, fire: Callable[..., Drill]
) -> None:
    drill = fire(redis=redis_server, groups=3)
    _token, raw = accounts.issue_token(builders.person("通知管理员"), name="drill")
    port = free_port()
    drill.start_web(port, kill="committed")
    drill.start("--workers", "0")

    def post(marker: str) -> int:
        wanted = {
            "title": f"演练 {marker}",
            "content": marker,
            "channel": "wechat_bot",
            "target": f"G{marker[-3:]}",
        }
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/v1/notifications",
            data=json.dumps(wanted).encode(),
            headers={"Authorization": f"Bearer {raw}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  our own address
            return int(answer.status)

    for number in range(1, 4):
        marker = f"M{number:05}"
        with pytest.raises((urllib.error.URLError, ConnectionError)):
            post(marker)  # the process dies with the request in hand
        drill.markers.append(marker)
        took = drill.settle(seconds=15, leaping=False)
        assert took < PUMP_S + MARGIN_S
    assert_all_sent_once(drill)


class _ChangedTheirMind(Exception):
    pass


def test_f05_a_rolled_back_event_leaves_no_message(redis_server: Redis, fire: Callable[..., Drill]) -> None:
    drill = fire(redis=redis_server)
    for _ in range(20):
        with contextlib.suppress(_ChangedTheirMind), transaction.atomic():
            send_notification("演练", "撤回", "wechat_bot", "G001")
            raise _ChangedTheirMind
    assert not Notification.objects.exists()
    assert jobs._queue("notify").job_ids == []
    assert drill.deliver() == 0
    send_notification("演练", "保留", "wechat_bot", "G001")
    assert len(jobs._queue("notify").job_ids) == 1  # so the ring would have been seen
    assert drill.deliver() == 1


def test_f06_redis_emptied_again_and_again_under_load_loses_nothing(
    redis_server: Redis, fire: Callable[..., Drill]
) -> None:
    drill = fire(redis=redis_server, groups=100)
    drill.start("--workers", "0")
    drill.start("--queue", "notify")
    for _ in range(10):
        drill.create(10)
        redis_server.flush()
    took = drill.settle(seconds=20, leaping=False)
    assert took < PUMP_S + MARGIN_S
    assert_all_sent_once(drill)


def test_f07_redis_killed_is_bridged_by_the_pump_and_shown_until_it_is_back(
    redis_server: Redis, fire: Callable[..., Drill], settings: Any
) -> None:
    drill = fire(redis=redis_server, groups=40)
    drill.start("--workers", "0")
    for queue in jobs.QUEUES:
        drill.start("--queue", queue)
    wait_until(lambda: banner() == "", seconds=20, what="all is well")
    redis_server.kill()
    drill.create(30)
    took = drill.settle(seconds=20, leaping=False)
    assert took < INLINE_S + MARGIN_S
    assert "Redis" in banner()
    redis_server.start()
    wait_until(lambda: banner() == "", seconds=20, what="the notice is gone")
    drill.create(5)
    drill.settle(seconds=15, leaping=False)
    assert_all_sent_once(drill)


@contextlib.contextmanager
def slow_redis(redis: Redis, *, seconds: float) -> Iterator[str]:
    """Put a proxy before Redis that holds back every answer; yield its address."""

    class Slowly(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.socket(socket.AF_UNIX) as server, contextlib.suppress(OSError):
                server.connect(str(redis.server.socket))
                while data := self.request.recv(65536):
                    server.sendall(data)
                    answer = server.recv(65536)
                    time.sleep(seconds)
                    self.request.sendall(answer)

    class Proxy(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Proxy(("127.0.0.1", 0), Slowly) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield f"redis://127.0.0.1:{proxy.server_address[1]}/0"
        proxy.shutdown()
        thread.join()


def test_f08_slow_redis_costs_the_caller_four_tenths_of_a_second_once(
    redis_server: Redis, fire: Callable[..., Drill], settings: Any
) -> None:
    drill = fire(redis=redis_server, groups=3)
    drill.start("--workers", "0")
    with slow_redis(redis_server, seconds=2.0) as url:
        usual = _time_of(drill.create)
        settings.REDIS_URL = url
        settings.RQ_QUEUES = {name: {**queue, "URL": url} for name, queue in settings.RQ_QUEUES.items()}
        first, second = _time_of(drill.create), _time_of(drill.create)
    assert RING_S > first - usual > 0.2  # it did ask, and gave up
    assert second < first  # and is quiet for a while
    assert jobs.tally.ring_failures == 1
    drill.settle(seconds=15, leaping=False)
    assert_all_sent_once(drill)


def _time_of(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def test_f09_full_redis_is_bridged_by_the_pump_and_counted(
    redis_server: Redis, fire: Callable[..., Drill], tmp_path: Path
) -> None:
    drill = fire(redis=redis_server, groups=30)
    drill.start("--workers", "0")
    drill.start("--queue", "notify")
    drill.create(2)
    drill.settle(seconds=20, leaping=False)
    assert redis_server.command("CONFIG SET maxmemory 1").startswith(b"+OK")
    try:
        drill.create(20)
        assert jobs.tally.ring_failures >= 1  # in the log and in /metrics
        took = drill.settle(seconds=20, leaping=False)
    finally:
        redis_server.command("CONFIG SET maxmemory 0")
    assert took < INLINE_S + MARGIN_S
    assert_all_sent_once(drill)

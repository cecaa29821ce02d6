#!/usr/bin/env python3
"""Callbacks: how fast they are answered while many come, and whether any is lost when everything else dies.

The project's web server (gunicorn as `dev.py up` starts it), its workers, a Redis of its own, and WeCom's
sandbox to read the details from, all on 127.0.0.1. Events come at a fixed rate whether the last one was
answered or not, each on a connection of its own as WeCom does it; the time counts from when an event was to
be sent. In the second run workers and Redis are killed (SIGKILL) and started again while the events come.

    python benchmarks/callbacks.py [--rate 100] [--seconds 20] [--approvals 40]
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import os
import platform
import random
import secrets
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests import services  # noqa: E402
from tests.live import LiveSystem  # noqa: E402
from wecom.crypto import CallbackKeys  # noqa: E402
from wecom.sandbox import DEMO_APP, SandboxServer  # noqa: E402
from wecom.sandbox.approvals import Act, Form  # noqa: E402
from wecom.sandbox.forms import CONCESSION  # noqa: E402

TYPED = {"Text-subject": "IQC-1", "Textarea-reason": "x", "Textarea-why": "y"}
CHANGES = (1, 2, 4, 5, 10)


class System:
    """The servers and their database."""

    def __init__(self, directory: Path, sandbox: SandboxServer) -> None:
        self.live = LiveSystem(directory)
        self.environment = self.live.environment | {"WECHAT_API_BASE_URL": sandbox.base_url}
        self.log = directory / "processes.log"
        self.redis = services.Redis(directory / "redis") if "redis" not in services.missing_parts() else None
        if self.redis:
            self.redis.start()
            self.environment["REDIS_URL"] = self.redis.url
        self.live.environment = self.environment
        self.live.manage("migrate", "--verbosity", "0")
        self.live.manage("collectstatic", "--noinput", "--verbosity", "0")
        self.work = self._spawn("manage.py", "work")
        flags = ["--worker-class", "gthread", "--workers", "2", "--threads", "4", "--preload"]
        self.web = self._spawn(
            "-m", "gunicorn", "--bind", f"127.0.0.1:{self.live.port}", *flags, "spc_site.wsgi"
        )
        services.wait_until(self._is_well, seconds=60, what="the system runs")

    def _spawn(self, *argv: str):  # type: ignore[no-untyped-def]
        return services.spawn([sys.executable, *argv], log=self.log, env=self.environment, directory=ROOT)

    def _is_well(self) -> bool:
        with (
            suppress(OSError),
            closing(http.client.HTTPConnection("127.0.0.1", self.live.port, timeout=5)) as line,
        ):
            line.request("GET", "/healthz")
            return line.getresponse().status == 200
        return False

    def kill_workers(self) -> None:
        """End pump and workers as a crash does."""
        services.end(self.work, signal.SIGKILL)

    def start_workers(self) -> None:
        self.work = self._spawn("manage.py", "work")

    def states(self) -> Counter[str]:
        """Return how many events are in which state."""
        with closing(sqlite3.connect(self.environment["NOTIFICATION_DB_PATH"], timeout=30)) as database:
            rows = database.execute("SELECT state, count(*) FROM approvals_inboundevent GROUP BY state")
            return Counter(dict(rows.fetchall()))

    def stop(self) -> None:
        services.end(self.web)
        services.end(self.work)
        if self.redis:
            self.redis.stop()


class Load:
    """Events at a fixed rate, and what became of each."""

    def __init__(self, port: int, keys: CallbackKeys, forms: list[Form]) -> None:
        self._port = port
        self._keys = keys
        self._forms = forms
        self._lock = threading.Lock()
        self.sent = 0
        self.took_ms: list[float] = []
        self.answers: Counter[int] = Counter()

    def run(self, *, rate: int, seconds: float, second: int) -> None:
        """Send; `second` is the CreateTime of the first, so that no two runs share an event."""
        count = int(rate * seconds)
        bodies = [self._request(place, second + place // rate) for place in range(count)]
        began = time.monotonic() + 0.2
        with ThreadPoolExecutor(64) as pool:
            for place, (query, body) in enumerate(bodies):
                at = began + place / rate
                time.sleep(max(0.0, at - time.monotonic()))
                pool.submit(self._send, query, body, at)
        self.sent += count

    def _request(self, place: int, second: int) -> tuple[str, bytes]:
        form = self._forms[place % len(self._forms)]
        act = Act(CHANGES[place // len(self._forms) % len(CHANGES)], frozenset())
        xml = form.event(DEMO_APP.corp_id, second, act, f"user{place}")
        encrypted = self._keys.seal(xml.encode(), random=secrets.token_bytes(16))
        stamp, nonce = str(second), str(place)
        signature = self._keys.signature(stamp, nonce, encrypted)
        query = urlencode({"msg_signature": signature, "timestamp": stamp, "nonce": nonce})
        return query, f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>".encode()

    def _send(self, query: str, body: bytes, at: float) -> None:
        """Deliver up to three times, as WeCom does; the first answer is what is timed."""
        for attempt in range(3):
            status = 0
            line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
            with suppress(OSError, http.client.HTTPException), closing(line):
                line.request("POST", f"/wecom/callback/?{query}", body, {"Content-Type": "text/xml"})
                status = line.getresponse().status
            with self._lock:
                self.answers[status] += 1
                if not attempt:
                    self.took_ms.append((time.monotonic() - at) * 1000)
            if status == 200:
                return
            time.sleep(1)


def figures(load: Load) -> str:
    cuts = quantiles(load.took_ms, n=100)
    return (
        f"p50 {cuts[49]:.1f} ms   p99 {cuts[98]:.1f} ms   max {max(load.took_ms):.1f} ms   "
        f"answers {dict(sorted(load.answers.items()))}"
    )


def fault_plan(system: System, seconds: float, stop: threading.Event) -> list[str]:
    """Kill workers and Redis at times nobody knows before, and start them again."""
    said: list[str] = []
    chance = random.Random(7)
    turns = itertools.cycle(["workers", "redis"] if system.redis else ["workers"])
    began = time.monotonic()
    while not stop.wait(chance.uniform(seconds / 10, seconds / 5)):
        what = next(turns)
        said.append(f"{time.monotonic() - began:.1f} s {what}")
        if what == "workers":
            system.kill_workers()
            stop.wait(1)
            system.start_workers()
        elif system.redis:
            system.redis.kill()
            stop.wait(2)
            system.redis.start()
    return said


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=int, default=100, help="events a second")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long, each of the two runs")
    parser.add_argument("--approvals", type=int, default=40, help="how many approvals the events are about")
    options = parser.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as folder, SandboxServer(apps=[DEMO_APP]) as sandbox:
        forms = [sandbox.approvals.hand_in(CONCESSION.id, TYPED) for _one in range(options.approvals)]
        system = System(Path(folder), sandbox)
        try:
            keys = CallbackKeys(
                system.environment["WECHAT_CALLBACK_TOKEN"],
                system.environment["WECHAT_CALLBACK_AES_KEY"],
                DEMO_APP.corp_id,
            )
            print(f"{options.rate} events a second for {options.seconds:g} s, about {len(forms)} approvals")
            warm = Load(system.live.port, keys, forms)
            warm.run(rate=40, seconds=5, second=1_700_000_000)
            quiet = Load(system.live.port, keys, forms)
            quiet.run(rate=options.rate, seconds=options.seconds, second=1_800_000_000)
            print(f"undisturbed   {figures(quiet)}")
            rough, is_over = Load(system.live.port, keys, forms), threading.Event()

            def load() -> None:
                rough.run(rate=options.rate, seconds=options.seconds, second=1_900_000_000)
                is_over.set()

            threading.Thread(target=load).start()
            # Here and not in the other thread: what a thread has started ends with it.
            said = fault_plan(system, options.seconds, is_over)
            print(f"under kills   {figures(rough)}\n              killed at {', '.join(said)}")
            sent = warm.sent + quiet.sent + rough.sent
            began = time.monotonic()
            while system.states()["waiting"] and time.monotonic() < began + 120:
                time.sleep(0.2)
            states = system.states()
            lost = sent - states["done"]
            print(f"sent {sent}, stored {states.total()}, acted on {states['done']}, lost {lost}")
            print(f"the last was acted on {time.monotonic() - began:.1f} s after the end")
            return 1 if lost else 0
        finally:
            system.stop()


if __name__ == "__main__":
    sys.exit(main())

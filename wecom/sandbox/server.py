"""The sandbox on a port of this machine: the protocol's calls, the page, and the controls.

`SandboxServer` is a context manager for tests and the body of the command `wecom_sandbox`:

    with SandboxServer(keys={"demo-iqc": "IQC"}) as sandbox:
        Robot(sandbox.webhook_base_url, "demo-iqc").send(markdown("### 你好"))
        assert sandbox.messages[-1].shown
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any

from wecom.masking import mask
from wecom.sandbox.application import App, AppDesk
from wecom.sandbox.approvals import ApprovalDesk
from wecom.sandbox.cards import CardBook
from wecom.sandbox.courier import Courier, Target
from wecom.sandbox.desks import MediaShelf, RobotDesk
from wecom.sandbox.faults import Fault, FaultPlan, Mode
from wecom.sandbox.forms import DEMO_TEMPLATES, Template
from wecom.sandbox.handler import HttpServer
from wecom.sandbox.ledger import Ledger, Received
from wecom.sandbox.view import RobotState, State

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
HOST = "127.0.0.1"
DEMO_KEYS: Mapping[str, str] = {"demo-iqc": "IQC", "demo-oqc": "OQC", "demo-energy": "ENERGY"}
"""Robot keys and the groups they post to, for a start without any configuration."""
DEMO_APP = App(corp_id="demo-corp", secret="demo-secret", agent_id=1000002)  # noqa: S106 - the sandbox's own
"""The application of such a start."""


class SandboxServer:
    """A WeCom on this machine.

    `keys` maps each robot's key to the name of its group; `rate` messages are taken in any `span_s`
    seconds (None: without limit, for benchmarks).  `clock` gives seconds since the epoch.
    """

    def __init__(
        self,
        *,
        keys: Mapping[str, str] = DEMO_KEYS,
        apps: Collection[App] = (),
        port: int = 0,
        rate: int | None = 20,
        span_s: float = 60.0,
        history: int = 500,
        store: Path | None = None,
        users: Collection[str] | None = None,
        unknown: Collection[str] = (),
        token_life_s: int = 7200,
        callback: Target | None = None,
        templates: Collection[Template] = DEMO_TEMPLATES,
        clock: Callable[[], float] = time.time,
        zone: tzinfo = SHANGHAI,
    ) -> None:
        self.clock = clock
        self.zone = zone
        self.ledger = Ledger(history=history, store=store)
        self.faults = FaultPlan(clock)
        self.media = MediaShelf(clock)
        self.robots = RobotDesk(
            keys,
            ledger=self.ledger,
            faults=self.faults,
            media=self.media,
            clock=clock,
            rate=rate,
            span_s=span_s,
        )
        self.courier = Courier(callback, clock=clock, on_change=self.ledger.touch)
        self.cards = CardBook(courier=self.courier, clock=clock, on_change=self.ledger.touch)
        self.apps = AppDesk(
            apps,
            ledger=self.ledger,
            faults=self.faults,
            media=self.media,
            cards=self.cards,
            clock=clock,
            token_life_s=token_life_s,
            users=users,
            unknown=unknown,
        )
        self.approvals = ApprovalDesk(
            self.apps,
            courier=self.courier,
            faults=self.faults,
            media=self.media,
            clock=clock,
            on_change=self.ledger.touch,
            templates=templates,
        )
        self._port = port
        self._http: HttpServer | None = None
        self._thread: threading.Thread | None = None
        self.stopping = threading.Event()

    # --- life -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Listen; raises OSError when the port is taken."""
        self.stopping.clear()
        self.courier.stopping.clear()
        self._http = HttpServer((HOST, self._port), self)
        self._port = self._http.server_address[1]
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, name="wecom-sandbox", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and cut every connection; `start` takes the same port again, with all state."""
        if self._http is None or self._thread is None:
            return
        self.stopping.set()
        self.courier.stopping.set()
        self.ledger.touch()  # wakes the pages that watch
        self._http.shutdown()
        self._http.server_close()
        self._http.cut_connections()
        self._thread.join()
        self._http = self._thread = None

    def __enter__(self) -> SandboxServer:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    # --- addresses --------------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """Return the port; known once started, where 0 was asked for."""
        return self._port

    @property
    def base_url(self) -> str:
        """Return the root: the feed for people, and the value for `WECHAT_API_BASE_URL`."""
        return f"http://{HOST}:{self._port}"

    @property
    def webhook_base_url(self) -> str:
        """Return the value for `WEBHOOK_BASE_URL`."""
        return f"{self.base_url}/cgi-bin/webhook/send?key="

    # --- what tests ask ---------------------------------------------------------------------------------

    @property
    def messages(self) -> list[Received]:
        """Return every call that asked to show something, oldest first; `shown`: it stands in the group."""
        return self.ledger.records()

    @property
    def counts(self) -> dict[str, Any]:
        """Return the counters: received, shown, refused (by code), doubles, faults, applications' calls."""
        return {
            **{
                name: self.ledger.counts[name]
                for name in ("received", "shown", "refused", "doubles", "faults")
            },
            "refusals": {str(code): count for code, count in sorted(self.ledger.refusals.items())},
            "peak_per_span": max((window.peak for window in self.robots.windows.values()), default=0),
            "calls": dict(self.apps.calls),
            "callbacks": dict(self.courier.counts),
        }

    def tally(self, pattern: str) -> Counter[str]:
        """Count how often each match of a pattern stands in shown messages: 0 is lost, 2 is double."""
        return self.ledger.tally(pattern)

    def fail(self, mode: Mode | str, **options: Any) -> int:
        """Make calls fail (see `Fault`); return the number to mend it by."""
        number = self.faults.arm(Fault.from_mapping({"mode": mode, **options}))
        self.ledger.touch()
        return number

    def mend(self, number: int | None = None) -> None:
        """Lift one fault, or all."""
        self.faults.clear(number)
        self.ledger.touch()

    def state(self) -> State:
        """Return what the page shows beside the messages."""
        return State(
            webhook_base_url=self.webhook_base_url,
            robots=tuple(
                RobotState(
                    name=self.robots.name(key),
                    group=group,
                    number=self.robots.number(key),
                    shown_key=mask(key),
                    used=self.robots.windows[key].used(),
                    rate=self.robots.rate,
                )
                for key, group in self.robots.keys.items()
            ),
            faults=tuple({**row, "key": self._group_of(row["key"])} for row in self.faults.listed()),
            counts=self.counts,
            now=self.clock(),
            zone=self.zone,
            card=self.cards.find,
        )

    def _group_of(self, key: str | None) -> str:
        if key is None:
            return ""
        return self.robots.name(key) or mask(key)

    def key_named(self, name: str) -> str:
        """Return the key of a robot, as the page names it."""
        for key in self.robots.keys:
            if name == self.robots.name(key):
                return key
        raise ValueError(f"there is no robot {name}")

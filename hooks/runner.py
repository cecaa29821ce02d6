"""Run hooks in a child process (`hooks.child`) that is killed and replaced when anything is odd."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from django.conf import settings
from django.db import connection

from hooks.loader import Problem
from hooks.models import Outcome
from hooks.points import dumps

START_S = 60.0
"""So long the child may take to set up: a busy machine, a large package."""

GRACE_S = 5.0
"""The child ends a hook in time by itself; one that does not answer so long after is killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a hook."""

    point: str
    event_id: str
    payload: Mapping[str, Any]
    occurred_at: datetime
    schema: int = 1
    attempt: int = 1
    is_dry_run: bool = False
    wants_result: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a call ended."""

    outcome: Outcome
    error: str = ""
    traceback: str = ""
    output: str = ""
    duration_ms: int = 0
    value: Any = None

    @property
    def is_ok(self) -> bool:
        return self.outcome == Outcome.OK


class HooksUnusable(Exception):
    """The customer's hooks cannot be loaded; what is due waits until they can."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems


class Runner:
    """A child process for the customer's hooks, started at the first need; ends with the `with` block."""

    def __init__(self, customer: str = "") -> None:
        self.customer = customer or settings.CUSTOMER
        self._process: subprocess.Popen[bytes] | None = None
        self._wanted: frozenset[str] = frozenset()
        self._said = b""
        self._errors: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def wanted(self) -> frozenset[str]:
        """Return the points that the customer overrides, as the child sees the package now.

        Raises HooksUnusable if it cannot be loaded.
        """
        self._start()
        return self._wanted

    def run(self, call: Call) -> Result:
        """Run one hook to its end or to the end of its time. Raises HooksUnusable; nothing else."""
        self._start()
        time_s = float(settings.HOOK_TIMEOUT)
        request = {
            "point": call.point,
            "event_id": call.event_id,
            "payload": call.payload,
            "occurred_at": call.occurred_at.isoformat(),
            "schema": call.schema,
            "attempt": call.attempt,
            "is_dry_run": call.is_dry_run,
            "wants_result": call.wants_result,
            "time_s": time_s,
            "memory_mb": settings.HOOK_MEMORY_MB,
        }
        began = time.monotonic()
        try:
            self._send(request)
            answer = self._receive(time_s + GRACE_S)
        except (OSError, EOFError) as error:
            outcome = Outcome.TIMEOUT if isinstance(error, TimeoutError) else Outcome.DIED
            took = round((time.monotonic() - began) * 1000)
            words = str(error) or "the process of the hooks has ended"
            self.stop()
            return Result(outcome=outcome, error=words, duration_ms=took)
        return Result(
            outcome=Outcome(answer["outcome"]),
            error=answer.get("error", ""),
            traceback=answer.get("traceback", ""),
            output=answer.get("output", ""),
            duration_ms=answer.get("duration_ms", 0),
            value=answer.get("result"),
        )

    def stop(self) -> None:
        """End the child and all of its group."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._errors.close()

    # --- the child ---

    def _start(self) -> None:
        if self._process is not None:
            return
        self._said = b""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed in stop()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "hooks.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=settings.BASE_DIR,
            bufsize=0,
            start_new_session=True,
        )
        hello = {"customer": self.customer, "database": str(connection.settings_dict["NAME"])}
        try:
            self._send(hello)
            answer = self._receive(START_S)
        except (OSError, EOFError) as error:
            words = f"{error or 'the process ended'}\n{self._last_words()}"
            self.stop()
            raise HooksUnusable([Problem("W008", "扩展进程无法启动。", words)]) from error
        except BaseException:
            self.stop()
            raise
        if answer["problems"]:
            self.stop()
            raise HooksUnusable([Problem(*one) for one in answer["problems"]])
        self._wanted = frozenset(answer["wanted"])

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self._process is not None and self._process.stdin is not None
        data = memoryview(dumps(message).encode() + b"\n")
        while data:
            data = data[self._process.stdin.write(data) :]

    def _receive(self, seconds: float) -> dict[str, Any]:
        """Return the next answer. Raises TimeoutError, or EOFError when the child has ended."""
        assert self._process is not None and self._process.stdout is not None
        deadline = time.monotonic() + seconds
        while b"\n" not in self._said:
            left = deadline - time.monotonic()
            ready = left > 0 and select.select([self._process.stdout], [], [], left)[0]
            if not ready:
                raise TimeoutError(f"no answer within {seconds:g} s")
            data = self._process.stdout.read(65536)
            if not data:
                raise EOFError
            self._said += data
        line, _, self._said = self._said.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _last_words(self) -> str:
        self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(self._errors.tell() - 4096, 0))
        return str(self._errors.read().decode("utf-8", errors="replace"))

"""The process in which the customer's code runs: `python -m hooks.child`, started by `hooks.runner`.

It sets Django up, imports the customer's package, and says over its standard output what it found.
Then, for each request that comes in, it forks: the fork runs one hook, in a session of its own, with
limits of time and memory and with a database connection of its own, says how that ended, and is gone.
Nothing that a hook leaves behind reaches the next one: no thread, no open transaction, no patched
module; and whatever it has started is killed with it.

Forking is safe here as it would not be in a worker: this process has no thread and no connection.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

OUTPUT_LIMIT = 8_000
TRACEBACK_LIMIT = 16_000
RESULT_LIMIT = 64_000

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_READ_SIZE = 65_536
_SAID_LIMIT = 1_000_000
"""More than a hook's process ever says, also where each character takes six."""


# --- the process that forks -------------------------------------------------------------------------


def main() -> None:
    """Serve one runner until it closes the pipe."""
    requests, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # what the package prints when it is imported is no answer
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    lines = _Lines(requests)
    if (hello := lines.next()) is None:
        return
    hooks = _prepare(hello, answers)
    wake_read, wake_write = os.pipe()
    for end in (wake_read, wake_write):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_args: None)
    while (request := lines.next()) is not None:
        private = (requests, answers, wake_read, wake_write)
        _say(answers, _Run(request, hooks, private, wake_read, requests).outcome())


def _prepare(hello: dict[str, Any], answers: int) -> Any:
    """Set Django up, import the customer's hooks, and tell what was found; return the class."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spc_site.settings")
    import django
    from django.conf import settings

    settings.CUSTOMER = hello["customer"]
    settings.DATABASES["default"]["NAME"] = hello["database"]
    django.setup()
    from django.db import connections

    from hooks import loader

    loaded = loader.current()
    connections.close_all()  # a fork must not share one
    problems = [[one.code, one.message, one.details] for one in loaded.problems]
    _say(answers, {"wanted": sorted(loaded.wanted), "problems": problems})
    return loaded.hooks


@dataclass
class _Run:
    """One hook in its own process, watched until it has ended or its time is over."""

    request: dict[str, Any]
    hooks: Any
    private: tuple[int, ...]
    wake: int
    requests: int
    output: _Ends = field(default_factory=lambda: _Ends(OUTPUT_LIMIT))
    result: bytearray = field(default_factory=bytearray)

    def outcome(self) -> dict[str, Any]:
        """Run it; return how it ended."""
        began = time.monotonic()
        result_read, result_write = os.pipe()
        output_read, output_write = os.pipe()
        pid = os.fork()
        if pid == 0:
            for end in (*self.private, result_read, output_read):
                os.close(end)
            _be_the_hook(self.request, self.hooks, result_write, output_write)
        os.close(result_write)
        os.close(output_write)
        self.pipes = {result_read, output_read}
        self.result_pipe = result_read
        for end in self.pipes:
            os.set_blocking(end, False)
        status = self._watch(pid, began + float(self.request["time_s"]))
        _kill_all_of(pid)
        for end in list(self.pipes):
            self._read(end)
        for end in (result_read, output_read):
            os.close(end)
        told = {"output": self.output.text(), "duration_ms": round((time.monotonic() - began) * 1000)}
        return {**self._verdict(status), **told}

    def _watch(self, pid: int, deadline: float) -> int | None:
        """Read what it writes until it ends; return its status, or None if its time was over first."""
        while (left := deadline - time.monotonic()) > 0:
            ready, _, _ = select.select([*self.pipes, self.wake, self.requests], [], [], left)
            if self.requests in ready:  # nothing is asked while we run: whoever started us has gone
                _kill_all_of(pid)
                os._exit(1)
            if self.wake in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self.wake, _READ_SIZE)
            for end in self.pipes & set(ready):
                if not self._read(end):
                    self.pipes.discard(end)
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return status
        return None

    def _read(self, end: int) -> bool:
        """Take what a pipe holds; tell whether more may come."""
        try:
            data = os.read(end, _READ_SIZE)
        except BlockingIOError:
            return True
        if end != self.result_pipe:
            self.output.add(data)
        elif len(self.result) <= _SAID_LIMIT:
            self.result += data
        return bool(data)

    def _verdict(self, status: int | None) -> dict[str, Any]:
        if status is None:
            return {"outcome": "timeout", "error": f"longer than {self.request['time_s']:g} s"}
        with contextlib.suppress(ValueError):
            said: dict[str, Any] = json.loads(self.result)
            return said
        if os.WIFSIGNALED(status):
            return {"outcome": "died", "error": f"killed by {signal.Signals(os.WTERMSIG(status)).name}"}
        return {"outcome": "died", "error": f"ended by itself, exit status {os.WEXITSTATUS(status)}"}


def _kill_all_of(pid: int) -> None:
    """End a hook and whatever it has started, also what has left its group: orphans become ours."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    for _round in range(50):
        for child in _children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.01)


def _children() -> list[int]:
    """Return who our children are now (Linux; elsewhere the group is all that is known)."""
    try:
        return [int(word) for word in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    except OSError:
        return []


# --- the process that runs one hook -----------------------------------------------------------------


def _be_the_hook(request: dict[str, Any], hooks: Any, result: int, output: int) -> NoReturn:
    """Run the hook and leave the process, whatever happens."""
    try:
        os.setsid()
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(output, 1)
        os.dup2(output, 2)
        _limit(request)
        said = _call(request, hooks)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException as error:
        said = _error(error)
    if said.get("result") is not None and len(json.dumps(said)) > RESULT_LIMIT:
        said = {"outcome": "refused", "error": f"the result is longer than {RESULT_LIMIT} characters"}
    _say(result, said)
    os._exit(0)


def _limit(request: dict[str, Any]) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    cpu_s = int(request["time_s"]) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    _limit_memory(_address_space() + int(request["memory_mb"]) * 1024 * 1024)


def _limit_memory(most: int) -> None:
    with contextlib.suppress(ValueError, OSError):  # macOS knows no such limit
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _address_space() -> int:
    """Return how much this process has mapped before the hook adds to it."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:
        return 1 << 30
    return pages * resource.getpagesize()


def _call(request: dict[str, Any], hooks: Any) -> dict[str, Any]:
    from django.db import connections, transaction

    from hooks.loader import arguments_for
    from hooks.points import Event, frozen

    _limit_statements(float(request["time_s"]))
    payload = frozen(request["payload"])
    event = Event(
        id=request["event_id"],
        point=request["point"],
        schema=request["schema"],
        occurred_at=datetime.fromisoformat(request["occurred_at"]),
        attempt=request["attempt"],
        is_dry_run=request["is_dry_run"],
        payload=payload,
    )
    method = getattr(hooks(), event.point)
    arguments = arguments_for(method, {**payload, "event": event, "event_id": event.id})
    if event.is_dry_run:
        with transaction.atomic():
            value = method(**arguments)
            transaction.set_rollback(True)
    else:
        value = method(**arguments)
    for connection in connections.all(initialized_only=True):
        if connection.in_atomic_block or not connection.get_autocommit():
            raise RuntimeError("the hook left a transaction open: nothing of it was stored")
    connections.close_all()
    return {"outcome": "ok", "result": _as_result(value) if request["wants_result"] else None}


def _limit_statements(seconds: float) -> None:
    """Let no statement of this process go on in a PostgreSQL server after the hook's time is over."""
    from django.db.backends.signals import connection_created

    def limit(connection: Any, **_kwargs: Any) -> None:
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT set_config('statement_timeout', %s, false)", [f"{int(seconds * 1000)}ms"]
                )

    connection_created.connect(limit, weak=False)


def _as_result(value: Any) -> Any:
    """Return a result as JSON holds it: decimals as numbers, anything strange as its name."""
    from decimal import Decimal

    if isinstance(value, dict):
        return {str(key): _as_result(one) for key, one in value.items()}
    if isinstance(value, Decimal):
        return float(value)
    if hasattr(value, "item") and callable(value.item):  # a number of numpy
        return _as_result(value.item())
    if isinstance(value, bool | int | float | str) or value is None:
        return value
    return {"unusable": type(value).__name__}


def _error(error: BaseException) -> dict[str, Any]:
    _limit_memory(resource.getrlimit(resource.RLIMIT_AS)[1])  # telling it takes memory, too
    ends = _Ends(TRACEBACK_LIMIT)
    ends.add("".join(traceback.format_exception(error)).encode("utf-8", "replace"))
    return {
        "outcome": "memory" if isinstance(error, MemoryError) else "raised",
        "error": "".join(traceback.format_exception_only(error)).strip()[:255],
        "traceback": ends.text(),
    }


# --- small things ------------------------------------------------------------------------------------


class _Ends:
    """Keeps the beginning and the end of what may be endless."""

    def __init__(self, limit: int) -> None:
        self._half = limit // 2
        self._head, self._tail, self._size = bytearray(), bytearray(), 0

    def add(self, data: bytes) -> None:
        self._size += len(data)
        room = self._half - len(self._head)
        self._head += data[:room]
        self._tail = (self._tail + data[max(room, 0) :])[-self._half :]

    def text(self) -> str:
        lost = self._size - len(self._head) - len(self._tail)
        between = f"\n… {lost} bytes …\n".encode() if lost else b""
        return (self._head + between + self._tail).decode("utf-8", errors="replace").replace("\x00", "\ufffd")


class _Lines:
    """Reads JSON lines from a file descriptor."""

    def __init__(self, end: int) -> None:
        self._end, self._data = end, b""

    def next(self) -> dict[str, Any] | None:
        while b"\n" not in self._data:
            data = os.read(self._end, _READ_SIZE)
            if not data:
                return None
            self._data += data
        line, _, self._data = self._data.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message


def _say(end: int, message: dict[str, Any]) -> None:
    data = json.dumps(message).encode() + b"\n"
    while data:
        data = data[os.write(end, data) :]


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    main()

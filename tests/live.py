"""The system as real processes, and a browser that looks at it."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from tests import services
from wecom.sandbox import DEMO_APP, DEMO_KEYS

ROOT = Path(__file__).resolve().parent.parent
MANAGE = [sys.executable, str(ROOT / "manage.py")]
SCREENS = ROOT / "var" / "screens"

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

KEY_OF_GROUP = {group: key for key, group in DEMO_KEYS.items()}


def clean_environment() -> dict[str, str]:
    """Return the environment without any setting of the system: also `.env` changes nothing."""
    from spc_site import env

    names = {variable.name for variable in env.VARIABLES}
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in names
        and name.removesuffix("_FILE") not in names
        and not name.startswith(("PYTEST_", "DJANGO_"))
        and name != "PYTHONDONTWRITEBYTECODE"  # every process would compile all of it anew
    }
    return {**kept, **dict.fromkeys(names, ""), "PYTHONWARNINGS": "default"}


def child_environment(*, redis_url: str = "") -> dict[str, str]:
    """Return the environment of a child process that shares this test's database."""
    from django.db import connection

    config = connection.settings_dict
    environment = clean_environment() | {"REDIS_URL": redis_url, "SECRET_KEY": "tests-" + "k" * 50}
    if connection.vendor == "sqlite":
        environment["NOTIFICATION_DB_PATH"] = str(config["NAME"])
    else:
        environment["DATABASE_URL"] = (
            f"postgres://{config['USER']}@{config['HOST']}:{config['PORT']}/{config['NAME']}"
        )
    return environment


class Workers:
    """Worker processes of `manage.py work`."""

    def __init__(self, environment: dict[str, str], *, log: Path) -> None:
        self.environment = environment
        self.log = log
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, *queues: str) -> list[int]:
        """Start one worker on each queue; return their process ids once all have shown themselves."""
        from spc_site.models import WorkerBeat

        pids = [self.spawn("--queue", queue) for queue in queues]
        self.wait_until(
            lambda: WorkerBeat.objects.filter(pid__in=pids).count() == len(pids),
            seconds=30,
            what=f"workers of {queues} beat",
        )
        return pids

    def wait_until(self, condition: Callable[[], object], *, seconds: float, what: str) -> None:
        """Wait as `services.wait_until` does, but no longer than the processes live."""

        def checked() -> object:
            for process in self._processes:
                if process.poll() is not None:
                    raise AssertionError(
                        f"a process of `work` ended:\n{self.log.read_text(encoding='utf-8')}"
                    )
            return condition()

        services.wait_until(checked, seconds=seconds, what=what)

    def spawn(self, *arguments: str) -> int:
        """Start `manage.py work` with arguments; return its process id."""
        argv = [*MANAGE, "work", *arguments]
        process = services.spawn(argv, log=self.log, env=self.environment, directory=ROOT)
        self._processes.append(process)
        return process.pid

    def kill(self, pid: int) -> None:
        """End one as a crash does."""
        process = next(process for process in self._processes if process.pid == pid)
        services.end(process, signal.SIGKILL)
        self._processes.remove(process)

    def end(self, pid: int, *, seconds: float = 20) -> int:
        """Ask one to end; return its exit status."""
        process = next(process for process in self._processes if process.pid == pid)
        services.end(process, seconds=seconds)
        self._processes.remove(process)
        return process.returncode

    def stop(self) -> None:
        while self._processes:
            services.end(self._processes.pop())


class LiveSystem:
    """Web server, `work` and the WeCom sandbox on free ports, with a fresh database."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.database = directory / "live.sqlite3"
        self.port, self.sandbox_port = services.free_port(), services.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.sandbox_url = f"http://127.0.0.1:{self.sandbox_port}"
        self.environment = clean_environment() | {
            "SECRET_KEY": "tests-" + "k" * 50,
            "DJANGO_SETTINGS_MODULE": "tests.live_settings",
            "LIVE_STATIC_ROOT": str(directory / "static"),
            "NOTIFICATION_DB_PATH": str(self.database),
            "FRONTEND_URL": self.url,
            "ALLOW_HTTP": "true",
            "WEBHOOK_BASE_URL": f"{self.sandbox_url}/cgi-bin/webhook/send?key=",
            **{f"{name}_WEBHOOK_KEY": key for name, key in KEY_OF_GROUP.items()},
            "WECHAT_API_BASE_URL": self.sandbox_url,
            "WECHAT_CORP_ID": DEMO_APP.corp_id,
            "WECHAT_CORP_SECRET": DEMO_APP.secret,
            "WECHAT_AGENT_ID": str(DEMO_APP.agent_id),
            "WECHAT_CALLBACK_TOKEN": "LiveToken2026",
            "WECHAT_CALLBACK_AES_KEY": "4I7UzYWxDABVCuzGcyHil4DlLC3Pfeu6suzvDfjdeek",
        }
        self._processes: list[subprocess.Popen[bytes]] = []
        self._redis: services.Redis | None = None

    def start(self) -> None:
        if "redis" not in services.missing_parts():
            self._redis = services.Redis(self.directory / "redis")
            self._redis.start()
            self.environment["REDIS_URL"] = self._redis.url
        self.manage("migrate", "--verbosity", "0")
        self.manage("collectstatic", "--noinput", "--verbosity", "0")
        keys = [word for name, key in KEY_OF_GROUP.items() for word in ("--key", f"{name}={key}")]
        store = str(self.directory / "sandbox.jsonl")
        self._spawn(*MANAGE, "wecom_sandbox", "--port", str(self.sandbox_port), *keys, "--store", store)
        self._spawn(*MANAGE, "work")
        web = ["gunicorn", "--bind", f"127.0.0.1:{self.port}", "--threads", "4", "spc_site.wsgi"]
        self._spawn(sys.executable, "-m", *web)
        services.wait_until(
            lambda: _is_up(f"{self.url}/healthz"), seconds=30, what="the web server is healthy"
        )
        services.wait_until(lambda: _is_up(self.sandbox_url), seconds=30, what="the sandbox answers")

    def manage(self, *arguments: str) -> str:
        """Run a management command; return what it printed. Its failure fails the test."""
        done = subprocess.run(
            [*MANAGE, *arguments], env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{arguments}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def hurry(self, *names: str) -> None:
        """Let periodic work be due now instead of at its minute."""
        with closing(sqlite3.connect(self.database, timeout=10)) as database:
            for name in names:
                database.execute(
                    "UPDATE spc_site_schedule SET next_run = '2000-01-01 00:00:00' WHERE name = ?", (name,)
                )
            database.commit()

    def stop(self) -> None:
        while self._processes:
            services.end(self._processes.pop())
        if self._redis is not None:
            self._redis.stop()

    def _spawn(self, *argv: str) -> None:
        log = self.directory / "processes.log"
        self._processes.append(services.spawn(argv, log=log, env=self.environment, directory=ROOT))


def _is_up(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  our own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


class Browsing:
    """Browser pages that watch over themselves."""

    def __init__(self, chromium: Any, name: str) -> None:
        self._chromium = chromium
        self._name = re.sub(r"[^\w-]+", "_", name)
        self._contexts: list[Any] = []
        self._faults: list[str] = []

    def open(
        self,
        *,
        width: int = 1440,
        height: int = 900,
        dark: bool = False,
        touch: bool = False,
        locale: str = "zh-CN",
    ) -> Any:
        """Return a fresh page (own cookies) of that size."""
        context = self._chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            has_touch=touch,
            is_mobile=touch,
            locale=locale,
            timezone_id="Asia/Shanghai",
        )
        self._contexts.append(context)
        context.route("**/*", self._stay_here)
        page = context.new_page()
        page.on("pageerror", lambda error: self._faults.append(f"script error: {error}"))
        page.on("console", self._note_console)
        return page

    def shoot(self, page: Any, name: str) -> Path:
        """Keep a picture of a page under var/screens."""
        SCREENS.mkdir(parents=True, exist_ok=True)
        path = SCREENS / f"{name}.png"
        page.screenshot(path=str(path), full_page=True)
        return path

    def close(self) -> None:
        """Close every page; AssertionError if one of them did what pages must not."""
        for context in self._contexts:
            context.close()
        assert not self._faults, "\n".join(self._faults)

    def _stay_here(self, route: Any) -> None:
        url = route.request.url
        if re.match(r"(https?://127\.0\.0\.1[:/]|data:|blob:|about:)", url):
            route.continue_()
        else:
            self._faults.append(f"request to another machine: {url}")
            route.abort()

    def _note_console(self, message: Any) -> None:
        is_over = "ERR_CONNECTION_REFUSED" in message.text  # the server of the test has ended before the page
        if message.type in {"error", "warning"} and not is_over:
            self._faults.append(f"console {message.type}: {message.text}")

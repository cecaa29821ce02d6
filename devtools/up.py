"""`dev.py up`: the whole system on this machine, from a clean clone to pages and messages."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from devtools import environment
from devtools.console import LOGS, ROOT, VAR, Captured, Step, Trouble, say, step, supervised
from spc_site.supervise import redis_server
from spc_site.supervise.processes import Death, Program, Supervisor

LOCK = VAR / "up.lock"
MEMORY = VAR / "up.json"
PASSWORD = VAR / "demo_password"
LOG_LIMIT_BYTES = 5 * 1024 * 1024
PATIENCE_S = 15.0
DEMO_KEYS = {"IQC": "demo-iqc", "OQC": "demo-oqc", "ENERGY": "demo-energy"}
DEMO_APP = {"WECHAT_CORP_ID": "demo-corp", "WECHAT_CORP_SECRET": "demo-secret", "WECHAT_AGENT_ID": "1000002"}
KEY_VARIABLES = (
    *(f"{name}_WEBHOOK_KEY" for name in DEMO_KEYS),
    "WECHAT_BOT_WEBHOOK",
    "WECHAT_CORP_SECRET",
    "EMAIL_URL",
)
MANAGE = (str(environment.PYTHON), str(ROOT / "manage.py"))
MANAGER = ROOT / "devtools" / "manager.py"


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    host: str
    port: int | None
    sandbox_port: int | None
    workers: int
    browser: bool
    examples: bool


def up(options: Options) -> int:
    """Bring everything up and keep it up until Ctrl-C or SIGTERM."""
    VAR.mkdir(mode=0o700, exist_ok=True)  # holds the database, keys and imported files
    LOGS.mkdir(exist_ok=True)
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell may have told us to ignore the first
        signal.signal(number, _interrupt)
    with _only_one() as announce:
        say("Setting up the quality back office")
        environment.prepare(environment.PRODUCTION)
        system = System(options)
        try:
            system.start()
            announce(system.url)
            system.tell()
            system.watch()
        except KeyboardInterrupt:
            say()
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)  # from here on it ends by itself
            system.end()
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _only_one() -> Iterator[Callable[[str], None]]:
    """Hold the lock of this checkout; yields what notes the address in it.

    The kernel frees it when this process ends, however that happens.
    """
    with LOCK.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            note = json.loads(file.read() or "{}")
            raise Trouble(
                f"It is already running (process {note.get('pid', '?')}): {note.get('url', '?')}\n"
                "  End that one first: Ctrl-C in its terminal."
            ) from None

        def announce(url: str) -> None:
            file.truncate(0)
            file.write(json.dumps({"pid": os.getpid(), "url": url}))
            file.flush()

        announce("it is still starting")
        yield announce


class System:
    """The processes of one run."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._memory = _read_json(MEMORY)
        self._supervisor = Supervisor(on_death=_tell_death)
        self._redis = "none: the pump drains inline"
        self._environment = environment.environment()
        self._settings = self._read_settings()
        self._listener = socket.socket()
        self._is_demo = not any(self._settings[name] for name in KEY_VARIABLES)
        self.url = ""
        self._sandbox_url = ""

    # --- the steps ----------------------------------------------------------------------------

    def start(self) -> None:
        """Start everything, each in its turn; the servers wake up while the data is prepared."""
        self._take_ports()
        with step("Redis") as line:
            self._start_redis(line)
        with contextlib.closing(Manager(self._environment)) as manager:
            with step("Database") as line:
                manager.run("migrate", "--noinput", line=line, doing="migrating")
                line.outcome("up to date")
            with step("Web files") as line:
                self._collect_static(manager, line)
            if self._is_demo:
                self._start_sandbox()
            self._start("web", *self._web_argv(), pass_fds=(self._listener.fileno(),))
            self._start("work", *MANAGE, "work", "--workers", str(self._options.workers))
            self._start_bridge()
            if self._is_demo:
                with step("Demo accounts") as line:
                    password = _demo_password()
                    manager.run("demo_accounts", "--password", password, line=line, doing="creating")
                if self._options.examples:
                    with step("Examples") as line:
                        self._import_examples(manager, line)
        if self._is_demo:
            with step("WeCom sandbox") as line:
                self._await("sandbox", f"http://127.0.0.1:{self._memory['sandbox_port']}/", line)
                line.outcome("started")
        with step("Web server, workers") as line:
            health = f"http://127.0.0.1:{self._listener.getsockname()[1]}/healthz"
            self._await("web", health, line)
            is_well = _wait_until(lambda: _http_status(health) == 200, seconds=30.0)
            line.outcome("started" if is_well else f"started, but not well: see {health}")

    def tell(self) -> None:
        """Print where everything is."""
        rows = [("Dashboard", f"{self.url}/"), ("Admin", f"{self.url}/admin/")]
        if self._is_demo:
            rows += [
                ("Login", f"admin / {_demo_password()}   (also: engineer, inspector, manager)"),
                ("Messages", f"{self._sandbox_url}/   (WeCom sandbox)"),
                ("Approvals", f"{self._sandbox_url}/approvals   (its approval desk)"),
            ]
        else:
            rows += [("Messages", "go to the real WeCom: keys are set, so no sandbox, accounts or examples")]
        rows += [("Redis", self._redis), ("Logs", f"{LOGS.relative_to(ROOT)}/")]
        say("\nEverything is running. Ctrl-C ends it.\n")
        for name, value in rows:
            say(f"  {name:<12}{value}")
        say()
        is_desktop = (
            os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or sys.platform == "darwin"
        )
        if self._options.browser and is_desktop and sys.stdout.isatty():
            webbrowser.open(f"{self.url}/")

    def watch(self) -> None:
        """Keep every process running."""
        while True:
            self._supervisor.poll()
            time.sleep(0.5)

    def end(self) -> None:
        """End every process that was started."""
        say("Stopping …")
        self._supervisor.stop(patience_s=PATIENCE_S)
        self._listener.close()
        say("Everything has ended.")

    # --- settings and ports -------------------------------------------------------------------

    def _read_settings(self) -> dict[str, Any]:
        """Return every setting as the system reads it (environment, files, .env)."""
        code = (
            "import json, os, pathlib; from spc_site import env;"
            "env.load_dotenv(pathlib.Path('.env'));"
            "given = {v.name: env.raw(v.name, os.environ) for v in env.VARIABLES};"
            "print(json.dumps({name: env.read(name) if text else None for name, text in given.items()}))"
        )
        done = subprocess.run(
            [environment.PYTHON, "-c", code],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise Trouble(done.stderr.strip().rpartition("\n")[2])
        settings: dict[str, Any] = json.loads(done.stdout)
        return settings

    def _take_ports(self) -> None:
        """Choose the ports, those of the last run if possible: links in old messages name them."""
        host = self._options.host
        self._listener.close()
        self._listener = _listen(host, self._options.port or self._memory.get("port"), 8000)
        port = self._listener.getsockname()[1]
        public = _public_address() if host in {"0.0.0.0", "::"} else host  # noqa: S104
        self.url = str(self._settings["FRONTEND_URL"] or f"http://{public}:{port}")
        self._remember("port", port)
        if not self._settings["FRONTEND_URL"]:
            self._environment |= {"FRONTEND_URL": self.url, "ALLOW_HTTP": "true"}
        if not self._settings["ALLOWED_HOSTS"]:
            names = dict.fromkeys(["localhost", "127.0.0.1", "[::1]", public, socket.gethostname()])
            self._environment["ALLOWED_HOSTS"] = ",".join(names)
        if self._is_demo:
            wanted = self._options.sandbox_port or self._memory.get("sandbox_port")
            with _listen("127.0.0.1", wanted, 8001) as sandbox:  # shows messages without any login
                sandbox_port = sandbox.getsockname()[1]
            self._remember("sandbox_port", sandbox_port)
            self._sandbox_url = f"http://{public}:{sandbox_port}"
            self._environment["WEBHOOK_BASE_URL"] = (
                f"http://127.0.0.1:{sandbox_port}/cgi-bin/webhook/send?key="
            )
            self._environment |= {f"{name}_WEBHOOK_KEY": key for name, key in DEMO_KEYS.items()}
            self._environment |= {"WECHAT_API_BASE_URL": f"http://127.0.0.1:{sandbox_port}", **DEMO_APP}
            # Both sides are started with the same ones, so that the callbacks of the sandbox are believed.
            self._environment |= {
                "WECHAT_CALLBACK_TOKEN": secrets.token_hex(16),
                "WECHAT_CALLBACK_AES_KEY": secrets.token_hex(32)[:43],
            }

    # --- the parts ----------------------------------------------------------------------------

    def _start_redis(self, line: Step) -> None:
        if self._settings["REDIS_URL"]:
            self._redis = "the one of REDIS_URL"
            line.outcome(self._redis)
            return
        binary = redis_server.find(environment.SITE_PACKAGES)
        if binary is not None:
            server = redis_server.Server(binary, VAR / "redis")
            is_running = self._runs(server)
            if not is_running:
                server.forget()
                is_running = self._runs(server)
            if is_running:
                self._redis = f"{binary.words}, private socket"
                self._environment["REDIS_URL"] = server.url
        line.outcome(self._redis)

    def _runs(self, server: redis_server.Server) -> bool:
        """Start a server of ours; tell whether it answers. One that does not is ended again."""
        server.prepare()
        self._start("redis", *server.argv(), is_base=True)
        if _wait_until(server.answers, seconds=5.0):
            return True
        self._supervisor.stop(patience_s=1.0)  # nothing else runs yet
        return False

    def _collect_static(self, manager: Manager, line: Step) -> None:
        """Gather and compress the files of the pages, if any of them changed."""
        files = [ROOT / environment.PRODUCTION, *ROOT.glob("*/static/**/*"), *ROOT.glob("*/*/static/**/*")]
        facts = [f"{path}:{path.stat().st_size}:{path.stat().st_mtime_ns}" for path in sorted(files)]
        digest = hashlib.sha256("\n".join(facts).encode()).hexdigest()
        if self._memory.get("static") == digest and (ROOT / "staticfiles" / "staticfiles.json").exists():
            line.outcome("up to date")
            return
        manager.run("collectstatic", "--noinput", "--clear", line=line, doing="collecting")
        self._remember("static", digest)
        line.outcome("collected")

    def _start_sandbox(self) -> None:
        keys = [word for name, key in DEMO_KEYS.items() for word in ("--key", f"{name}={key}")]
        port, store = str(self._memory["sandbox_port"]), str(VAR / "sandbox.jsonl")
        app = ("--app", ":".join(DEMO_APP.values()))
        site = f"http://127.0.0.1:{self._listener.getsockname()[1]}/wecom/callback/"
        more = ("--callback", site, "--store", store)
        self._start("sandbox", *MANAGE, "wecom_sandbox", "--port", port, *keys, *app, *more)

    def _start_bridge(self) -> None:
        """Start the MQTT bridge where there is a broker; its client is a package that few need."""
        if not self._settings["MQTT_URL"]:
            return
        if not (environment.SITE_PACKAGES / "paho").is_dir():
            say("  MQTT_URL is set, but paho-mqtt is missing: .venv/bin/pip install 'paho-mqtt>=2.1,<3'")
            return
        self._start("mqtt", *MANAGE, "mqtt_bridge")

    def _web_argv(self) -> list[str]:
        argv = [str(environment.PYTHON), "-m", "gunicorn", "--bind", f"fd://{self._listener.fileno()}"]
        argv += ["--worker-class", "gthread", "--workers", "2", "--threads", "4", "--preload"]
        return [*argv, "--graceful-timeout", "5", "--no-control-socket", "spc_site.wsgi"]

    def _import_examples(self, manager: Manager, line: Step) -> None:
        """Import the example workbooks; what is already there is recognised and left alone."""
        paths = sorted((ROOT / "examples").glob("iqc_*.xlsx")) + sorted(
            (ROOT / "examples").glob("oqc_*.xlsx")
        )
        manager.run("demo_settings", line=line, doing="settings")
        for number, path in enumerate(paths):
            bar = "█" * (20 * number // len(paths))
            doing = f"[{bar:<20}] {number}/{len(paths)} {path.name}"
            if path.name.startswith("oqc_"):
                words = ["import_oqc", str(path)]
            else:
                words = ["import_iqc", str(path), "--origin", "self" if "self" in path.stem else "supplier"]
            manager.run(*words, line=line, doing=doing)
        manager.run("demo_energy", line=line, doing="energy plant")
        line.outcome(f"{len(paths)} workbooks and an energy plant are in")

    # --- helpers ------------------------------------------------------------------------------

    def _remember(self, name: str, value: int | str) -> None:
        """Note something for the next run."""
        self._memory[name] = value
        MEMORY.write_text(json.dumps(self._memory), encoding="utf-8")

    def _start(self, name: str, *argv: str, is_base: bool = False, pass_fds: tuple[int, ...] = ()) -> None:
        log = LOGS / f"{name}.log"
        if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
            log.replace(log.with_suffix(".log.1"))
        self._supervisor.start(
            Program(
                name=name,
                argv=argv,
                environment=self._environment,
                directory=ROOT,
                log=log,
                is_base=is_base,
                pass_fds=pass_fds,
            )
        )

    def _await(self, name: str, url: str, line: Step) -> None:
        """Wait until a server answers HTTP with whatever; Trouble with its last words if it does not."""

        def looks_up() -> bool:
            line.show("starting")
            return self._supervisor.pid(name) is None or _http_status(url) is not None

        if not _wait_until(looks_up, seconds=60.0) or self._supervisor.pid(name) is None:
            log = LOGS / f"{name}.log"
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
            raise Trouble("\n".join([f"The {name} does not start:", *(f"    {text}" for text in lines)]))


class Manager:
    """One process that runs management commands; see `devtools/manager.py`."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._answers, theirs = os.pipe()
        with (LOGS / "setup.log").open("ab") as output:
            self._process = subprocess.Popen(
                supervised([environment.PYTHON, MANAGER, str(theirs)]),
                cwd=ROOT,
                env={**variables, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                pass_fds=(theirs,),
            )
        os.close(theirs)

    def run(self, *words: str, line: Step, doing: str) -> None:
        """Run one command. Raises Trouble with its last words if it fails."""
        captured = Captured("setup")
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # then there is no answer either
            self._process.stdin.write(json.dumps(words).encode() + b"\n")
            self._process.stdin.flush()
        line.show(doing)
        while not select.select([self._answers], [], [], 0.5)[0]:
            line.show(doing)
        if os.read(self._answers, 16).strip() != b"0":
            raise captured.trouble()

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()
        os.close(self._answers)
        if self._process.stdin is not None:
            self._process.stdin.close()


def _tell_death(death: Death) -> None:
    again = f"in {death.pause_s:.0f} s" if death.pause_s else "now"
    say(f"! {death.program.name} ended ({death.cause}); it is started again {again}.")
    for text in death.last_lines:
        say(f"    {text}")
    if death.program.log is not None:
        say(f"    … {death.program.log.relative_to(ROOT)}")


def _listen(host: str, wanted: int | None, default: int) -> socket.socket:
    """Return a socket that listens on the wanted port, or says that it is taken and takes the next."""
    first = wanted or default
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in [*range(first, min(first + 100, 65536)), 0]:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(128)
        except PermissionError:
            listener.close()
            raise Trouble(f"Port {port} is for root only; choose one above 1023 with --port.") from None
        except OSError as error:
            listener.close()
            if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                raise Trouble(f"This machine has no address {host}.") from None
            continue
        if (taken := listener.getsockname()[1]) != first:
            say(f"  Port {first} is taken by another program; using {taken}.")
        return listener
    raise Trouble("No free port was found.")


def _public_address() -> str:
    """Return the address of this machine that others reach it by, or the loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # documentation address: nothing is sent
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def _http_status(url: str) -> int | None:
    """Return the status of an answer, None without any."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  our own address
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def _wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.2)
    return False


def _demo_password() -> str:
    """Return the password of the demo accounts, made once and readable by the owner alone."""
    with contextlib.suppress(FileNotFoundError):
        return PASSWORD.read_text(encoding="ascii").strip()
    descriptor = os.open(PASSWORD, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(password := secrets.token_urlsafe(9))
    return password


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}

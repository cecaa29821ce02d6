"""Real servers for the tests: a private PostgreSQL, a private Redis, and what is missing.

Standard library alone, because `dev.py test` starts the PostgreSQL before pytest runs.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from spc_site.lib.fonts import CJK_NAMES, CJK_PROBE, find_font
from spc_site.supervise import redis_server
from spc_site.supervise.processes import LAUNCHER

HOW_TO_GET = {
    "chromium": "apt-get install chromium",
    "fonts": "apt-get install fonts-noto-cjk",
    "redis": "apt-get install redis-server",
    "postgres": "apt-get install postgresql",
    "gettext": "apt-get install gettext",
    "libreoffice": "apt-get install libreoffice-writer-nogui",
    "mosquitto": "apt-get install mosquitto",
}
"""The parts that only some tests need, and the Debian package of each."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_until(condition: Callable[[], object], *, seconds: float, what: str) -> None:
    """Call `condition` until it is true; AssertionError if that takes too long."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain: {what}")
        time.sleep(0.05)


def chromium_path() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def postgres_bin() -> Path | None:
    """Return the folder of the newest PostgreSQL server of Debian, or of the one on the PATH."""
    versions = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()]
    if versions:
        return max(versions, key=lambda path: float(path.parent.name))
    initdb = shutil.which("initdb")
    return Path(initdb).resolve().parent if initdb else None


def mosquitto_path() -> str | None:
    """Return Debian's MQTT broker, which lies where only root has its PATH."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


@functools.cache
def missing_parts() -> list[str]:
    """Return the parts of `HOW_TO_GET` that this machine lacks."""
    present = {
        "chromium": chromium_path(),
        "fonts": find_font(CJK_PROBE, CJK_NAMES),
        "redis": redis_server.find(),
        "postgres": postgres_bin(),
        "gettext": shutil.which("msgfmt"),
        "libreoffice": shutil.which("soffice"),
        "mosquitto": mosquitto_path(),
    }
    return [name for name in HOW_TO_GET if not present[name]]


def spawn(
    argv: Sequence[str],
    *,
    log: Path,
    user: str | None = None,
    env: dict[str, str] | None = None,
    directory: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a server that ends when the tests end, also when they are killed."""
    if user is None:
        argv = [sys.executable, "-S", "-E", str(LAUNCHER), str(os.getpid()), *argv]
    else:  # the promise to end with us is void once the user has changed, so it is made after that
        argv = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--pdeathsig=TERM", *argv]
    with log.open("ab") as output:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=env,
            cwd=directory,
        )


def end(
    process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGTERM, *, seconds: float = 20
) -> None:
    """End a process and all of its group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Redis:
    """A private Redis that can be killed and started again."""

    def __init__(self, directory: Path) -> None:
        binary = redis_server.find()
        assert binary is not None
        self.server = redis_server.Server(binary, directory)
        self.log = directory.with_suffix(".log")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self.server.url

    def start(self) -> None:
        self.server.prepare()
        self._process = spawn(self.server.argv(), log=self.log)
        wait_until(self.server.answers, seconds=10, what="Redis answers")

    def flush(self) -> None:
        """Empty it."""
        assert self.command("FLUSHALL").startswith(b"+OK")

    def command(self, words: str) -> bytes:
        """Send one command line; return the raw answer."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(5)
            client.connect(str(self.server.socket))
            client.sendall(words.encode() + b"\r\n")
            return client.recv(65536)

    def kill(self) -> None:
        """End it as a crash does."""
        self.stop(signal.SIGKILL)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            end(self._process, number)
            self._process = None


class Mosquitto:
    """A private MQTT broker on free ports of 127.0.0.1, one of them with TLS, and one user."""

    USER, PASSWORD = "bridge", "p@ss/word"

    def __init__(self, directory: Path, *, certificate: Path, key: Path) -> None:
        self.directory = directory
        self.certificate, self._key = certificate, key
        self.port, self.tls_port = free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def tls_url(self) -> str:
        return self.url.replace("mqtt://", "mqtts://").replace(f":{self.port}", f":{self.tls_port}")

    @property
    def url(self) -> str:
        return f"mqtt://{self.USER}:{quote(self.PASSWORD, safe='')}@127.0.0.1:{self.port}"

    def start(self) -> None:
        binary = mosquitto_path()
        assert binary is not None
        passwords = self.directory / "passwords"
        passwords.touch(mode=0o600)
        tool = ["mosquitto_passwd", "-b", str(passwords), self.USER, self.PASSWORD]
        subprocess.run(tool, check=True, capture_output=True)
        config = self.directory / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\n"
            f"listener {self.tls_port} 127.0.0.1\ncertfile {self.certificate}\nkeyfile {self._key}\n"
            f"user {pwd.getpwuid(os.getuid()).pw_name}\n"
        )
        self._process = spawn([binary, "-c", str(config)], log=self.directory / "log.txt")
        wait_until(self.answers, seconds=10, what="mosquitto answers")

    def answers(self) -> bool:
        with socket.socket() as client:
            client.settimeout(1)
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        if self._process is not None:
            end(self._process)
            self._process = None


class Postgres:
    """A private cluster on a free port of 127.0.0.1; as root it runs as user postgres.

    One that is not `durable` answers before anything is on the disk: right for tests, wrong for
    measuring and for crashes.
    """

    def __init__(self, directory: Path, *, durable: bool = False) -> None:
        folder = postgres_bin()
        assert folder is not None
        self._bin = folder
        self.directory = directory
        self.port = free_port()
        self._durable = "on" if durable else "off"
        self._user = "postgres" if os.getuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def create(self) -> None:
        """Make the empty cluster. Nothing is synced to the disk: it lives as long as the tests."""
        if self._user:
            account = pwd.getpwnam(self._user)
            os.chown(self.directory, account.pw_uid, account.pw_gid)
        argv = [str(self._bin / "initdb"), "-D", str(self._data), "-U", "postgres", "--auth=trust"]
        argv += ["--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"]
        process = spawn(argv, log=self._log, user=self._user)
        if process.wait(120) != 0:
            raise RuntimeError(f"initdb failed:\n{self._log.read_text(encoding='utf-8', errors='replace')}")

    def start(self) -> None:
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.directory,
            "fsync": self._durable,
            "synchronous_commit": self._durable,
            "full_page_writes": self._durable,
            "timezone": "UTC",
        }
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        argv = [str(self._bin / "postgres"), "-D", str(self._data), *settings]
        self._process = spawn(argv, log=self._log, user=self._user)
        wait_until(self.answers, seconds=30, what="PostgreSQL answers")

    def answers(self) -> bool:
        argv = [str(self._bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(argv, check=False).returncode == 0

    def run(self, program: str, *arguments: str) -> bytes:
        """Run one of PostgreSQL's own programs on our database; return what it printed."""
        argv = [str(self._bin / program), *arguments, f"--dbname={self.url}"]
        return subprocess.run(argv, check=True, capture_output=True).stdout

    def kill(self) -> None:
        """End it as a crash does."""
        self.stop(signal.SIGQUIT)

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        if self._process is not None:
            end(self._process, number)
            self._process = None

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    @property
    def _log(self) -> Path:
        return self.directory / "log.txt"


@contextlib.contextmanager
def running_postgres(*, durable: bool = False) -> Iterator[Postgres]:
    """Run a fresh cluster in a directory of its own, which goes with it."""
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as directory:
        cluster = Postgres(Path(directory), durable=durable)
        cluster.create()
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()

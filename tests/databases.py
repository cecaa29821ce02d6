"""The test database, and how it comes to its tables in a second.

All migrations from the first to the newest take ten seconds, and every process of a run needs a
database. So whoever comes first migrates and leaves what came of it behind: a file in `var/tests`,
a template on the PostgreSQL server. The others take a copy, and `migrate` looks over it: a migration
that it lacks is applied, roles and channels are brought up to date. What was left behind is good
for the migrations, and the code that they use, of one moment: see `key`.
"""

from __future__ import annotations

import ast
import contextlib
import fcntl
import functools
import hashlib
import shutil
import sqlite3
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import django
from django.db import connection

from tests.live import MANAGE, ROOT, clean_environment
from tests.services import Postgres

DIRECTORY = ROOT / "var" / "tests"
LOCK_NUMBER = 20261124
"""Any number, the same for all: whoever holds it on a PostgreSQL server looks after the template there."""


def create() -> None:
    """Make the test database with all tables, and connect to it."""
    if connection.vendor == "sqlite":
        _create_file()
    else:
        _create_on_server()


def copy_file(target: Path) -> None:
    """Give another SQLite database our tables, if they have been left behind; it is to be migrated anyway."""
    with _alone():
        _copy_file(target)


def fill(cluster: Postgres) -> None:
    """Give another cluster our tables, empty ones: those of an earlier cluster, or by migrating."""
    dump = _kept("sql")
    with _alone():
        cluster.run("psql", "--quiet", "--command=DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        if dump.exists():
            cluster.run("psql", "--quiet", "--set=ON_ERROR_STOP=1", f"--file={dump}")
            return
        environment = clean_environment() | {"DATABASE_URL": cluster.url}
        subprocess.run([*MANAGE, "migrate", "-v0"], env=environment, cwd=ROOT, check=True)
        _leave(dump, cluster.run("pg_dump", "--no-owner"))


# --- SQLite -----------------------------------------------------------------------------------


def _create_file() -> None:
    name = Path(connection.settings_dict["TEST"]["NAME"])
    with _alone():
        is_copy = _copy_file(name)
        connection.creation.create_test_db(verbosity=0, serialize=False, keepdb=True)
        if not is_copy:
            with contextlib.closing(sqlite3.connect(name)) as database:
                _leave(_kept("sqlite3"), database.serialize())


def _copy_file(target: Path) -> bool:
    kept = _kept("sqlite3")
    if is_there := kept.exists():
        shutil.copyfile(kept, target)
    return is_there


# --- PostgreSQL -------------------------------------------------------------------------------


def _create_on_server() -> None:
    template = f"migrated_{key()}"
    with connection._nodb_cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK_NUMBER])  # until the cursor is closed
        cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE 'migrated_%%'")
        names = {name for (name,) in cursor.fetchall()}
        if template in names:
            connection.settings_dict["TEST"]["TEMPLATE"] = template
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        if template not in names:
            connection.close()  # a database that somebody is connected to cannot be copied
            cursor.execute(f'CREATE DATABASE "{template}" TEMPLATE "{connection.settings_dict["NAME"]}"')
        for name in names - {template}:
            cursor.execute(f'DROP DATABASE "{name}"')


# --- what is left behind ----------------------------------------------------------------------


@functools.cache
def key() -> str:
    """Return a name for what the migrations make: another one whenever they could make something else."""
    digest = hashlib.sha256(f"{django.__version__} {sqlite3.sqlite_version}".encode())
    for path in sources(ROOT.glob("*/migrations/*.py")):
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def sources(paths: Iterable[Path]) -> list[Path]:
    """Return files of ours and all files of ours that they import, themselves or through others."""
    found = set(paths)
    ahead = list(found)
    while ahead:
        for node in ast.walk(ast.parse(ahead.pop().read_bytes())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            fresh = {path for name in names for path in _files_of(name)} - found
            found |= fresh
            ahead += fresh
    return sorted(found)


def _files_of(name: str) -> Iterator[Path]:
    """Yield the files of ours that `import name` runs; the last words may be something in a module."""
    path = ROOT
    for word in name.split("."):
        path /= word
        for file in (path / "__init__.py", path.with_suffix(".py")):
            if file.is_file():
                yield file


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Keep the other processes of this checkout away from what is left behind."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    with (DIRECTORY / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _kept(suffix: str) -> Path:
    return DIRECTORY / f"{key()}.{suffix}"


def _leave(target: Path, content: bytes) -> None:
    """Write a file at once or not at all; those of other moments go."""
    for old in set(DIRECTORY.glob(f"*{target.suffix}")) - {target}:
        old.unlink()
    fresh = target.with_suffix(".new")
    fresh.write_bytes(content)
    fresh.replace(target)

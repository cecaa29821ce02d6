"""`dev.py test` and its smaller sisters."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from devtools import environment
from devtools.console import ROOT, Trouble, say
from tests import services

BIN = environment.VENV / "bin"
NO_TESTS = 5
"""pytest's exit status when nothing was chosen."""


def test(arguments: Sequence[str], *, strict: bool) -> int:
    """Run the tests that use the database on PostgreSQL, then all of them on SQLite.

    The whole run comes last, so that its closing line is the last word. `strict`: a part that
    this machine lacks is a failure, where otherwise the tests that need it are skipped.
    """
    environment.prepare(environment.DEVELOPMENT)
    missing = services.missing_parts()
    if strict and missing:
        raise Trouble(f"Nothing may be missing here, but it is:\n{_how_to_get(missing)}")
    variables = _clean_environment() | ({"CI_STRICT": "1"} if strict else {})
    pytest = [BIN / "pytest", *(() if arguments else _parallel()), *arguments]
    on_postgres = 0
    if "postgres" not in missing:
        say("\nThe tests that use the database, on PostgreSQL")
        with services.running_postgres() as cluster:
            chosen = [*pytest, "-m", "database and not browser"]
            on_postgres = _run(chosen, variables | {"DATABASE_URL": cluster.url})
    say("\nAll tests, on SQLite")
    on_sqlite = _run(pytest, variables)
    if missing:
        say(f"\nSome tests were skipped for want of:\n{_how_to_get(missing)}")
    if on_postgres not in {0, NO_TESTS}:
        say("\nThe tests on PostgreSQL failed, see above.")
        return on_postgres
    return on_sqlite


def check() -> int:
    """Check formatting, lint, types, import rules, migrations and locks."""
    environment.prepare(environment.DEVELOPMENT)
    return _run([BIN / "pytest", "tests/test_architecture.py"], _clean_environment())


def e2e(arguments: Sequence[str]) -> int:
    """Run the browser tests."""
    environment.prepare(environment.DEVELOPMENT)
    return _run([BIN / "pytest", "-m", "browser", *arguments], _clean_environment())


def fmt() -> int:
    """Format the code and sort its imports."""
    environment.prepare(environment.DEVELOPMENT)
    variables = environment.environment()
    return _run([BIN / "ruff", "check", "--fix", "--quiet", "."], variables) | _run(
        [BIN / "ruff", "format", "."], variables
    )


def lock(arguments: Sequence[str]) -> int:
    """Turn the hand-written requirements into exact versions with hashes (`--upgrade` for newer ones)."""
    uv = shutil.which("uv") or shutil.which("uv", path=str(BIN))
    if uv is None:
        raise Trouble("`lock` needs uv: python3 -m pip install uv")
    for source in ("requirements.in", "requirements-dev.in"):
        target = str(Path(source).with_suffix(".txt"))
        argv = [uv, "pip", "compile", source, "--output-file", target, "--python-version", "3.11"]
        status = _run(
            [*argv, "--generate-hashes", "--no-header", "--quiet", *arguments], environment.environment()
        )
        if status:
            return status
        say(f"  {target} is made from {source}")
    return 0


def messages() -> int:
    """Bring the English catalog up to date with the code, and compile it."""
    environment.prepare(environment.DEVELOPMENT)
    if shutil.which("msgfmt") is None:
        raise Trouble(f"`messages` needs gettext: {services.HOW_TO_GET['gettext']}")
    manage = [environment.PYTHON, ROOT / "manage.py"]
    ignored = [f"--ignore={name}" for name in (".venv", "var", "staticfiles", "tests", "benchmarks")]
    variables = _clean_environment()
    made = _run(
        [*manage, "makemessages", "--locale", "en", "--no-obsolete", "--no-location", *ignored], variables
    )
    return made or _run([*manage, "compilemessages", "--locale", "en", "--ignore=.venv"], variables)


def _run(argv: Sequence[str | Path], variables: dict[str, str]) -> int:
    return subprocess.run([str(word) for word in argv], cwd=ROOT, env=variables, check=False).returncode


def _parallel() -> list[str]:
    """Use the processors there are, up to four; what shares one system stays in one process.

    One process more than processors: there is always one that waits for a browser or a worker.
    """
    count = min(os.cpu_count() or 1, 4)
    return ["-n", str(count + 1), "--dist", "loadgroup"]


def _clean_environment() -> dict[str, str]:
    """Return the environment without any setting of the system: tests must not see a real key."""
    code = "import json; from tests.live import clean_environment; print(json.dumps(clean_environment()))"
    done = subprocess.run(
        [environment.PYTHON, "-c", code],
        cwd=ROOT,
        env=environment.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    cleaned: dict[str, str] = json.loads(done.stdout)
    return cleaned


def _how_to_get(parts: Sequence[str]) -> str:
    return "\n".join(f"  {part:<10} {services.HOW_TO_GET[part]}" for part in parts)

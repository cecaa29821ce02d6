"""What holds for the whole code base: format, lint, types, import rules, migrations, locks, gaps."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import polib
import pytest
from django.core.management import call_command, get_commands
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from spc_site import checks, env
from tests.live import clean_environment

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
ROOMS = (
    "accounts",
    "alarms",
    "approvals",
    "contracts",
    "customers",
    "energy",
    "hooks",
    "notifications",
    "quality",
    "spc_site",
    "wecom",
)


def run(*argv: str | Path, variables: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    environment = clean_environment() | (variables or {})
    words = [str(word) for word in argv]
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def passes(*argv: str | Path, variables: dict[str, str] | None = None) -> None:
    done = run(*argv, variables=variables)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


# --- tools ------------------------------------------------------------------------------------


def test_the_code_is_formatted() -> None:
    passes(BIN / "ruff", "format", "--check", ".")


def test_the_linter_has_nothing_to_say() -> None:
    passes(BIN / "ruff", "check", ".")


@pytest.mark.slow
def test_the_types_fit() -> None:
    passes(BIN / "mypy", *ROOMS, "devtools", "dev.py")


def test_the_rooms_import_only_downwards() -> None:
    passes(BIN / "lint-imports", "--no-cache")


def test_every_ignored_rule_has_its_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    ignored = text.partition("\nignore = [\n")[2].partition("\n]")[0].splitlines()
    assert ignored
    assert all(re.search(r'",\s+# \S', line) for line in ignored)


# --- Django -----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_models_have_their_migrations() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_a_production_system_passes_every_check() -> None:
    production = {
        "SECRET_KEY": "".join(chr(33 + number % 90) for number in range(64)),
        "FRONTEND_URL": "https://qms.plant.example",
        "ALLOWED_HOSTS": "qms.plant.example",
        "IQC_WEBHOOK_KEY": "11111111-2222-3333-4444-555555555555",
        "OQC_WEBHOOK_KEY": "11111111-2222-3333-4444-555555555556",
        "ENERGY_WEBHOOK_KEY": "11111111-2222-3333-4444-555555555557",
        "DJANGO_SETTINGS_MODULE": "spc_site.settings",
    }
    argv = ["manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    passes(sys.executable, "-W", "error", *argv, variables=production)


def test_every_management_command_has_a_test() -> None:
    commands = {name for name, app in get_commands().items() if app in ROOMS}
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert {name for name in commands if f'"{name}"' not in sources} == set()
    assert "work" in commands


# --- requirements -----------------------------------------------------------------------------


def wanted(name: str) -> list[Requirement]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line.strip() and not line.startswith(("#", "-r"))]


def pinned(name: str) -> dict[str, str]:
    """Return the exact version of each package of a lock; every one must have a hash."""
    text = re.sub(r"\\\n", " ", (ROOT / name).read_text(encoding="utf-8"))
    pins = {}
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            found = re.match(r"([\w.\[\]-]+)==(\S+)(?: ; [^-]*)?\s.*--hash=sha256:", line)
            assert found, f"{name}: not an exact version with a hash: {line[:60]}"
            pins[canonicalize_name(found[1].partition("[")[0])] = found[2]
    return pins


@pytest.mark.parametrize(
    ("source", "lock"),
    [("requirements.in", "requirements.txt"), ("requirements-dev.in", "requirements-dev.txt")],
)
def test_the_lock_fits_what_is_wanted(source: str, lock: str) -> None:
    pins = pinned(lock)
    for requirement in wanted(source):
        version = pins.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} of {source} is not in {lock}: python3 dev.py lock"
        assert requirement.specifier.contains(version), f"{requirement} does not allow {version}"


def test_development_has_all_of_production_at_the_same_versions() -> None:
    assert pinned("requirements.txt").items() <= pinned("requirements-dev.txt").items()


def test_every_dependency_has_its_line_of_reason() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    names = {
        requirement.name
        for source in ("requirements.in", "requirements-dev.in")
        for requirement in wanted(source)
    }
    assert {name for name in names if f"| {name} |" not in page} == set()


# --- dev.py -----------------------------------------------------------------------------------


def test_dev_py_needs_the_standard_library_alone() -> None:
    modules = "devtools.verbs, devtools.up, devtools.suite, devtools.manager, tests.services"
    passes(sys.executable, "-S", "-c", f"import {modules}")


def test_dev_py_can_be_read_by_an_old_python_so_that_it_can_say_what_is_wrong() -> None:
    ast.parse((ROOT / "dev.py").read_text(encoding="utf-8"), feature_version=(3, 7))


# --- words ------------------------------------------------------------------------------------


def example_of_the_environment() -> str:
    """Return what .env.example should be: every variable with its meaning and its default."""

    def text(value: object) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        return ",".join(value) if isinstance(value, Sequence) and not isinstance(value, str) else str(value)

    lines = ["# 复制为 .env 并按需取消注释。每个密钥也可以放在文件里：NAME_FILE=/路径。"]
    for variable in env.VARIABLES:
        lines += ["", f"# {variable.meaning}", f"#{variable.name}={text(variable.default)}"]
    return "\n".join(lines) + "\n"


def test_the_example_of_the_environment_is_up_to_date() -> None:
    assert (ROOT / ".env.example").read_text(encoding="utf-8") == example_of_the_environment()


def test_the_operators_page_names_every_variable_and_every_check() -> None:
    page = (ROOT / "docs" / "operator.md").read_text(encoding="utf-8")
    source = Path(checks.__file__).read_text(encoding="utf-8")
    names = {variable.name for variable in env.VARIABLES} | set(re.findall(r"spc_site\.W\d{3}", source))
    assert {name for name in names if f"`{name}`" not in page} == set()


def _texts(entries: Iterable[polib.POEntry]) -> dict[tuple[str | None, str], Any]:
    return {(entry.msgctxt, entry.msgid): entry.msgstr or entry.msgstr_plural for entry in entries}


def test_the_compiled_catalogs_are_those_of_their_sources() -> None:
    for catalog in (ROOT / "locale").rglob("*.po"):
        source = polib.pofile(str(catalog)).translated_entries()
        assert _texts(polib.mofile(str(catalog.with_suffix(".mo")))) == _texts(source)


def test_nothing_speaks_of_the_machine_it_was_written_on() -> None:
    files = run("git", "grep", "-nIE", f"{ROOT}|/home/[a-z]+/|/root/").stdout
    own = Path(__file__).name
    assert [line for line in files.splitlines() if own not in line] == [], files

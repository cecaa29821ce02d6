"""The virtual environment in .venv and what is installed in it."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys

from devtools.console import ROOT, Step, Trouble, run_quietly, step

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
SITE_PACKAGES = VENV / "lib" / "python{}.{}".format(*sys.version_info) / "site-packages"
STAMP = VENV / ".installed.json"
PRODUCTION = "requirements.txt"
DEVELOPMENT = "requirements-dev.txt"
NEEDED_BYTES = 900 * 1024 * 1024


def prepare(requirements: str) -> None:
    """Make the environment and install the pinned requirements, where that is not done yet."""
    with step("Python environment") as line:
        line.outcome("ready" if _is_usable() else _make(line))
    with step("Requirements") as line:
        line.outcome("up to date" if _is_installed(requirements) else _install(requirements, line))


def environment() -> dict[str, str]:
    """Return the environment variables for programs that run in .venv.

    They may keep what they compile: dozens of processes would begin by compiling all of it.
    """
    foreign = {"PYTHONHOME", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"}
    kept = {name: value for name, value in os.environ.items() if name not in foreign}
    return kept | {
        "VIRTUAL_ENV": str(VENV),
        "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


def _is_usable() -> bool:
    """Tell whether the environment works; one that was interrupted while it was made does not."""
    test = "import sys; sys.exit(sys.prefix == sys.base_prefix)"
    try:
        return subprocess.run([PYTHON, "-c", test], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _make(line: Step) -> str:
    free = shutil.disk_usage(ROOT).free
    if free < NEEDED_BYTES:
        raise Trouble(
            f"There is too little space on the disk: {free // 2**20} MB free,"
            f" {NEEDED_BYTES // 2**20} MB needed."
        )
    if all(importlib.util.find_spec(name) for name in ("ensurepip", "venv")):
        argv = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    elif uv := shutil.which("uv"):  # can do without Debian's python3-venv
        argv = [uv, "venv", "--clear", "--python", sys.executable, str(VENV)]
    else:
        raise Trouble("Python lacks venv. On Debian: sudo apt-get install python3-venv")
    run_quietly(argv, line=line, doing="making", log="install")
    return "made"


def _digest(requirements: str) -> str:
    return hashlib.sha256((ROOT / requirements).read_bytes()).hexdigest()


def _stamps() -> dict[str, str]:
    try:
        stamps = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamps if isinstance(stamps, dict) else {}


def _is_installed(requirements: str) -> bool:
    return _stamps().get(requirements) == _digest(requirements)


def _install(requirements: str, line: Step) -> str:
    pinned = ["--require-hashes", "-r", requirements]
    pip = [str(PYTHON), "-m", "pip", "install", "--no-input", "--progress-bar", "off", *pinned]
    installers = [pip] if (VENV / "bin" / "pip").exists() else []
    if uv := shutil.which("uv"):
        installers.insert(0, [uv, "pip", "install", "--python", str(PYTHON), *pinned])
    for argv in installers:
        try:
            run_quietly(argv, line=line, doing="installing", log="install", env=environment())
            break
        except Trouble:  # uv does not know what pip is told about its index; pip has the last word
            if argv is installers[-1]:
                raise
    stamps = {requirements: _digest(requirements)}
    if requirements == DEVELOPMENT:  # holds all of production at the same versions; a test says so
        stamps[PRODUCTION] = _digest(PRODUCTION)
    STAMP.write_text(json.dumps(stamps), encoding="utf-8")
    return "installed"

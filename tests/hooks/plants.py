"""Customers that exist only while a test runs: a folder `customers` on PYTHONPATH, as a plant may have."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import customers

HEAD = "from hooks.base import CustomerHooks\n\n\nclass Hooks(CustomerHooks):\n"


def write(path: Path, name: str, body: str, *, head: str = HEAD) -> None:
    """Write a customer's package below a folder of PYTHONPATH; the body is that of its class."""
    package = path / "customers" / name / "hooks"
    package.mkdir(parents=True, exist_ok=True)
    for folder in (path / "customers", package.parent):
        (folder / "__init__.py").touch()
    text = textwrap.dedent(body).strip("\n")
    if head.rstrip().endswith(":"):
        text = textwrap.indent(text, "    ")
    (package / "__init__.py").write_text(f"{head}{text}\n", encoding="utf-8")


def forget(name: str) -> None:
    """Let the next import read the package again."""
    for module in [one for one in sys.modules if one.startswith(f"customers.{name}")]:
        del sys.modules[module]
    vars(customers).pop(name, None)

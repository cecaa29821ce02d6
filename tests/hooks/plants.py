"""Customers that exist only while a test runs."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import customers

HEAD = "from hooks.base import CustomerHooks\n\n\nclass Hooks(CustomerHooks):\n"


def write(folder: Path, name: str, body: str, *, head: str = HEAD) -> None:
    """Write a customer's package below a folder that is on the path of `customers`."""
    package = folder / name / "hooks"
    package.mkdir(parents=True, exist_ok=True)
    (folder / name / "__init__.py").touch()
    body = textwrap.dedent(body).strip("\n")
    indent = "    " if head == HEAD else ""
    text = head + textwrap.indent(body, indent) + "\n"
    (package / "__init__.py").write_text(text, encoding="utf-8")


def forget(name: str) -> None:
    """Let the next import read the package again."""
    for module in [one for one in sys.modules if one.startswith(f"customers.{name}")]:
        del sys.modules[module]
    vars(customers).pop(name, None)

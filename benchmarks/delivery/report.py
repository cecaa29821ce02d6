"""What is printed, and kept for a table; what it ran on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

_rows: list[tuple[str, ...]] = []


def tell(*cells: object) -> None:
    """Print one line of the result and keep it."""
    row = tuple(str(cell) for cell in cells)
    _rows.append(row)
    print(
        "  ".join(cell.ljust(width) for cell, width in zip(row, (34, 12, 12, 14, 10, 40), strict=False)),
        flush=True,
    )


def word(held: bool) -> str:
    return "held" if held else "MISSED"


def head(title: str, *columns: str) -> None:
    print(f"\n{title}", flush=True)
    _rows.append((f"### {title}",))
    tell(*columns)


def machine() -> str:
    """Name what it ran on."""
    from importlib.metadata import version

    names = ("Django", "requests", "redis", "rq", "psycopg")
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    load = os.getloadavg()[0]
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return f"{model}, {os.cpu_count()} cores, load {load:.1f}; Python {platform.python_version()}, {versions}"


def markdown() -> str:
    lines = [machine(), ""]
    for row in _rows:
        if len(row) == 1:
            lines += ["", row[0], ""]
            is_head = True
            continue
        lines.append("| " + " | ".join(row) + " |")
        if is_head:
            lines.append("| " + " | ".join("---" for _ in row) + " |")
            is_head = False
    return "\n".join(lines) + "\n\n"

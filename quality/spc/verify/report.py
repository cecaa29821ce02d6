"""A verification run as text, JSON or HTML."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from quality.spc.verify.checks import Check
from quality.spc.verify.run import Run


@dataclass(frozen=True, slots=True)
class Labels:
    """The words of a report. `summary` takes {checks}, {cases} and {failed}."""

    title: str = "Verification of the SPC engine"
    case: str = "Case"
    source: str = "Source"
    quantity: str = "Quantity"
    expected: str = "Expected"
    got: str = "Got"
    difference: str = "Difference"
    allowed: str = "Allowed"
    verdict: str = "Verdict"
    equal: str = "equal"
    differs: str = "DIFFERS"
    error: str = "ERROR"
    versions: str = "Versions"
    summary: str = "{checks} results of {cases} published cases recomputed, {failed} differ"
    language: str = "en"

    def of(self, check: Check) -> str:
        """The word for a verdict."""
        return str(getattr(self, check.verdict))

    def summary_of(self, run: Run) -> str:
        """The sentence under the table."""
        return self.summary.format(checks=len(run.checks), cases=len(run.cases), failed=len(run.failed))


ENGLISH = Labels()
_WIDTHS = (46, 24, 24, 11)


def as_text(run: Run, labels: Labels = ENGLISH) -> str:
    """A table per case, for a terminal."""
    head = (labels.quantity, labels.expected, labels.got, labels.difference)
    lines = [labels.title, ""]
    for name in run.cases:
        checks = run.of_case(name)
        lines += [f"{name}: {checks[0].source}", _text_row(head, labels.verdict)]
        for check in checks:
            cells = (check.quantity, shown(check.expected), shown(check.got), shown_difference(check))
            lines.append(_text_row(cells, labels.of(check)))
        lines.append("")
    lines.append(labels.summary_of(run))
    lines.append(f"{labels.versions}: " + ", ".join(f"{name} {v}" for name, v in run.versions.items()))
    return "\n".join(lines) + "\n"


def _text_row(cells: tuple[str, ...], last: str) -> str:
    padded = [_cut(cell, width).ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True)]
    return "  ".join(["", *padded, last])


def as_json(run: Run, labels: Labels = ENGLISH) -> str:
    """The run as it is stored; the labels play no part."""
    return json.dumps(run.to_dict(), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def as_html(run: Run, labels: Labels = ENGLISH) -> str:
    """A page that stands alone, with everything that a record needs; no script, no outside file."""
    head = (labels.quantity, labels.expected, labels.got, labels.difference, labels.allowed, labels.verdict)
    parts = [
        f'<!doctype html>\n<html lang="{html.escape(labels.language)}"><head><meta charset="utf-8">',
        f"<title>{html.escape(labels.title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{html.escape(labels.title)}</h1>",
        f'<p class="{"equal" if run.passed else "differs"}">{html.escape(labels.summary_of(run))}</p>',
        f"<p>{html.escape(labels.versions)}: ",
        html.escape(", ".join(f"{name} {version}" for name, version in run.versions.items())),
        "</p>",
    ]
    for name in run.cases:
        checks = run.of_case(name)
        parts.append(f"<h2>{html.escape(name)}</h2><p>{html.escape(checks[0].source)}</p><table><tr>")
        parts += [f"<th>{html.escape(cell)}</th>" for cell in head]
        parts.append("</tr>\n")
        for check in checks:
            cells = (
                check.quantity,
                shown(check.expected),
                shown(check.got),
                shown_difference(check),
                check.allowed,
            )
            row = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
            parts.append(f'<tr class="{check.verdict}">{row}<td>{html.escape(labels.of(check))}</td></tr>\n')
        parts.append("</table>\n")
    parts.append("</body></html>\n")
    return "".join(parts)


_STYLE = (
    "body{font:14px/1.5 sans-serif;margin:2em;max-width:75em}table{border-collapse:collapse;width:100%}"
    "th,td{border:1px solid #bbb;padding:.2em .5em;text-align:left;overflow-wrap:anywhere;vertical-align:top}"
    "tr.differs td,tr.error td,p.differs{background:#fdd}p.equal{background:#dfd;padding:.3em}"
    "@media print{h2{break-after:avoid}}"
)

FORMATS: dict[str, Callable[..., str]] = {"text": as_text, "json": as_json, "html": as_html}


def shown(value: Any) -> str:
    """A value in short: twelve significant digits, a dash for what does not exist."""
    if value is None:
        return "—"
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, list):
        return "[" + ", ".join(shown(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {shown(item)}" for key, item in value.items()) + "}"
    return str(value)


def shown_difference(check: Check) -> str:
    """The difference in short, empty where nothing was measured."""
    return "" if check.difference is None else f"{check.difference:.2g}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"

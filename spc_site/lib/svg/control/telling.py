"""What a control chart says to those who do not see it: in words, and as data for its script."""

from __future__ import annotations

import json
from collections.abc import Sequence

from spc_site.lib.svg.control.panels import Names, Prepared
from spc_site.lib.svg.limits import (
    Edges,
)
from spc_site.lib.svg.spec import (
    Frame,
    Labels,
)


def describe(prepared: Sequence[Prepared], names: Names, labels: Labels) -> str:
    """Say in words what the chart shows: limits, number of points, violating points."""
    sentences: list[str] = []
    for item in prepared:
        panel = item.panel
        number = sum(value is not None for value in item.values)
        words = [panel.name, labels.count.replace("{}", str(number))]
        words += [label.text for label in item.references]
        points = sorted({v.index for v in panel.violations if 0 <= v.index < len(item.values)})
        if points:
            words.append("▲ " + ", ".join(names.short(i) for i in points))
        sentences.append(" ".join(words))
    return "; ".join(sentences)


def data_of(
    prepared: Sequence[Prepared],
    frames: Sequence[Frame],
    edges: Edges,
    names: Names,
    point_labels: Sequence[str],
) -> str:
    """Return what the script needs to answer a finger: places and values, compact.

    x: first place and distance; r: left and right edge; w: how a point is called; n: names (absent: 1, 2 …);
    p: per plot title, unit, decimals, top and bottom, values; e: excluded points.
    """
    count = len(edges.x)
    gap = edges.x[1] - edges.x[0] if count > 1 else 0.0
    data: dict[str, object] = {
        "x": [round(edges.x[0], 2), round(gap, 4)],
        "r": [round(edges.left, 1), round(edges.right, 1)],
        "c": count,
        "w": names.labels.point,
    }
    if point_labels:
        data["n"] = [names.short(i) for i in range(count)]
    excluded = sorted({i for item in prepared for i in item.panel.excluded if 0 <= i < count})
    if excluded:
        data["e"] = {"w": names.labels.excluded, "i": excluded}
    data["p"] = [
        {
            "t": item.panel.name,
            "u": item.panel.unit,
            "d": item.decimals,
            "y": [round(frame.box.top, 1), round(frame.box.bottom, 1)],
            "v": [None if v is None else _short(v, item.decimals) for v in item.values],
        }
        for item, frame in zip(prepared, frames, strict=True)
    ]
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _short(value: float, decimals: int) -> float | int:
    """Return the value as displayed, as the shortest number."""
    shown = round(value, decimals) if decimals <= 9 and 1e-9 <= abs(value) < 1e10 else float(f"{value:.5g}")
    return int(shown) if shown.is_integer() and abs(shown) < 1e15 else shown

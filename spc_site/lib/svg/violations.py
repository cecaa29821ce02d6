"""Marking points that break a rule: a triangle on each, the rules' names beside them without overlap.

Neighbours that break the same rules, and are too close for a name each, share one over a bracket. A name
is placed over its point (under it on the lower side) at the first place that hides neither another name
nor a triangle, and as few points as possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spc_site.lib.svg.place import Box, free
from spc_site.lib.svg.spec import Group, Mark, Rect, Text, Triangle, line
from spc_site.lib.svg.text import text_width

MOST_NAMES = 3


@dataclass(frozen=True, slots=True)
class Violation:
    """A point that breaks rules.

    `rules` are the short names drawn beside the point ("1"), `text` is the sentence shown on touch;
    `alarm` is False for a signal that is drawn but alarms nobody (amber instead of red, hollow badge).
    """

    index: int
    rules: tuple[str, ...] = ()
    text: str = ""
    alarm: bool = True


@dataclass(frozen=True, slots=True)
class Marked:
    """A violation at its place; `names` are what its badge says."""

    index: int
    x: float
    y: float
    up: bool
    alarm: bool
    names: tuple[str, ...]
    title: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """Violations that share one badge; `up` is the side on which it is placed, from the anchor outwards."""

    members: tuple[Marked, ...]
    up: bool
    anchor: tuple[float, float]


def pill_height(font: float) -> float:
    """Return the height of a pill; a name of one character makes it a circle."""
    return font + 3.4


def pill_width(name: str, font: float) -> float:
    """Return the width of the pill around one name."""
    return max(pill_height(font), text_width(name, font) + 6)


def pills_width(names: Sequence[str], font: float) -> float:
    """Return the width of pills side by side."""
    return sum(pill_width(name, font) for name in names) + len(names) - 1


def pills(names: Sequence[str], left: float, middle: float, font: float, *, alarm: bool) -> tuple[Mark, ...]:
    """Return a row of pills, shapes before texts, from `left` on around the height `middle`."""
    kind = "bad" if alarm else "warn"
    height = pill_height(font)
    shapes: list[Mark] = []
    texts: list[Mark] = []
    for name in names:
        width = pill_width(name, font)
        shapes.append(Rect(f"{kind}-badge", left, middle - height / 2, width, height, height / 2))
        texts.append(Text(f"text-{kind}", left + width / 2, middle + 0.36 * font, name, font, "middle"))
        left += width + 1
    return (*shapes, *texts)


def shown_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names that a badge shows: all of a few, else the first ones and "…"."""
    return tuple(names) if len(names) <= MOST_NAMES else (*names[: MOST_NAMES - 1], "…")


def clusters(marked: Sequence[Marked], points: Sequence[tuple[float, float]], font: float) -> list[Cluster]:
    """Join neighbours with the same rules and weight whose badges would touch.

    Points that follow each other are joined even where they lie on both sides of the centre line (a rule
    about alternation marks such a run); others only on the same side. `points` are all drawn points.
    """
    runs: list[list[Marked]] = []
    for item in marked:
        last = runs[-1][-1] if runs else None
        if (
            last
            and item.names
            and (last.names, last.alarm) == (item.names, item.alarm)
            and (last.up == item.up or last.index == item.index - 1)
            and item.x - last.x < pills_width(shown_names(item.names), font) + 2
        ):
            runs[-1].append(item)
        else:
            runs.append([item])
    return [_cluster(run, points) for run in runs]


def _cluster(run: Sequence[Marked], points: Sequence[tuple[float, float]]) -> Cluster:
    """Return a run as a cluster: anchored over its middle, beyond all points that it spans."""
    first, last = run[0].x, run[-1].x
    up = 2 * sum(item.up for item in run) >= len(run)
    ys = [item.y for item in run]
    if len(run) > 1:
        ys += [y for x, y in points if first <= x <= last]
    return Cluster(tuple(run), up, ((first + last) / 2, min(ys) if up else max(ys)))


def triangle_box(item: Marked, radius: float) -> Box:
    """Return the area of a violation's triangle."""
    return Box(item.x - radius, item.y - radius, item.x + radius, item.y + radius)


def _candidates(cluster: Cluster, radius: float, width: float, height: float) -> list[tuple[float, Box]]:
    """Return places for a badge with the cost of their distance, nearest on the natural side first."""
    x, y = cluster.anchor
    places: list[tuple[float, Box]] = []
    up = cluster.up
    for side_cost, above in ((0.0, up), (2.5, not up)):
        for k in range(14):
            away = radius + 2.5 + height / 2 + k * height / 3
            cy = y - away if above else y + away
            for shift_cost, shift in ((0.0, 0.0), (0.8, -0.55 * width), (0.8, 0.55 * width)):
                cx = x + shift
                box = Box(cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2)
                places.append((side_cost + 0.35 * k + shift_cost, box))
    return places


def place_badges(
    found: Sequence[Cluster],
    points: Sequence[tuple[float, float]],
    *,
    bounds: Box,
    font: float,
    radius: float,
) -> list[tuple[Cluster, Box]]:
    """Return each cluster with the place of its badge; a cluster without free room has none.

    `points` are all drawn points, by rising x.
    """
    triangles = [triangle_box(item, radius) for cluster in found for item in cluster.members]
    placed: list[tuple[Cluster, Box]] = []
    taken: list[Box] = []
    for cluster in found:
        names = shown_names(cluster.members[0].names)
        if not names:
            continue
        width, height = pills_width(names, font), pill_height(font)
        best: tuple[float, Box] | None = None
        for cost, box in _candidates(cluster, radius, width, height):
            if best and cost >= best[0]:
                continue
            inner = _into(box, bounds)
            if not inner.inside(bounds) or not free(inner, taken, 1.0) or not free(inner, triangles, 0.5):
                continue
            cost += 2.0 * _hidden(inner, points)
            if best is None or cost < best[0]:
                best = (cost, inner)
        if best:
            taken.append(best[1])
            placed.append((cluster, best[1]))
    return placed


def _into(box: Box, bounds: Box) -> Box:
    """Return the box moved sideways into the bounds."""
    return box.moved(max(0.0, bounds.left - box.left) + min(0.0, bounds.right - box.right), 0.0)


def _hidden(box: Box, points: Sequence[tuple[float, float]]) -> int:
    """Count the points under a box."""
    near = Box(box.left - 2.5, box.top - 2.5, box.right + 2.5, box.bottom + 2.5)
    return sum(near.left < x < near.right and near.top < y < near.bottom for x, y in points)


def draw_badge(cluster: Cluster, box: Box, font: float, radius: float) -> list[Mark]:
    """Return the pills with the rules' names, with a bracket over a run or a line to a moved badge."""
    first = cluster.members[0]
    kind = "bad" if first.alarm else "warn"
    names = shown_names(first.names)
    height = pill_height(font)
    middle_x, middle_y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    marks: list[Mark] = []
    above = box.bottom <= cluster.anchor[1]
    near = box.bottom if above else box.top
    if len(cluster.members) > 1:
        rail = near + (1.5 if above else -1.5)
        # As wide as the points' own room, so that it still fits when the script stretches the axis.
        half = (cluster.members[-1].x - first.x) / (cluster.members[-1].index - first.index) / 2
        left, right = first.x - half, cluster.members[-1].x + half
        marks.append(line(f"{kind}-mark", left, rail, right, rail))
    elif abs(near - cluster.anchor[1]) > radius + height or abs(middle_x - cluster.anchor[0]) > 1:
        tip = cluster.anchor[1] + (-radius if above else radius)
        marks.append(line(f"{kind}-mark", middle_x, near, cluster.anchor[0], tip))
    badge = pills(names, -(box.right - box.left) / 2, 0, font, alarm=first.alarm)
    marks.append(Group("at", badge, middle_x, middle_y))
    return marks


def draw_triangle(item: Marked, radius: float) -> Group:
    """Return the triangle of one violation with its sentence as title."""
    role = "bad" if item.alarm else "warn"
    return Group("at", (Triangle(role, 0, 0, radius, item.up),), item.x, item.y, item.title, item.index)

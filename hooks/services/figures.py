"""The customer's figures: calculated in the child, checked, kept with their time.

A calculation that fails changes nothing: the last good figures stay, and grow old visibly.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction

from hooks.events import core_figures_wanted
from hooks.models import CustomKpi, HookPoint, Outcome
from hooks.points import POINTS, prepare
from hooks.runner import Call, HooksUnusable, Result, Runner
from hooks.services import running
from spc_site import clock

log = logging.getLogger("hooks")

POINT = "calculate_custom_kpis"
PREFIX = "custom_"
MOST = 40
_NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of the customer."""

    name: str
    value: float
    label: str = ""
    unit: str = ""


def calculate() -> int:
    """Calculate the figures now and keep them; return how many there are. 0 also where nobody asks for any.

    Waits for the child. The figures that were are kept when the hook fails, returns what is no
    figure, rests, or cannot be loaded.
    """
    if not settings.CUSTOMER:
        return 0
    now = clock.now()
    if HookPoint.objects.filter(name=POINT, paused_until__gt=now).exists():
        return 0
    try:
        with Runner() as runner:
            if POINT not in runner.wanted():
                CustomKpi.objects.all().delete()
                return 0
            result = runner.run(_call())
    except HooksUnusable as error:
        log.error("figures not calculated: %s", error)
        return 0
    figures: list[Figure] = []
    if result.is_ok:
        try:
            figures = checked(result.value)
        except ValueError as refusal:
            result = Result(
                outcome=Outcome.REFUSED,
                error=str(refusal),
                output=result.output,
                duration_ms=result.duration_ms,
            )
    with transaction.atomic():
        running.record(result, point=POINT, event=None, began=now)
        if result.is_ok:
            _keep(figures)
    return len(figures)


def _call() -> Call:
    now = clock.now()
    payload = prepare(POINT, {"now": now, "core": core_figures()})
    return Call(
        point=POINT,
        event_id="",
        payload=payload,
        occurred_at=now,
        schema=POINTS[POINT].schema,
        wants_result=True,
    )


def core_figures() -> dict[str, str]:
    """Return the system's own figures, as the rooms above tell them; one that fails is left out."""
    found: dict[str, str] = {}
    for _receiver, answer in core_figures_wanted.send_robust(sender=None):
        if isinstance(answer, Exception):
            log.error("figures of a room are missing", exc_info=answer)
        else:
            found |= {name: str(value) for name, value in answer.items()}
    return found


def checked(value: Any) -> list[Figure]:
    """Return what a hook has returned as figures. Raises ValueError saying what is wrong."""
    if not isinstance(value, Mapping):
        raise ValueError(f"a mapping of names to numbers is wanted, not {type(value).__name__}")
    if len(value) > MOST:
        raise ValueError(f"{len(value)} figures, at most {MOST} are shown")
    figures = []
    for name, one in value.items():
        name = str(name).removeprefix(PREFIX)
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name: a lower-case letter, then letters, digits, _")
        words = one if isinstance(one, Mapping) else {"value": one}
        if unknown := words.keys() - {"value", "label", "unit"}:
            raise ValueError(f"{name}: unknown {', '.join(sorted(map(str, unknown)))}")
        number = words.get("value")
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            raise ValueError(f"{name}: {number!r} is no finite number")
        label, unit = str(words.get("label", ""))[:60], str(words.get("unit", ""))[:20]
        figures.append(Figure(PREFIX + name, float(number), label, unit))
    names = [figure.name for figure in figures]
    if len(set(names)) != len(names):
        raise ValueError("a name stands twice, with and without custom_")
    return figures


def _keep(figures: list[Figure]) -> None:
    now = clock.now()
    CustomKpi.objects.exclude(name__in=[figure.name for figure in figures]).delete()
    CustomKpi.objects.bulk_create(
        [
            CustomKpi(
                name=figure.name,
                value=figure.value,
                label=figure.label,
                unit=figure.unit,
                position=position,
                calculated_at=now,
            )
            for position, figure in enumerate(figures)
        ],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["value", "label", "unit", "position", "calculated_at"],
    )

"""Hooks of an example plant: all twelve points, each with something that a plant may want.

It writes a journal of lines of JSON into a folder (`EXAMPLE_HOOKS_DIR`, by default `var/example`),
as a plant would hand events to its own systems: a file exchange that a manufacturing execution
system reads, a maintenance list, the billing of charging. Each line carries the event's id, and a
line of the same id is not written twice: an event may come more than once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from hooks.base import CustomerHooks
from hooks.points import Event


class ExampleHooks(CustomerHooks):
    api = 1

    # --- alarms and work -----------------------------------------------------------------

    def on_alarm_created(self, event: Event, severity: str, title: str, link: str) -> None:
        """Show critical alarms on the andon board of the hall."""
        if severity == "critical":
            self._write("andon", event, show=title, link=link)

    def on_alarm_resolved(self, event: Event, alarm_id: int, title: str, cause: str, action: str) -> None:
        """Collect cause and action for the weekly meeting; without a cause there is nothing to learn."""
        if cause:
            self._write("lessons", event, alarm=alarm_id, title=title, cause=cause, action=action)

    def on_work_order_created(
        self, event: Event, work_order_id: int, title: str, assignee: str, due_at: str | None
    ) -> None:
        """Open the same order in the maintenance system."""
        self._write("maintenance", event, order=work_order_id, title=title, who=assignee, due=due_at)

    def on_work_order_completed(
        self, event: Event, work_order_id: int, completed_at: str, result: str
    ) -> None:
        """Close it there."""
        self._write("maintenance", event, order=work_order_id, closed=completed_at, result=result)

    # --- inspection and documents ----------------------------------------------------------

    def on_inspection_completed(
        self, event: Event, kind: str, lot: str, part_number: str, status: str
    ) -> None:
        """Release or block the lot in the warehouse, incoming goods alone."""
        if kind == "IQC":
            decision = "release" if status == "NORMAL" else "block"
            self._write("warehouse", event, lot=lot, part=part_number, decision=decision)

    def on_report_generated(
        self, event: Event, kind: str, title: str, sha256: str, link: str, made_at: str
    ) -> None:
        """Keep a register of documents."""
        self._write("documents", event, kind=kind, title=title, sha256=sha256, link=link, made=made_at)

    # --- energy ------------------------------------------------------------------------------

    def on_energy_data_received(
        self, event: Event, source: str, meters: Sequence[Mapping[str, Any]], rejected: int
    ) -> None:
        """Note gateways that send what is refused."""
        if rejected:
            codes = sorted(meter["code"] for meter in meters)
            self._write("gateways", event, source=source, rejected=rejected, meters=codes)

    def on_device_status_changed(self, event: Event, code: str, after: str, last_seen_at: str | None) -> None:
        """Send the electrician to a meter that fell silent."""
        if after == "silent":
            self._write("maintenance", event, meter=code, silent_since=last_seen_at)

    def on_quota_exceeded(
        self, event: Event, name: str, actual_value: str, quota_value: str, unit: str
    ) -> None:
        """Tell the production planning by how much; decimal text is exact, a float would not be."""
        over = Decimal(actual_value) - Decimal(quota_value)
        self._write("planning", event, quota=name, over=str(over), unit=unit)

    # --- charging ----------------------------------------------------------------------------

    def on_charging_order_created(self, event: Event, station: str, plug: str, started_at: str) -> None:
        """Mark the parking place as taken."""
        self._write("parking", event, place=f"{station}/{plug}", taken=started_at)

    def on_charging_order_completed(
        self,
        event: Event,
        order_number: str,
        station: str,
        plug: str,
        energy_kwh: str | None,
        price: str | None,
    ) -> None:
        """Free the place, and hand the order to the billing."""
        self._write("parking", event, place=f"{station}/{plug}", free=True)
        self._write("billing", event, order=order_number, kwh=energy_kwh, price=price)

    # --- figures -----------------------------------------------------------------------------

    def calculate_custom_kpis(self, core: Mapping[str, str]) -> dict[str, Any]:
        """Return the share of alarms that somebody has taken on, and the plant's own quality index."""
        figures: dict[str, Any] = {}
        total = int(core.get("alarms_open", "0"))
        if total:
            taken = 100 * (total - int(core.get("alarms_active", "0"))) / total
            figures["alarms_taken_pct"] = {"value": round(taken, 1), "label": "报警已受理", "unit": "%"}
        rates = [Decimal(core[name]) for name in core if name.endswith("_first_pass_pct_7d")]
        if rates:
            figures["quality_index"] = {"value": float(min(rates)), "label": "质量指数", "unit": "%"}
        return figures

    # --- the journal -----------------------------------------------------------------------------

    def _write(self, name: str, event: Event, **facts: Any) -> None:
        """Add a line to a journal, once for each event; a dry run only prints it."""
        line = json.dumps({"event": event.id, **facts}, ensure_ascii=False, default=list)
        print(f"{name}: {line}")
        if event.is_dry_run:
            return
        folder = Path(os.environ.get("EXAMPLE_HOOKS_DIR") or "var/example")
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.jsonl"
        with path.open("a+", encoding="utf-8") as file:
            file.seek(0)
            if not any(json.loads(known)["event"] == event.id for known in file):
                file.write(line + "\n")

"""What a customer subclasses: twelve methods that do nothing.

A hook takes only what it names: any of the fields of its point (`hooks.points`), `event` (all of
it) and `event_id`. Names that the point does not know are an error at the start, so that a slip
never becomes silence; fields that are added later disturb no hook.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

API = 1
"""The version of this interface; it counts up when an existing hook would have to be changed."""

OLDEST_API = 1
"""The oldest version of the interface that hooks may still be written for."""


class CustomerHooks:
    """Override what is wanted; see docs/hooks.md.

    Each call runs in a process of its own, after the change was committed, with limits of time
    and memory. It may come late and more than once with the same event id. A hook that raises is
    tried again; what it raises changes nothing in the system.
    """

    api: ClassVar[int] = API

    def on_alarm_created(self, *args: Any, **kwargs: Any) -> None:
        """An alarm was opened."""

    def on_alarm_resolved(self, *args: Any, **kwargs: Any) -> None:
        """An alarm was closed."""

    def on_energy_data_received(self, *args: Any, **kwargs: Any) -> None:
        """A batch of readings was stored: its meters with ranges and counts, not single readings."""

    def on_device_status_changed(self, *args: Any, **kwargs: Any) -> None:
        """A device fell silent, came back, or got another status."""

    def on_quota_exceeded(self, *args: Any, **kwargs: Any) -> None:
        """The use of a period has passed its quota."""

    def on_work_order_created(self, *args: Any, **kwargs: Any) -> None:
        """A work order was made."""

    def on_work_order_completed(self, *args: Any, **kwargs: Any) -> None:
        """A work order was completed."""

    def on_inspection_completed(self, *args: Any, **kwargs: Any) -> None:
        """Every entry of a report has its verdict."""

    def on_report_generated(self, *args: Any, **kwargs: Any) -> None:
        """A document was made."""

    def calculate_custom_kpis(self, *args: Any, **kwargs: Any) -> Mapping[str, Any]:
        """Return figures of the customer: name → number, or `{"value", "label", "unit"}`."""
        return {}

    def on_charging_order_created(self, *args: Any, **kwargs: Any) -> None:
        """A charging order was stored."""

    def on_charging_order_completed(self, *args: Any, **kwargs: Any) -> None:
        """A charging order was completed."""

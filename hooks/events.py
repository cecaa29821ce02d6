"""What hooks tell the rooms above, and what they ask of them."""

from __future__ import annotations

from django.dispatch import Signal

hook_paused = Signal()
"""Sent in the transaction that pauses a point, or pauses it once more, with `point` (a HookPoint)."""

hook_recovered = Signal()
"""Sent in the transaction in which a point that was paused has worked again, or was resumed by hand,
with `point` (a HookPoint)."""

core_figures_wanted = Signal()
"""Sent before the customer's figures are calculated: each receiver returns its own figures, a
mapping of names (`quality_first_pass_pct`) to Decimals or whole numbers."""

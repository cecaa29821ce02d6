"""What this room tells the rooms above, inside of the transaction in which it happened.

approval_changed   approval, old_status (None for one that was not known), new_status
start_settled      outgoing (an approval asked for here, now `started` with its number, or `dead`)
file_settled       file (of a form, now `stored` or `dead`)
card_clicked       key (the card's `EventKey`), user_id, task_id, response_code

A receiver's rows are written with the change or not at all; a receiver that raises has the event done
again later.
"""

from __future__ import annotations

from django.dispatch import Signal

approval_changed = Signal()
start_settled = Signal()
file_settled = Signal()
card_clicked = Signal()

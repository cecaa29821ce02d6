"""Who may open the pages of this room."""

from __future__ import annotations

from django.contrib.auth.decorators import permission_required

may_view = permission_required("alarms.view_alarm", raise_exception=True)
may_act = permission_required("alarms.change_alarm", raise_exception=True)
may_silence = permission_required("alarms.add_silence", raise_exception=True)
may_view_orders = permission_required("alarms.view_workorder", raise_exception=True)
may_add_orders = permission_required("alarms.add_workorder", raise_exception=True)
may_change_orders = permission_required("alarms.change_workorder", raise_exception=True)

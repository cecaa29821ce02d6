"""Addresses of the alarms, below `/alarms/`."""

from __future__ import annotations

from django.urls import path, re_path

from alarms import views
from alarms.views import orders, silences

app_name = "alarms"
urlpatterns = [
    path("", views.alarm_list, name="list"),
    re_path(r"^(?P<pk>[0-9]+)/?$", views.alarm, name="alarm"),
    path("<int:pk>/acknowledge", views.acknowledge, name="acknowledge"),
    path("<int:pk>/explain", views.explain, name="explain"),
    path("<int:pk>/assign", views.assign, name="assign"),
    path("<int:pk>/resolve", views.resolve, name="resolve"),
    path("<int:pk>/silence", views.silence, name="silence"),
    path("silences/", silences.silences, name="silences"),
    path("silences/<int:pk>/end", silences.end, name="end_silence"),
    path("work-orders/", orders.board, name="work_orders"),
    path("work-orders/new", orders.new, name="new_work_order"),
    path("work-orders/<int:pk>", orders.order, name="work_order"),
    path("work-orders/<int:pk>/steps/<int:step_pk>", orders.step, name="step"),
    path("work-orders/<int:pk>/complete", orders.complete, name="complete"),
    path("work-orders/<int:pk>/cancel", orders.cancel, name="cancel"),
    path("on-call/", views.on_call, name="on_call"),
    path("statistics/", views.statistics, name="statistics"),
]

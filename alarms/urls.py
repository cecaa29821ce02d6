"""Addresses of the alarms, below `/alarms/`."""

from __future__ import annotations

from django.urls import path, re_path

from alarms import views

app_name = "alarms"
urlpatterns = [
    path("", views.alarm_list, name="list"),
    re_path(r"^(?P<pk>[0-9]+)/?$", views.alarm, name="alarm"),
    path("<int:pk>/acknowledge", views.acknowledge, name="acknowledge"),
    path("<int:pk>/explain", views.explain, name="explain"),
    path("<int:pk>/assign", views.assign, name="assign"),
    path("<int:pk>/resolve", views.resolve, name="resolve"),
]

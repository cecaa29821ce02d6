"""Addresses of the whole site."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from spc_site import api, health
from spc_site.pages import dashboard, screen, search

urlpatterns = [
    path("", dashboard.dashboard, name="dashboard"),
    path("search/", search.search, name="search"),
    path("screen/", screen.screen, name="screen"),
    path("", include("accounts.urls")),
    path("", include("quality.urls")),
    path("alarms/", include("alarms.urls")),
    path("energy/", include("energy.urls")),
    path("contracts/", include("contracts.urls")),
    path("me/", include("notifications.urls")),
    path("wecom/", include("approvals.urls")),
    path("api/v1/", api.urls),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("metrics", health.metrics, name="metrics"),
]

"""The one address that WeCom calls."""

from __future__ import annotations

from django.urls import path

from approvals import views

app_name = "approvals"

urlpatterns = [path("callback/", views.callback, name="callback")]

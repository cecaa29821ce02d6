"""Addresses of a person's own pages about being told things."""

from __future__ import annotations

from django.urls import path

from notifications import views

app_name = "notifications"

urlpatterns = [path("notifications/", views.preferences, name="preferences")]

"""Addresses of energy, all under /energy/."""

from __future__ import annotations

from datetime import date

from django.urls import URLPattern, URLResolver, path, register_converter

from energy.views import quotas


class Day:
    """A date in an address."""

    regex = r"\d{4}-\d{2}-\d{2}"

    def to_python(self, text: str) -> date:
        return date.fromisoformat(text)

    def to_url(self, day: date) -> str:
        return day.isoformat()


register_converter(Day, "day")

app_name = "energy"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", quotas.board, name="quotas"),
    path("quotas/<int:pk>", quotas.quota, name="quota"),
    path("quotas/<int:pk>/<day:first>", quotas.quota, name="quota_period"),
]

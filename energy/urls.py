"""Addresses of energy, all under /energy/."""

from __future__ import annotations

from datetime import date

from django.urls import URLPattern, URLResolver, path, register_converter

from energy.views import charging, costs, devices, imports, manual, missing, quotas, shifts, tree


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
    path("quotas/<int:pk>/revise", quotas.revise, name="quota_revise"),
    path("quotas/<int:pk>/from-last-year", quotas.from_last_year, name="quota_from_last_year"),
    path("quotas/<int:pk>/copy", quotas.copy, name="quota_copy"),
    path("quotas/<int:pk>/split", quotas.split, name="quota_split"),
    path("groups/", tree.group_tree, name="groups"),
    path("groups/<int:pk>/", tree.group, name="group"),
    path("groups/<int:pk>/attach", tree.attach, name="attach"),
    path("groups/<int:pk>/move/<int:attachment>", tree.move, name="move"),
    path("devices/", devices.device_list, name="devices"),
    path("devices/<int:pk>/", devices.device, name="device"),
    path("costs/", costs.costs, name="costs"),
    path("costs/import", costs.import_tariffs, name="import_tariffs"),
    path("demand/", costs.demand, name="demand"),
    path("units/", costs.units, name="units"),
    path("units/add", costs.add_output, name="add_output"),
    path("units/import", costs.import_output, name="import_output"),
    path("shifts/", shifts.board, name="shifts"),
    path("conversion/", costs.conversion, name="conversion"),
    path("ranking/", costs.ranking, name="ranking"),
    path("charging/", charging.board, name="charging"),
    path("charging/import", charging.import_orders, name="import_charging"),
    path("missing/", missing.board, name="missing"),
    path("import/", imports.upload, name="import"),
    path("import/<str:upload_id>/", imports.preview, name="import_preview"),
    path("import/<str:upload_id>/problems/<int:number>", imports.problems, name="import_problems"),
    path("import-form/<slug:shape>", imports.empty_file, name="import_form"),
    path("batches/", imports.batches, name="batches"),
    path("batches/<int:pk>/", imports.batch, name="batch"),
    path("batches/<int:pk>/undo", imports.undo, name="batch_undo"),
    path("batches/<int:pk>/photo", imports.photo, name="batch_photo"),
    path("readings/", manual.choose, name="manual"),
    path("readings/<int:pk>/", manual.reading, name="manual_reading"),
]

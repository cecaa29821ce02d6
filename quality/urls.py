"""Addresses of inspection: `/IQC/12/345`, the same under `/OQC/`; a slash at the end is optional."""

from __future__ import annotations

from django.urls import path, re_path

from quality import upload_views, views

_KIND = r"^(?P<code>IQC|OQC)"
_REPORT = _KIND + r"/(?P<report_id>[0-9]+)"
_ENTRY = _REPORT + r"/(?P<entry_id>[0-9]+)"

app_name = "quality"
urlpatterns = [
    re_path(_KIND + r"/$", views.report_list, name="report_list"),
    re_path(_REPORT + r"/?$", views.report, name="report"),
    re_path(_REPORT + r"/dispositions$", views.propose, name="propose"),
    re_path(
        _REPORT + r"/dispositions/(?P<disposition_id>[0-9]+)/(?P<act>grant|refuse|retry|withdraw)$",
        views.act_on_disposition,
        name="act_on_disposition",
    ),
    re_path(_ENTRY + r"/?$", views.entry, name="entry"),
    re_path(_ENTRY + r"/values$", views.change_values, name="change_values"),
    path("import/", upload_views.upload, name="import"),
    re_path(r"^import/form/(?P<code>IQC|OQC)\.xlsx$", upload_views.empty_form, name="import_form"),
    re_path(r"^import/(?P<upload_id>[0-9a-f]{32})/$", upload_views.preview, name="import_preview"),
    re_path(
        r"^import/(?P<upload_id>[0-9a-f]{32})/(?P<number>[0-9]{1,4})/problems\.xlsx$",
        upload_views.problems,
        name="import_problems",
    ),
]

"""Settings whose every change by hand is written down with it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db import models
from django.http import HttpRequest, HttpResponse

from notifications.choices import Verb
from notifications.services import audit
from spc_site.admin import BaseAdmin
from spc_site.sealed import SealedTextField


class AuditedAdmin(BaseAdmin):
    """Stores and deletes through `services.audit`, so that no change by hand goes untold.

    Looking at a page that shows a key, even masked, is told, too.
    """

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:
        audit.save(obj)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        audit.remove(obj)

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        for row in queryset:
            audit.remove(row)

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().change_view(request, object_id, *args, **kwargs)
        if request.method == "GET" and response.status_code == 200 and _has_secrets(self.model):
            row = self.get_object(request, object_id)
            if row is not None:
                audit.record(Verb.SHOWN, row)
        return response


def _has_secrets(model: type[models.Model]) -> bool:
    return any(isinstance(field, SealedTextField) for field in model._meta.concrete_fields)

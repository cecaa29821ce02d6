"""Addresses below /contracts/."""

from __future__ import annotations

from django.urls import path

from contracts.views import contracts, public, templates

app_name = "contracts"

urlpatterns = [
    path("", contracts.contract_list, name="list"),
    path("<int:pk>", contracts.contract, name="contract"),
    path("<int:pk>/regenerate", contracts.regenerate, name="regenerate"),
    path("<int:pk>/supply", contracts.supply, name="supply"),
    path("<int:pk>/retry", contracts.retry, name="retry"),
    path("<int:pk>/send", contracts.send, name="send"),
    path("<int:pk>/convert", contracts.convert, name="convert"),
    path("<int:pk>/void", contracts.void, name="void"),
    path("<int:pk>/replace", contracts.replace, name="replace"),
    path("<int:pk>/sign", contracts.sign, name="sign"),
    path("batches/start", contracts.start_batch, name="start_batch"),
    path("batches/<int:pk>", contracts.batch, name="batch"),
    path("batches/<int:pk>/cancel", contracts.cancel_batch, name="cancel_batch"),
    path("templates/", templates.template_list, name="templates"),
    path("templates/new", templates.new_template, name="new_template"),
    path("templates/<int:pk>", templates.template, name="template"),
    path("templates/<int:pk>/edit", templates.edit_template, name="edit_template"),
    path("templates/<int:pk>/approve", templates.new_approval, name="new_approval"),
    path("templates/<int:pk>/catch-up", templates.catch_up, name="catch_up"),
    path("versions/<int:pk>", templates.version, name="version"),
    path("versions/<int:pk>/preview", templates.preview, name="preview"),
    path("versions/<int:pk>/original", templates.original, name="original"),
    path("versions/<int:pk>/activate", templates.activate, name="activate"),
    path("versions/<int:pk>/retire", templates.retire, name="retire"),
    path("versions/<int:pk>/copy", templates.copy, name="copy"),
    path("check/<str:code>", public.check, name="check"),
    path("file/<str:token>", public.file, name="file"),
]

"""The project package as an app: checks, worker beats, and our admin site as the default one."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig
from django.utils.module_loading import autodiscover_modules


class SiteConfig(AppConfig):
    name = "spc_site"
    verbose_name = "系统"

    def ready(self) -> None:
        autodiscover_modules("checks", "jobs", "signals", "metrics", "events")


class AdminConfig(DjangoAdminConfig):
    default_site = "spc_site.admin.SpcAdminSite"

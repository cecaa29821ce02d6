"""The admin site and the base of all admin classes."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _


class SpcAdminSite(admin.AdminSite):
    site_header = _("质量与能源后台")
    site_title = _("质量与能源后台")
    index_title = _("管理")

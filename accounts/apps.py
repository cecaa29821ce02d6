"""People: roles as groups, language, API tokens."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("人员与权限")

    def ready(self) -> None:
        from accounts import signals

        post_migrate.connect(signals.give_roles_their_permissions, dispatch_uid="accounts.roles")

"""Give the roles their permissions once all tables and permissions exist."""

from __future__ import annotations

from typing import Any

from accounts.roles import ROLES


def give_roles_their_permissions(*, using: str, **kwargs: Any) -> None:
    """Make the groups of `accounts.roles` and add the permissions that they lack.

    Runs after each app's migration; a permission whose app was not migrated yet is added by
    a later call.
    """
    from django.contrib.auth.models import Group, Permission

    known = {
        f"{label}.{codename}": pk
        for pk, label, codename in Permission.objects.using(using).values_list(
            "pk", "content_type__app_label", "codename"
        )
    }
    for role in ROLES:
        group, _ = Group.objects.using(using).get_or_create(name=role.name)
        group.permissions.add(*(known[name] for name in role.permissions if name in known))

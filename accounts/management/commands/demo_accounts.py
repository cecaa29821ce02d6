"""Make the accounts of a demonstration: one per role that uses the system today."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandParser

from accounts.models import Profile

ACCOUNTS = (
    ("admin", "系统管理员", None),
    ("engineer", "质量工程师", "质量工程师"),
    ("inspector", "质检员", "质检员"),
    ("manager", "质量经理", "质量经理"),
)


class Command(BaseCommand):
    help = "Make the demo accounts that do not exist yet; existing ones keep their password."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--password", required=True, help="password of the accounts made")

    def handle(self, *args: Any, **options: Any) -> None:
        made = []
        for username, first_name, role in ACCOUNTS:
            user, is_new = User.objects.get_or_create(
                username=username,
                defaults={
                    "first_name": first_name,
                    "is_staff": True,
                    "is_superuser": role is None,
                },
            )
            if not is_new:
                continue
            user.set_password(options["password"])
            user.save(update_fields=["password"])
            # The sandbox knows everybody: approvals can be started in this name.
            Profile.objects.get_or_create(user=user, defaults={"wecom_userid": username})
            if role is not None:
                user.groups.add(Group.objects.get(name=role))
            made.append(username)
        self.stdout.write(f"made: {', '.join(made)}" if made else "nothing to do: all accounts exist")

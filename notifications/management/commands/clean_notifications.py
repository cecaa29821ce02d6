"""`manage.py clean_notifications [--dry-run]`: forget old records now, by the settings of retention."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from accounts.acting import Door, acting
from notifications.services import retention


class Command(BaseCommand):
    help = "按保存期限清理旧的消息、发送记录与审计（每天夜里也会自动进行）"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="只数出会清理多少，不删除")
        parser.add_argument("--minutes", type=float, default=60, help="最多进行多少分钟（默认 60）")

    def handle(self, *_args: Any, **options: Any) -> None:
        with acting(Door.COMMAND):
            done = retention.clean(is_dry_run=options["dry_run"], budget_s=options["minutes"] * 60)
        if options["dry_run"]:
            self.stdout.write(_("会清理：%(what)s。没有删除。") % {"what": done})
            return
        self.stdout.write(_("已清理：%(what)s。") % {"what": done})
        if not done.is_complete:
            raise CommandError(_("时间到，还有旧记录；再运行一次会继续。"))

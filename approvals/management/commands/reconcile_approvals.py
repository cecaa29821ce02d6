"""`manage.py reconcile_approvals`: look for approvals whose callback never came."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from approvals import services
from spc_site import clock


class Command(BaseCommand):
    help = "核对审批：补回丢失的回调，查询未结的审批（平时每 10 分钟自动运行）"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, metavar="N", help="从 N 天前提交的审批查起")

    def handle(self, *_args: Any, **options: Any) -> None:
        days = options["days"]
        if days is not None and days < 1:
            raise CommandError(_("--days 须为正整数"), returncode=2)
        run = services.reconcile(since=clock.now() - timedelta(days=days) if days else None)
        if run.error:
            raise CommandError(run.error)
        self.stdout.write(
            _("列出 %(listed)d 份，查询 %(polled)d 份，补回 %(recovered)d 份")
            % {"listed": run.listed, "polled": run.polled, "recovered": run.recovered}
        )

"""Evaluate all quotas now, or as of an earlier day."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from energy.choices import RunTrigger
from energy.services import days, quotas
from spc_site.errors import AppError


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text} 不是日期，应如 2026-03-31", returncode=2) from None


class Command(BaseCommand):
    help = "检查所有能源配额：计算用量，发出、升级与关闭报警"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--date", metavar="YYYY-MM-DD", help="以这一天为今天：之后的用量不计（不设则为今天）"
        )
        parser.add_argument(
            "--wait", type=float, default=60, metavar="秒", help="另一次检查正在进行时最多等多久（默认 60）"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        given = options["date"]
        as_of = given if given is None or isinstance(given, date) else _day(given)
        days.compute_due()
        try:
            run = quotas.require_run(
                quotas.evaluate(as_of=as_of, trigger=RunTrigger.COMMAND, wait_s=options["wait"])
            )
        except AppError as refusal:
            raise CommandError(refusal.message) from refusal
        for error in run.errors:
            self.stderr.write(f"{error['name']} {error['period_start']}：{error['error']}")
        self.stdout.write(
            f"截至 {run.as_of}：配额 {run.quotas} 个，周期 {run.usages} 个；"
            f"报警新增 {run.raised}，升级 {run.escalated}，关闭 {run.resolved}；用时 {run.duration_ms} 毫秒"
        )
        if run.errors:
            raise CommandError(f"{len(run.errors)} 个配额周期无法检查，原因见上")

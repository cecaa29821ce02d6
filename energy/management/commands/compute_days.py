"""`manage.py compute_days [--all | CODE…]`: compute the daily use that is due, or all of it again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from energy.models import Device
from energy.services import days


class Command(BaseCommand):
    help = "计算待算的每日用量；--all 或给出表号则从读数全部重算"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("codes", nargs="*", metavar="CODE", help="只重算这些表")
        parser.add_argument("--all", action="store_true", help="重算全部表")

    def handle(self, *_args: Any, **options: Any) -> None:
        codes = set(options["codes"])
        if codes and options["all"]:
            raise CommandError(_("--all 与表号不能同时给出。"), returncode=2)
        if codes:
            found = dict(Device.objects.filter(code__in=codes).values_list("code", "pk"))
            if unknown := sorted(codes - found.keys()):
                raise CommandError(
                    _("没有代码为“%(code)s”的表。") % {"code": "、".join(unknown)}, returncode=2
                )
            days.mark_whole(list(found.values()))
        elif options["all"]:
            days.mark_whole(Device.objects.values_list("pk", flat=True))
        done = 0
        while count := days.compute_due():
            done += count
        self.stdout.write(_("完成：计算了 %(count)d 段。") % {"count": done})

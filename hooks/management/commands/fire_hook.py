"""`manage.py fire_hook POINT`: fire one event by hand, or try it without leaving a trace."""

from __future__ import annotations

import json
import sys
import uuid
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from hooks import loader, samples, services
from hooks.models import Outcome
from hooks.points import POINTS, prepare
from hooks.runner import Call, HooksUnusable, Runner
from hooks.services import figures


class Command(BaseCommand):
    help = "手动触发一个扩展点；--dry-run 在子进程中试运行并显示结果，不留记录"
    requires_system_checks = []  # what is wrong with the hooks is told here, in place of a warning

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("point", choices=POINTS, metavar="POINT", help="扩展点，如 on_alarm_created")
        parser.add_argument(
            "--payload",
            type=Path,
            metavar="FILE.json",
            help="数据文件（- 为标准输入）；不给时用自带的样例",
        )
        parser.add_argument("--dry-run", action="store_true", help="只试运行：写入数据库的内容会撤回")

    def handle(self, *_args: Any, **options: Any) -> None:
        point = options["point"]
        try:
            payload = prepare(point, self._payload(point, options["payload"]))
        except (OSError, ValueError) as error:
            raise CommandError(_("数据不合规：%(error)s") % {"error": error}, returncode=2) from error
        loaded = loader.current()
        if not loaded.customer:
            raise CommandError(_("没有设置 CUSTOMER。"), returncode=2)
        if loaded.problems:
            raise CommandError("\n".join(f"{one.message}\n{one.details}" for one in loaded.problems))
        if point not in loaded.wanted:
            raise CommandError(
                _("%(customer)s 没有实现 %(point)s。") % {"customer": loaded.customer, "point": point}
            )
        if options["dry_run"]:
            self._try(point, payload)
        elif point == figures.POINT:
            count = figures.calculate()
            self.stdout.write(_("已计算 %(count)d 个指标。") % {"count": count})
        else:
            event_id = f"manual:{uuid.uuid4().hex}"
            services.fire(point, payload, event_id=event_id)
            self.stdout.write(_("已触发 %(event)s，由后台执行。") % {"event": event_id})

    @staticmethod
    def _payload(point: str, path: Path | None) -> Any:
        if path is None:
            return samples.sample(point)
        return json.loads(sys.stdin.read() if path == Path("-") else path.read_text(encoding="utf-8"))

    def _try(self, point: str, payload: dict[str, Any]) -> None:
        call = Call(
            point=point,
            event_id=f"dry-run:{uuid.uuid4().hex}",
            payload=payload,
            occurred_at=timezone.now(),
            schema=POINTS[point].schema,
            is_dry_run=True,
            wants_result=point == figures.POINT,
        )
        try:
            with Runner() as runner:
                result = runner.run(call)
            shown = figures.checked(result.value) if call.wants_result and result.is_ok else []
        except HooksUnusable as error:
            raise CommandError(str(error)) from error
        except ValueError as refusal:
            raise CommandError(_("返回值不合规：%(error)s") % {"error": refusal}) from refusal
        self.stdout.write(result.output, ending="")
        for figure in shown:
            self.stdout.write(f"{figure.name} = {figure.value:g} {figure.unit}".rstrip())
        if not result.is_ok:
            self.stderr.write(result.traceback, ending="")
            what = Outcome(result.outcome).label
            raise CommandError(f"{what}：{result.error}")
        self.stdout.write(_("成功，%(ms)d 毫秒。") % {"ms": result.duration_ms})

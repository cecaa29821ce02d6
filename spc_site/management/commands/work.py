"""`manage.py work`: the pump and the workers."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from spc_site import jobs
from spc_site.supervise import work


class Command(BaseCommand):
    # `migrate` and `check` look at the pages and addresses; a worker that is started again has to be quick.
    requires_system_checks = []

    help = "运行轮询与工作进程：处理判定、发送消息及定时任务"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--workers", type=int, default=1, metavar="N", help="每个队列的工作进程数（默认 1；0 只运行轮询）"
        )
        modes = parser.add_mutually_exclusive_group()
        modes.add_argument("--once", action="store_true", help="把到期的工作处理完就退出")
        modes.add_argument("--queue", choices=jobs.QUEUES, help="只作为此队列的一个工作进程运行")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["once"]:
            self.stdout.write(f"{work.run_once()}")
        elif options["queue"]:
            work.run_worker(options["queue"])
        else:
            work.run(workers=options["workers"])

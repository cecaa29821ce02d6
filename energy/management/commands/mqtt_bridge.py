"""`manage.py mqtt_bridge`: readings from an MQTT broker."""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from energy.mqtt.spool import SpoolTaken
from spc_site.supervise.processes import on_stop_signal

PAHO = "paho-mqtt>=2.1,<3"


class Command(BaseCommand):
    # Like `work`: it has to be quick when it is started again, and to start while the database is away.
    requires_system_checks = []

    help = "MQTT 桥：订阅“MQTT 主题”，把报文写成读数；运行到收到停止信号为止"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--spool",
            type=Path,
            default=settings.VAR_DIR / "mqtt",
            metavar="目录",
            help="数据库不可用时暂存报文的目录（默认 var/mqtt）",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        if not settings.MQTT:
            raise CommandError(
                "没有设置 MQTT_URL，如 MQTT_URL=mqtts://用户:密码@主机:8883，见 docs/operator.md"
            )
        if importlib.util.find_spec("paho") is None:
            raise CommandError(f"没有安装 paho-mqtt。请运行：.venv/bin/pip install '{PAHO}'")
        from energy.mqtt.running import AlreadyRunning, Process

        stop = threading.Event()
        on_stop_signal(stop.set)
        try:
            Process(settings.MQTT, Path(options["spool"])).run(stop)
        except SpoolTaken as error:
            raise CommandError(f"这台主机上已有一个 MQTT 桥在运行（{error}）") from error
        except AlreadyRunning as error:
            raise CommandError(
                f"另一台主机上的 MQTT 桥正在运行（{error}）：停掉它，或在 MQTT_URL 里给这一个别的 client_id"
            ) from error

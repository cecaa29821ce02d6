"""`manage.py wecom_sandbox`: the local WeCom, for trying templates and rehearsing failures."""

from __future__ import annotations

import argparse
import errno
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from wecom.crypto import CallbackKeys
from wecom.sandbox import DEMO_APP, DEMO_KEYS, SandboxServer
from wecom.sandbox.application import App
from wecom.sandbox.courier import Target
from wecom.sandbox.guard import real_targets


class Command(BaseCommand):
    # It needs neither database nor pages.
    requires_system_checks = []

    help = "启动企业微信沙箱：只在本机，按企业微信的协议接收消息并显示出来，可按要求出错"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=_port, default=8790, help="端口（默认 8790；0 为任意空闲端口）")
        parser.add_argument(
            "--key",
            dest="keys",
            action="append",
            type=_robot,
            metavar="NAME=KEY",
            help="群名和机器人密钥，可重复（默认取 *_WEBHOOK_KEY，都没有时用演示密钥）",
        )
        parser.add_argument(
            "--app",
            dest="apps",
            action="append",
            type=_app,
            metavar="CORP_ID:SECRET:AGENT_ID",
            help="应用的企业 ID、Secret 和 AgentId，可重复（默认取 WECHAT_*，没有时用演示应用）",
        )
        parser.add_argument(
            "--unknown",
            action="append",
            default=[],
            metavar="NAME",
            help="不存在的接收人：userid、party:2 或 tag:7，可重复",
        )
        parser.add_argument(
            "--callback",
            metavar="URL",
            help="审批和卡片事件送到这里（默认 FRONTEND_URL/wecom/callback/；"
            "需要 WECHAT_CALLBACK_TOKEN 和 WECHAT_CALLBACK_AES_KEY）",
        )
        parser.add_argument("--store", type=Path, metavar="FILE", help="把收到的消息保存在此文件，重启后仍在")

    def handle(self, *_args: Any, **options: Any) -> None:
        self._refuse_real_targets(options["port"])
        apps = options["apps"] or [_configured_app() or DEMO_APP]
        configured = {key: name for name, key in settings.WEBHOOK_KEYS.items() if key}
        keys = {key: name for name, key in options["keys"] or ()} or configured or DEMO_KEYS
        try:
            with (
                _until_told_to_end() as stop,
                SandboxServer(
                    keys=keys,
                    apps=apps,
                    callback=_callback(options["callback"], apps[0].corp_id),
                    unknown=options["unknown"],
                    port=options["port"],
                    store=options["store"],
                    zone=ZoneInfo(settings.TIME_ZONE),
                ) as sandbox,
            ):
                self.stdout.write(_("企业微信沙箱：%(url)s/") % {"url": sandbox.base_url})
                self.stdout.write(f"WEBHOOK_BASE_URL={sandbox.webhook_base_url}")
                self.stdout.write(f"WECHAT_API_BASE_URL={sandbox.base_url}")
                self.stdout.flush()
                stop.wait()
        except OSError as error:
            raise CommandError(_reason(error, options["port"])) from None

    def _refuse_real_targets(self, port: int) -> None:
        """Refuse to run beside real robots: nobody may take a real group for the sandbox, or the reverse."""
        real = real_targets(
            {
                "WEBHOOK_BASE_URL": settings.WEBHOOK_BASE_URL,
                "WECHAT_BOT_WEBHOOK": settings.WECHAT_BOT_WEBHOOK,
                # Its default is the real WeCom: it counts only with a secret to use there.
                "WECHAT_API_BASE_URL": settings.WECHAT_API_BASE_URL if settings.WECHAT_CORP_SECRET else "",
            }
        )
        if real:
            places = "、".join(f"{name}（{host}）" for name, host in real.items())
            raise CommandError(
                _(
                    "%(places)s 指向的不是本机，沙箱不启动。要使用沙箱，请先设置 "
                    "WEBHOOK_BASE_URL=http://127.0.0.1:%(port)d/cgi-bin/webhook/send?key= 、"
                    "WECHAT_API_BASE_URL=http://127.0.0.1:%(port)d，并清空 WECHAT_BOT_WEBHOOK。"
                )
                % {"places": places, "port": port}
            )


@contextmanager
def _until_told_to_end() -> Iterator[threading.Event]:
    """Yield an event that SIGINT and SIGTERM set."""
    stop = threading.Event()
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_signal: stop.set()) for number in signals}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _reason(error: OSError, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return _("端口 %(port)d 已被占用，请用 --port 换一个。") % {"port": port}
    if error.errno in (errno.EACCES, errno.EPERM) and error.filename is None:
        return _("没有权限使用端口 %(port)d，请用 --port 换一个。") % {"port": port}
    return _("沙箱无法启动：%(reason)s") % {"reason": error}


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError("0…65535")
    return number


def _robot(text: str) -> tuple[str, str]:
    name, _equals, key = text.partition("=")
    if not name.strip() or not key.strip():
        raise argparse.ArgumentTypeError("NAME=KEY")
    return name.strip(), key.strip()


def _configured_app() -> App | None:
    """Return the application of the settings, if it is whole."""
    if not (settings.WECHAT_CORP_ID and settings.WECHAT_CORP_SECRET and settings.WECHAT_AGENT_ID):
        return None
    return App(settings.WECHAT_CORP_ID, settings.WECHAT_CORP_SECRET, settings.WECHAT_AGENT_ID)


def _callback(url: str | None, corp_id: str) -> Target | None:
    """Return where events go, where both sides share a token and a key."""
    if not (settings.WECHAT_CALLBACK_TOKEN and settings.WECHAT_CALLBACK_AES_KEY):
        return None
    shared = CallbackKeys(settings.WECHAT_CALLBACK_TOKEN, settings.WECHAT_CALLBACK_AES_KEY, corp_id)
    return Target(url or f"{settings.FRONTEND_URL}/wecom/callback/", shared)


def _app(text: str) -> App:
    corp_id, secret, agent_id = text.split(":")
    return App(corp_id=corp_id, secret=secret, agent_id=int(agent_id))

"""What a person can get wrong when setting the system up; `manage.py check` tells.

The numbers are stable: they can be silenced (SILENCED_SYSTEM_CHECKS) and looked up in
docs/operator.md.
"""

from __future__ import annotations

import importlib.util
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import Error as AnyDatabaseError
from django.http.request import validate_host

from spc_site import clock, sealed
from spc_site.lib.png import find_cjk_font
from spc_site.models import WorkerBeat

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@register(deploy=True)
def public_address(**_kwargs: Any) -> list[CheckMessage]:
    """The links in messages must lead here from another machine."""
    host = urlsplit(settings.FRONTEND_URL).hostname or ""
    found: list[CheckMessage] = []
    if host in _LOOPBACK:
        found.append(
            Warning(
                "FRONTEND_URL 指向本机：别人点开消息里的链接到不了这里。",
                hint="把 FRONTEND_URL 设为别人能打开的站点地址，如 https://qms.example.com。",
                id="spc_site.W001",
            )
        )
    if not validate_host(host, settings.ALLOWED_HOSTS):
        found.append(
            Warning(
                f"FRONTEND_URL 的主机名 {host} 不在 ALLOWED_HOSTS 里：打开链接会得到 400。",
                hint="把它加进 ALLOWED_HOSTS。",
                id="spc_site.W002",
            )
        )
    return found


@register()
def encrypted_addresses(**_kwargs: Any) -> list[CheckMessage]:
    """Logins and keys go over the wire in the clear only if somebody has agreed to it."""
    if settings.ALLOW_HTTP:
        return []
    addresses = (
        ("FRONTEND_URL", settings.FRONTEND_URL, "spc_site.W003"),
        ("WEBHOOK_BASE_URL", settings.WEBHOOK_BASE_URL, "spc_site.W004"),
        ("WECHAT_API_BASE_URL", settings.WECHAT_API_BASE_URL, "spc_site.W009"),
    )
    return [
        Warning(
            f"{name} 使用不加密的 http。",
            hint="改用 https；仅限内网或演示时可设 ALLOW_HTTP=true 表示同意。",
            id=number,
        )
        for name, address, number in addresses
        if (parts := urlsplit(address)).scheme == "http" and parts.hostname not in _LOOPBACK
    ]


@register()
def mqtt_bridge(**_kwargs: Any) -> list[CheckMessage]:
    """Readings and a password travel to the broker; the client is a package of its own."""
    if not settings.MQTT:
        return []
    found: list[CheckMessage] = []
    if not (settings.MQTT["tls"] or settings.ALLOW_HTTP or settings.MQTT["host"] in _LOOPBACK):
        found.append(
            Warning(
                "MQTT_URL 使用不加密的 mqtt。",
                hint="改用 mqtts；仅限内网或演示时可设 ALLOW_HTTP=true 表示同意。",
                id="spc_site.W011",
            )
        )
    if importlib.util.find_spec("paho") is None:
        found.append(
            Warning(
                "设置了 MQTT_URL，但没有安装 paho-mqtt：manage.py mqtt_bridge 无法运行。",
                hint=".venv/bin/pip install 'paho-mqtt>=2.1,<3'",
                id="spc_site.W012",
            )
        )
    return found


@register(deploy=True)
def chinese_font(**_kwargs: Any) -> list[CheckMessage]:
    """Without a font every Chinese glyph would vanish from the pictures in messages."""
    if find_cjk_font() is not None:
        return []
    return [
        Warning(
            "没有找到中文字体：消息里的图片将不带中文标注。",
            hint="Debian：apt-get install fonts-noto-cjk。",
            id="spc_site.W005",
        )
    ]


@register(Tags.database)
def living_pump(**kwargs: Any) -> list[CheckMessage]:
    """Somebody has to see to what is due. Silent before the first start."""
    if not kwargs.get("databases"):
        return []
    try:
        beats = WorkerBeat.objects.pumps()
        is_silent = beats.exists() and not beats.fresh(now=clock.now()).exists()
    except AnyDatabaseError:  # before the first migration
        return []
    if not is_silent:
        return []
    return [
        Warning(
            "manage.py work 没有心跳：新报告不会判定，消息不会发送。",
            hint="启动 manage.py work（它带着轮询与工作进程），查看 /healthz。",
            id="spc_site.W006",
        )
    ]


@register(Tags.database)
def stored_secrets(**kwargs: Any) -> list[CheckMessage]:
    """What no key opens is lost to the channels; what an old key seals keeps that key in use."""
    if not kwargs.get("databases"):
        return []
    try:
        tally = sealed.survey()
    except AnyDatabaseError:  # before the first migration
        return []
    found: list[CheckMessage] = []
    if tally.unreadable:
        named = "、".join(tally.unreadable[:5]) + (" …" if len(tally.unreadable) > 5 else "")
        found.append(
            Error(
                f"有 {len(tally.unreadable)} 个所存密钥用现有的钥匙打不开：{named}",
                hint="把原来的钥匙加回 SECRETS_KEYS 的末尾；若已遗失，在后台重新填写这些密钥。",
                id="spc_site.E001",
            )
        )
    if tally.old:
        found.append(
            Warning(
                f"有 {tally.old} 个所存密钥仍用旧钥匙加密。",
                hint="运行 manage.py rotate_secrets，之后旧钥匙可以从 SECRETS_KEYS 移除。",
                id="spc_site.W010",
            )
        )
    return found


@register(deploy=True)
def plant_time_zone(**_kwargs: Any) -> list[CheckMessage]:
    """Days, shifts and quotas begin at local midnight."""
    if settings.TIME_ZONE not in {"UTC", "Etc/UTC", "GMT"}:
        return []
    return [
        Warning(
            "TIME_ZONE 是 UTC：日期、班次与配额会按格林威治时间计算。",
            hint="设为工厂所在的时区，如 Asia/Shanghai。",
            id="spc_site.W007",
        )
    ]


@register(deploy=True)
def reachable_groups(**_kwargs: Any) -> list[CheckMessage]:
    """An alarm that nobody receives is no alarm."""
    if settings.WECHAT_BOT_WEBHOOK or any(settings.WEBHOOK_KEYS.values()):
        return []
    return [
        Warning(
            "没有配置任何群机器人：异常不会通知任何人。",
            hint="设置 IQC_WEBHOOK_KEY、OQC_WEBHOOK_KEY、ENERGY_WEBHOOK_KEY 或 WECHAT_BOT_WEBHOOK。",
            id="spc_site.W008",
        )
    ]

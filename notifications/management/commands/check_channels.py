"""`manage.py check_channels`: configuration and answer of every channel, as a table."""

from __future__ import annotations

import sys
import unicodedata
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _

from notifications import channels, services
from notifications.models import Channel
from notifications.services.health import Health

SIGNS = {
    Health.WELL: ("●", "正常"),
    Health.UNKNOWN: ("○", "只能试发"),
    Health.UNUSED: ("–", "未配置"),
    Health.OFF: ("–", "停用"),
    Health.BROKEN: ("▲", "故障"),
}


class Command(BaseCommand):
    """Exit status 0 when every channel in use is well, 1 when one is broken, 2 for wrong usage."""

    help = "检查各渠道的配置并联网探测（不发送任何消息），列成一张表；有渠道故障时退出码为 1"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "codes", nargs="*", metavar="CHANNEL", help=f"只检查这些渠道：{'、'.join(channels.registered())}"
        )
        parser.add_argument("--offline", action="store_true", help="只看配置，不联网")

    def handle(self, *_args: Any, **options: Any) -> None:
        services.ensure_channels()
        wanted: list[str] = options["codes"] or channels.registered()
        if unknown := set(wanted) - set(channels.registered()):
            self.stderr.write(_("没有名为 %(names)s 的渠道") % {"names": "、".join(sorted(unknown))})
            sys.exit(2)
        is_broken = False
        for channel in Channel.objects.filter(code__in=wanted):
            finding = services.check_channel(channel, with_network=not options["offline"])
            sign, word = SIGNS[finding.health]
            self.stdout.write(f"{sign} {channel.code:<12}{_pad(word, 10)}{finding.note}")
            is_broken = is_broken or finding.health is Health.BROKEN
        if is_broken:
            sys.exit(1)


def _pad(text: str, columns: int) -> str:
    """Fill up to so many columns; a Chinese character takes two."""
    width = sum(1 + (unicodedata.east_asian_width(letter) in "WF") for letter in text)
    return text + " " * max(columns - width, 0)

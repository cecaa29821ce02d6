"""Settings that a row of `NotificationConfig` may lay over the environment's default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from notifications.models import NotificationConfig


def _whole(minimum: int, maximum: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        number = int(text.strip())
        if not minimum <= number <= maximum:
            raise ValueError(f"{minimum}–{maximum}")
        return number

    return read


@dataclass(frozen=True, slots=True)
class Item:
    """One setting: how its text is read, where its default stands, what it means."""

    key: str
    read: Callable[[str], Any]
    default: str
    meaning: str | Promise


ITEMS: dict[str, Item] = {
    item.key: item
    for item in (
        Item(
            "max_retries", _whole(0, 20), "NOTIFICATION_MAX_RETRIES", _("首次发送之后最多重试的次数（0–20）")
        ),
        Item(
            "retry_delay", _whole(1, 3600), "NOTIFICATION_RETRY_DELAY", _("第一次重试前等待的秒数（1–3600）")
        ),
        Item("batch_size", _whole(1, 200), "NOTIFICATION_BATCH_SIZE", _("一次领取的消息条数（1–200）")),
        Item("queue_size", _whole(1, 10_000_000), "NOTIFICATION_QUEUE_SIZE", _("待发消息的上限，超过即报警")),
    )
}


def check(key: str, text: str) -> Any:
    """Return the typed value of a setting's text; raises ValueError in words for people."""
    if key not in ITEMS:
        raise ValueError(f"没有名为 {key} 的配置项；可用：{'、'.join(ITEMS)}")
    item = ITEMS[key]
    try:
        return item.read(text)
    except ValueError as error:
        raise ValueError(f"{key}：{item.meaning}；收到 {text!r}") from error


def load() -> dict[str, Any]:
    """Return every setting, typed, in one query. A row that cannot be read yields the default."""
    values = {key: getattr(settings, item.default) for key, item in ITEMS.items()}
    for key, text in NotificationConfig.objects.values_list("config_key", "config_value"):
        try:
            values[key] = check(key, text)
        except ValueError:
            # The admin refuses such a row; one that came another way must not stop delivery.
            continue
    return values

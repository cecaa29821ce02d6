"""Lines of the log: no secret of this installation stands in one, whatever an error's text repeats."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from django.conf import settings

from spc_site import sealed
from wecom.masking import scrub

_SHORTEST = 8


class ScrubbedFormatter(logging.Formatter):
    """Takes known secrets, and what stands where WeCom's credentials stand, out of the whole line.

    Code takes care of its own texts; this is for those of libraries, in messages and tracebacks.
    """

    def format(self, record: logging.LogRecord) -> str:
        return scrub(super().format(record), _secrets())


def _secrets() -> Iterator[str]:
    """Yield the secrets of the settings and of the rows; a short one would mask ordinary words."""
    mail = settings.MAIL_SERVER or {}
    found = [
        settings.SECRET_KEY,
        *settings.SECRETS_KEYS,
        *settings.WEBHOOK_KEYS.values(),
        settings.WECHAT_BOT_WEBHOOK,
        settings.WECHAT_CORP_SECRET,
        settings.WECHAT_CALLBACK_TOKEN,
        settings.WECHAT_CALLBACK_AES_KEY,
        mail.get("password", ""),
        settings.DATABASES["default"].get("PASSWORD", ""),
        *sealed.known(),
    ]
    return (secret for secret in found if secret and len(secret) >= _SHORTEST)

"""Keeping keys and tokens out of every text.

WeCom puts its credentials into query strings, and the libraries below us print URLs: urllib3 in its
"Max retries exceeded" message, in its retry warnings and, at DEBUG, for every single request.  So
texts are scrubbed before they are kept, and a filter on urllib3's loggers scrubs its records.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote

_MASK = "***"
_IN_QUERY = re.compile(
    r"((?:[?&]|\b)(?:key|access_token|corpsecret|secret|code|response_code)=)[^&\s\"'<>]+", re.IGNORECASE
)
_IN_JSON = re.compile(
    r"(\"(?:access_token|corpsecret|secret|response_code)\"\s*:\s*)\"[^\"]*\"?", re.IGNORECASE
)
_LOGGERS = ("urllib3.connectionpool", "urllib3.util.retry")


def mask(secret: str) -> str:
    """Show a secret as its last four characters, or not at all when it is too short for that."""
    return f"…{secret[-4:]}" if len(secret) >= 12 else _MASK


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """Take the given secrets, and whatever stands where WeCom's credentials stand, out of a text."""
    for secret in secrets:
        if secret:
            for form in _forms(secret):
                text = text.replace(form, _MASK)
    return _IN_JSON.sub(rf'\1"{_MASK}"', _IN_QUERY.sub(rf"\1{_MASK}", text))


@lru_cache(maxsize=512)
def _forms(secret: str) -> frozenset[str]:
    """Return how a secret may stand in a text: as it is, or as addresses write it."""
    return frozenset({secret, quote(secret, safe=""), quote(secret)})


class _ScrubbedUrls(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = scrub(record.getMessage())
        record.args = ()
        return True


def quiet_urls() -> None:
    """Scrub what urllib3 logs; calling it again changes nothing."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(known, _ScrubbedUrls) for known in logger.filters):
            logger.addFilter(_ScrubbedUrls())

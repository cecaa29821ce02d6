"""Files that WeCom keeps for us: `media/get`, whose good answer is no JSON."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

import requests
import urllib3

from wecom.app import FILE_LIMIT, App
from wecom.errors import Kind, Outcome
from wecom.transport import Reply, Timeout, judge_answer, kind_of_failure, unanswered

_TIMEOUT: Timeout = (3, 30)
_NETWORK_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, UnicodeError)
_NAME = re.compile(r"filename\*=UTF-8''([^;]+)|filename=\"([^\"]*)\"|filename=([^;]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Download:
    """A file, or why there is none; `outcome.ok` tells."""

    outcome: Outcome
    name: str = ""
    data: bytes = field(default=b"", repr=False)


def get_media(app: App, media_id: str, *, limit: int = FILE_LIMIT, timeout: Timeout = _TIMEOUT) -> Download:
    """Fetch a file by its media id; one that is larger than `limit` or does not end is none."""
    found: list[Download] = []

    def fetch(url: str, token: str) -> Reply:
        reply, download = _fetch(f"{url}&media_id={quote(media_id, safe='')}", token, limit, timeout)
        found[:] = [download]
        return reply

    reply = app.exchange("media/get", fetch)
    if reply.outcome.ok and found:
        return found[0]
    return Download(reply.outcome)


def _fetch(url: str, token: str, limit: int, timeout: Timeout) -> tuple[Reply, Download]:
    deadline = time.monotonic() + timeout[1]
    try:
        with requests.get(url, timeout=timeout, stream=True, allow_redirects=False) as response:
            is_file = response.status_code == 200 and "Content-Disposition" in response.headers
            most = limit if is_file else 64 * 1024
            data = bytearray()
            for chunk in response.iter_content(65536):
                data += chunk
                if len(data) > most or time.monotonic() > deadline:
                    raise requests.exceptions.ChunkedEncodingError("the answer does not end")
            if not is_file:
                reply = judge_answer(response.status_code, bytes(data), secrets=(token,))
                if reply.outcome.ok or reply.outcome.is_uncertain:  # a good answer would have been a file
                    reply = Reply(unanswered(reply.outcome, Kind.UNREADABLE))
                return reply, Download(reply.outcome)
            granted = judge_answer(200, b'{"errcode":0,"errmsg":"ok"}')
            name = _name_in(response.headers["Content-Disposition"])
            return granted, Download(granted.outcome, name, bytes(data))
    except _NETWORK_ERRORS as error:
        blank = judge_answer(200, b"").outcome
        reply = Reply(unanswered(blank, kind_of_failure(error, is_written=False)))
        return reply, Download(reply.outcome)


def _name_in(disposition: str) -> str:
    """Return the file's name; bytes that WeCom writes as plain UTF-8 arrive as Latin-1."""
    match = _NAME.search(disposition)
    if match is None:
        return ""
    if match[1]:
        name = unquote(match[1])
    else:
        plain = match[2] if match[2] is not None else match[3].strip()
        try:
            name = plain.encode("latin-1").decode("utf-8")
        except UnicodeError:
            name = plain
    return name.replace("\\", "/").rpartition("/")[2][:200]

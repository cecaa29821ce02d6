"""Keeping the sandbox away from real groups."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit


def is_loopback(url: str) -> bool:
    """Say whether an address stays on this machine."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def real_targets(addresses: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that point to another machine, with its host name alone (never a key)."""
    return {
        name: urlsplit(url).hostname or "?" for name, url in addresses.items() if url and not is_loopback(url)
    }

"""What every page has: the navigation, the state of the system, the other language.

The navigation is data. A room joins it with one row in `ITEMS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise, SimpleLazyObject
from django.utils.translation import get_language, gettext_lazy

from alarms import selectors as alarms
from contracts import selectors as contracts
from spc_site.health import system_banner, version


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of the navigation.

    `icon` names a symbol of `templates/icons.html`; `permission` blank shows it to everybody;
    `badge` counts what waits there; `is_tab` puts it into the bar at the thumb on a phone.
    """

    label: Promise
    address: tuple[str, ...]
    icon: str
    permission: str = ""
    badge: Callable[[Any], int] | None = None
    is_tab: bool = True

    @property
    def url(self) -> str:
        name, *arguments = self.address
        return reverse(name, args=arguments)


ITEMS: tuple[Item, ...] = (
    Item(gettext_lazy("看板"), ("dashboard",), "board"),
    Item(gettext_lazy("来料 IQC"), ("quality:report_list", "IQC"), "incoming", "quality.view_iqcreport"),
    Item(gettext_lazy("出货 OQC"), ("quality:report_list", "OQC"), "outgoing", "quality.view_oqcreport"),
    Item(gettext_lazy("报警"), ("alarms:list",), "alarm", "alarms.view_alarm", alarms.active_count),
    Item(
        gettext_lazy("合同"),
        ("contracts:list",),
        "contract",
        "contracts.view_contract",
        contracts.trouble_count,
    ),
    Item(gettext_lazy("能源"), ("energy:quotas",), "energy", "energy.view_device"),
    Item(gettext_lazy("导入"), ("quality:import",), "upload", "quality.add_iqcreport"),
)

_SIGNS = {"zh-hans": "中文", "en": "EN"}
"""Each language by its own name: who looks for it cannot read the others."""


@dataclass(frozen=True, slots=True)
class Link:
    """A navigation entry as one person sees it on one page."""

    label: Promise
    url: str
    icon: str
    is_current: bool
    badge: int
    is_tab: bool


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Add what the frame of a page shows; nothing is read before a template asks."""
    other = next(code for code, _name in settings.LANGUAGES if code != get_language())
    return {
        "navigation": SimpleLazyObject(lambda: _links(request)),
        "banner": SimpleLazyObject(system_banner) if _is_signed_in(request) else "",
        "version": version(),
        "other_language": {"code": other, "sign": _SIGNS[other]},
    }


def _is_signed_in(request: HttpRequest) -> bool:
    return hasattr(request, "user") and request.user.is_authenticated


def _links(request: HttpRequest) -> list[Link]:
    if not _is_signed_in(request):
        return []
    allowed = [item for item in ITEMS if not item.permission or request.user.has_perm(item.permission)]
    return [
        Link(
            label=item.label,
            url=item.url,
            icon=item.icon,
            is_current=_is_at(request.path, item.url),
            badge=item.badge(request.user) if item.badge else 0,
            is_tab=item.is_tab,
        )
        for item in allowed
    ]


def _is_at(path: str, url: str) -> bool:
    return path == url or (url != "/" and path.startswith(url))

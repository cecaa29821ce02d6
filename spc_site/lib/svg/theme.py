"""How each role looks: presentation attributes for a picture that stands alone, a class for pages.

Attributes have the lowest rank in the cascade, so `chart.css` replaces the colours by the page's variables
(and with them follows dark mode), while a message's picture keeps the colours written here.
"""

from __future__ import annotations

from spc_site.lib.svg.spec import ThemeName

TOKENS: dict[ThemeName, dict[str, str]] = {
    "light": {
        "card": "#fff",
        "ink": "#16202c",
        "mut": "#5f6b78",
        "line": "#e3e7ec",
        "blue": "#1f5fbf",
        "red": "#c4302b",
        "amb": "#9a5b00",
        "grn": "#1f7a4d",
    },
    "dark": {
        "card": "#171e26",
        "ink": "#e6ebf0",
        "mut": "#97a3b0",
        "line": "#27303a",
        "blue": "#7fb0f5",
        "red": "#ff7b72",
        "amb": "#e3a857",
        "grn": "#63c996",
    },
}

# "$name" is a token of the theme. A role without attributes is only a hook for style sheet and script.
ROLES: dict[str, dict[str, str]] = {
    "zone": {"fill": "$blue", "fill-opacity": ".055"},
    "grid": {"stroke": "$line"},
    "axis": {"stroke": "$mut", "stroke-opacity": ".6"},
    "limit": {"stroke": "$amb", "stroke-width": "1.3", "stroke-dasharray": "6 4"},
    "centre": {"stroke": "$grn", "stroke-width": "1.3"},
    "spec": {"stroke": "$red", "stroke-width": "1.4"},
    "stage": {"stroke": "$mut", "stroke-dasharray": "2 3"},
    "leader": {"stroke": "$mut", "stroke-opacity": ".6", "stroke-width": ".8"},
    "line": {"stroke": "$blue", "stroke-linejoin": "round"},
    "dots": {"stroke": "$blue", "stroke-linecap": "round"},
    "excluded": {"fill": "$card", "stroke": "$mut", "stroke-width": "1.3"},
    "bad": {"fill": "$red"},
    "warn": {"fill": "$amb"},
    "bad-badge": {"fill": "$card", "stroke": "$red"},
    "warn-badge": {"fill": "$card", "stroke": "$amb"},
    "bad-mark": {"stroke": "$red"},
    "warn-mark": {"stroke": "$amb"},
    "bar": {"fill": "$blue", "fill-opacity": ".6"},
    "bar-out": {"fill": "$red"},
    "curve": {"stroke": "$ink", "stroke-width": "1.5", "stroke-linejoin": "round"},
    "curve2": {
        "stroke": "$mut",
        "stroke-width": "1.5",
        "stroke-linejoin": "round",
        "stroke-dasharray": "5 3",
    },
    "series1": {"stroke": "$blue", "stroke-width": "1.8", "stroke-linejoin": "round"},
    "series2": {
        "stroke": "$grn",
        "stroke-width": "1.8",
        "stroke-linejoin": "round",
        "stroke-dasharray": "7 3",
    },
    "series3": {
        "stroke": "$amb",
        "stroke-width": "1.8",
        "stroke-linejoin": "round",
        "stroke-dasharray": "2 3",
    },
    "series4": {
        "stroke": "$ink",
        "stroke-width": "1.8",
        "stroke-linejoin": "round",
        "stroke-dasharray": "9 3 2 3",
    },
    "text": {"fill": "$mut"},
    "text-ink": {"fill": "$ink"},
    "text-bad": {"fill": "$red"},
    "text-warn": {"fill": "$amb"},
    "empty": {"stroke": "$line"},
    "target": {"stroke": "$grn", "stroke-dasharray": "1 3"},
    "series1-dots": {"stroke": "$blue", "stroke-linecap": "round"},
    "series2-dots": {"stroke": "$grn", "stroke-linecap": "round"},
    "series3-dots": {"stroke": "$amb", "stroke-linecap": "round"},
    "series4-dots": {"stroke": "$ink", "stroke-linecap": "round"},
    "heat0": {"stroke": "$line"},
    "heat1": {"fill": "$blue", "fill-opacity": ".14"},
    "heat2": {"fill": "$blue", "fill-opacity": ".32"},
    "heat3": {"fill": "$blue", "fill-opacity": ".52"},
    "heat4": {"fill": "$blue", "fill-opacity": ".74"},
    "heat5": {"fill": "$blue"},
    "rows": {},
    "ticks": {},
    "zoom": {},
    "at": {},
}

CLASS_PREFIX = "ch-"


def attributes(role: str, theme: ThemeName) -> dict[str, str]:
    """Return the presentation attributes of a role in a theme."""
    tokens = TOKENS[theme]
    return {
        name: tokens[value[1:]] if value.startswith("$") else value for name, value in ROLES[role].items()
    }

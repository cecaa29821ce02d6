"""Small words of contract pages."""

from __future__ import annotations

from django import template

from contracts.formats import fen_to_yuan

register = template.Library()


@register.filter
def yuan(fen: int | None) -> str:
    """Write an amount in yuan with commas; a dash where there is none."""
    return "—" if fen is None else fen_to_yuan(fen, grouped=True)

"""How a message will look: the payloads that its channel would send, as WeCom shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from notifications import channels, rendering
from notifications import variables as declarations
from notifications.services import templates
from wecom import markdown
from wecom.errors import PayloadError
from wecom.payloads import Payload, byte_length

SAMPLE_TARGET = "IQC"


@dataclass(frozen=True, slots=True)
class Part:
    """One message of those that a text becomes: safe HTML, and its size on the wire."""

    html: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What a template yields: the parts, or why there are none."""

    parts: tuple[Part, ...] = ()
    problem: str = ""


def of_template(
    title_template: str, content_template: str, channel: str, variables: Mapping[str, object]
) -> Preview:
    """Fill a template with sample values, as the sender would."""
    try:
        declared = declarations.read(variables)
        types, values = declarations.types(declared), templates.samples(declared)
        title = rendering.render(title_template, values, types=types)
        content = rendering.render(content_template, values, types=types)
    except ValueError as error:
        return Preview(problem=str(error))
    driver = channels.driver_for(channel)
    if driver is None:
        # Not connected yet: show the text itself.
        return Preview(parts=(_part(f"{title}\n{content}"),))
    return Preview(
        parts=tuple(
            of_payload(payload) for payload in driver.compose(title, content, SAMPLE_TARGET, channels.Form())
        )
    )


def of_payload(payload: str) -> Part:
    """Show one stored payload; what is no payload of WeCom is shown as the text it is."""
    try:
        return _part(Payload.thaw(payload).content)
    except PayloadError:
        return _part(payload)


def _part(text: str) -> Part:
    return Part(html=markdown.to_html(text), size_bytes=byte_length(text))

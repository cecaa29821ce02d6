"""The text of a .docx, and of a filled template, the slow and obvious way: ElementTree and whole strings.

Reading: for each part the paragraphs in document order, empty ones left out; a paragraph joins its w:t, with
w:br and w:cr as newline, w:tab in a run as tab, w:noBreakHyphen as "-", without deleted and moved-away text
and without field instructions; a paragraph in a text box counts on its own after its host.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_PART = re.compile(r"word/((?:document|header\d*|footer\d*|footnotes|endnotes))\.xml")
_SEEN_AS = {"br": "\n", "cr": "\n", "tab": "\t", "noBreakHyphen": "-"}


def read(data: bytes) -> dict[str, list[str]]:
    """Return the texts of each part, by its file name without folder and ending."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {
            found[1]: paragraphs(archive.read(name))
            for name in archive.namelist()
            if (found := _PART.fullmatch(name))
        }


def paragraphs(xml: bytes) -> list[str]:
    texts = ("".join(_pieces(one, "")) for one in ElementTree.fromstring(xml).iter(f"{W}p"))  # noqa: S314
    return [text for text in texts if text]


def links(data: bytes) -> list[str]:
    """Return the external link targets of all parts."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return sorted(
            one.get("Target", "")
            for name in archive.namelist()
            if name.endswith(".rels")
            for one in ElementTree.fromstring(archive.read(name))  # noqa: S314
            if one.get("TargetMode") == "External"
        )


def title(data: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        root = ElementTree.fromstring(archive.read("docProps/core.xml"))  # noqa: S314
    return root.findtext("{http://purl.org/dc/elements/1.1/}title") or ""


def shown(value: str) -> str:
    """Return a value as it is read back: XML's characters alone, one kind of line end."""
    text = re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", value)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def substituted(text: str, values: Mapping[str, Any]) -> str:
    """Return a text with its placeholders replaced, by trying each name at each place."""
    result = ""
    while text:
        if text.startswith("$$"):
            result, text = result + "$", text[2:]
            continue
        fitting = []
        for name in values:
            if found := re.match(rf"\$\{{\s*{name}\s*\}}", text):
                fitting.append((found.end(), name))
            if text.startswith(f"${name}"):
                rest = text[len(name) + 1 :]
                if not (re.match(r"[A-Za-z0-9_]", rest) and re.search(r"[A-Za-z0-9_]$", name)):
                    fitting.append((len(name) + 1, name))
        if fitting:
            length, name = max(fitting)
            result, text = result + shown(values[name]), text[length:]
        else:
            result, text = result + text[0], text[1:]
    return result


def _pieces(element: ElementTree.Element, parent: str) -> list[str]:
    result: list[str] = []
    for child in element:
        local = child.tag.removeprefix(W)
        if local in ("p", "del", "moveFrom"):
            continue
        if local == "t":
            result.append(child.text or "")
        elif local in _SEEN_AS and element.tag == f"{W}r":
            result.append(_SEEN_AS[local])
        else:
            result += _pieces(child, local)
    return result

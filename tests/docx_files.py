"""Small .docx files for tests: only what a test names, everything else as plain as it can be."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
WORD_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml"
SPACES = (
    f'xmlns:w="{W}" xmlns:r="{OFFICE}" '
    'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" '
    'xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml" '
    'xmlns:v="urn:schemas-microsoft-com:vml" mc:Ignorable="w14"'
)
DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
CORE = (
    '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{}</dc:title><dc:creator>$name</dc:creator>'
    "</cp:coreProperties>"
)


def run(text: str) -> str:
    return f'<w:r><w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(*runs: str) -> str:
    """Return a paragraph; what is no markup becomes a run."""
    return "<w:p>" + "".join(one if one.startswith("<") else run(one) for one in runs) + "</w:p>"


def row(*cells: str) -> str:
    return "<w:tr>" + "".join(f"<w:tc>{cell}</w:tc>" for cell in cells) + "</w:tr>"


def table(*rows: str) -> str:
    return "<w:tbl><w:tblPr/><w:tblGrid/>" + "".join(rows) + "</w:tbl>"


def document(body: str) -> str:
    return f"{DECLARATION}<w:document {SPACES}><w:body>{body}<w:sectPr/></w:body></w:document>"


def relationship(number: int, kind: str, target: str, *, outside: bool = False) -> str:
    mode = ' TargetMode="External"' if outside else ""
    return f'<Relationship Id="rId{number}" Type="{OFFICE}/{kind}" Target="{target}"{mode}/>'


def relationships(*lines: str) -> str:
    space = "http://schemas.openxmlformats.org/package/2006/relationships"
    return f'{DECLARATION}<Relationships xmlns="{space}">{"".join(lines)}</Relationships>'


def docx(
    body: str = "",
    *,
    parts: Mapping[str, str] | None = None,
    relations: str = "",
    types: str = "",
    title: str | None = None,
    extra: Mapping[str, bytes | str] | None = None,
    main: bytes | None = None,
) -> bytes:
    """Return a package.

    body       of the document, or `main` the whole part
    parts      headers, footers, footnotes, endnotes by name: `{"header1": "<w:hdr …>"}`
    relations  lines of the document's relations; `types` lines of the content types
    extra      other members
    """
    kinds = {name: name.rstrip("0123456789") for name in parts or {}}
    lines = [
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>',
        '<Default Extension="xml" ContentType="application/xml"/>',
        f'<Override PartName="/word/document.xml" ContentType="{WORD_TYPE}.document.main+xml"/>',
        *(
            f'<Override PartName="/word/{name}.xml" ContentType="{WORD_TYPE}.{kind}+xml"/>'
            for name, kind in kinds.items()
        ),
        types,
    ]
    top = [relationship(1, "officeDocument", "word/document.xml")]
    members: dict[str, bytes | str] = {}
    if title is not None:
        core = "application/vnd.openxmlformats-package.core-properties+xml"
        lines.append(f'<Override PartName="/docProps/core.xml" ContentType="{core}"/>')
        members["docProps/core.xml"] = DECLARATION + CORE.format(title)
    space = "http://schemas.openxmlformats.org/package/2006/content-types"
    members = {
        "[Content_Types].xml": f'{DECLARATION}<Types xmlns="{space}">{"".join(lines)}</Types>',
        "_rels/.rels": relationships(*top),
        "word/document.xml": document(body) if main is None else main,
        **members,
        **{f"word/{name}.xml": text for name, text in (parts or {}).items()},
        **(extra or {}),
    }
    numbered = "".join(
        relationship(100 + n, kind, f"{name}.xml") for n, (name, kind) in enumerate(kinds.items())
    )
    if relations or numbered:
        members["word/_rels/document.xml.rels"] = relationships(relations, numbered)
    return package(members)


def package(members: Mapping[str, bytes | str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def member(data: bytes, name: str) -> str:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(name).decode()

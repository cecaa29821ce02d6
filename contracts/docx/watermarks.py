"""A word across every page of a document: 草稿, 作废.

It is put into the template before that is compiled, so that filling costs the same with it and without.
The shape hangs in a run of each header and takes no room; a document whose pages have no header gets one
that holds nothing else.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from contracts.docx import markup
from contracts.docx.markup import Token
from contracts.docx.packages import CONTENT_TYPES, Package, check_package, relations_of
from contracts.docx.zips import Limits, Member, ZipWriter, unpack

_TRANSITIONAL_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_TRANSITIONAL_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_STRICT_R = "http://purl.oclc.org/ooxml/officeDocument/relationships"
_HEADER_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.header+xml"
_NO_RELATIONS = (
    markup.DECLARATION
    + '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"></Relationships>'
)
_VML = 'xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office"'
_LETTER_PT = 130
_MOST_PT = 440
Edit = tuple[int, int, str]


def watermarked(data: bytes, text: str) -> bytes:
    """Return the document with a text across every page. Raises PackageRefused."""
    package = check_package(data)
    changed: dict[str, str] = {}
    for name in package.words:
        source = markup.as_utf8(package.texts[name])
        if _is_header(source):
            changed[name] = _with_run(source, _run(text, strict=_is_strict(source)))
    main = markup.as_utf8(package.texts[package.main])
    if edit := _references(package, main):
        strict = _is_strict(main)
        header = posixpath.join(posixpath.dirname(package.main), "headerWatermark.xml")
        while header in package.members:
            header = header.replace("Watermark", "WatermarkX")
        relations = relations_of(package.main)
        kind = f"{_STRICT_R if strict else _TRANSITIONAL_R}/header"
        changed[header] = _header(text, strict=strict)
        changed[package.main] = _edited(main, edit)
        changed[relations] = _before_end(
            markup.as_utf8(package.texts.get(relations, _NO_RELATIONS)),
            f'Relationship Id="{_relation_id(package)}" Type="{kind}" '
            f'Target="{posixpath.basename(header)}"/>',
        )
        changed[CONTENT_TYPES] = _before_end(
            markup.as_utf8(package.texts[CONTENT_TYPES]),
            f'Override PartName="/{header}" ContentType="{_HEADER_TYPE}"/>',
        )
    writer = ZipWriter()
    for name, member in package.members.items():
        writer.add(Member.deflated(name, changed.pop(name).encode()) if name in changed else member)
    writer.extend(Member.deflated(name, content.encode()) for name, content in changed.items())
    return writer.finish()


# --- what a page shows --------------------------------------------------------------------------


def _run(text: str, *, strict: bool) -> str:
    """Return the run with the shape, in names of its own: the part may call the namespaces otherwise."""
    space = markup.STRICT_W if strict else _TRANSITIONAL_W
    width = min(_MOST_PT, _LETTER_PT * max(1, len(text)))
    height = min(_LETTER_PT, 1.4 * width / max(1, len(text)))
    style = (
        f"position:absolute;margin-left:0;margin-top:0;width:{width}pt;height:{height:.0f}pt;rotation:315;"
        "z-index:-251658752;mso-position-horizontal:center;mso-position-horizontal-relative:margin;"
        "mso-position-vertical:center;mso-position-vertical-relative:margin"
    )
    return (
        f'<wm:r xmlns:wm="{space}"><wm:rPr><wm:noProof/></wm:rPr><wm:pict>'
        f'<v:shapetype {_VML} id="_x0000_t136" coordsize="21600,21600" o:spt="136" adj="10800" '
        'path="m@7,l@8,m@5,21600l@6,21600e"><v:formulas><v:f eqn="sum #0 0 10800"/><v:f eqn="prod #0 2 1"/>'
        '<v:f eqn="sum 21600 0 @1"/><v:f eqn="sum 0 0 @2"/><v:f eqn="sum 21600 0 @3"/>'
        '<v:f eqn="if @0 @3 0"/><v:f eqn="if @0 21600 @1"/><v:f eqn="if @0 0 @2"/>'
        '<v:f eqn="if @0 @4 21600"/></v:formulas><v:path textpathok="t"/>'
        '<v:textpath on="t" fitshape="t"/></v:shapetype>'
        f'<v:shape {_VML} id="PowerPlusWaterMarkObject1" type="#_x0000_t136" style="{style}" '
        'o:allowincell="f" fillcolor="silver" stroked="f"><v:fill opacity=".5"/>'
        f'<v:textpath style="font-family:&quot;SimSun&quot;;font-size:1pt" '
        f'string="{markup.escape_attribute(text)}"/></v:shape></wm:pict></wm:r>'
    )


def _header(text: str, *, strict: bool) -> str:
    space = markup.STRICT_W if strict else _TRANSITIONAL_W
    run = _run(text, strict=strict)
    return f'{markup.DECLARATION}<w:hdr xmlns:w="{space}"><w:p>{run}</w:p></w:hdr>'


# --- where it goes ------------------------------------------------------------------------------


def _is_header(source: str) -> bool:
    root = next(token for token in markup.tokens(source) if token.kind == "open")
    return root.name[1] == "hdr"


def _is_strict(source: str) -> bool:
    root = next(token for token in markup.tokens(source) if token.kind == "open")
    return markup.STRICT_W in (root.scope or {}).values()


def _is(token: Token, kind: str, local: str) -> bool:
    return token.kind == kind and token.name[0] in markup.W and token.name[1] == local


def _with_run(source: str, run: str) -> str:
    """Return a header with the run in its first paragraph, behind the paragraph's properties."""
    paragraph: Token | None = None
    depth = 0
    for token in markup.tokens(source):
        if paragraph is None:
            if _is(token, "open", "p"):
                if token.empty:
                    return _edited(source, _filled(source, token, run))
                paragraph = token
        elif _is(token, "open", "pPr"):
            depth += 1
        elif _is(token, "close", "pPr"):
            depth -= 1
            if not depth:
                return _edited(source, (token.stop, token.stop, run))
        elif not depth and token.kind != "text":
            break
    if paragraph is None:
        return source
    return _edited(source, (paragraph.stop, paragraph.stop, run))


def _references(package: Package, main: str) -> Edit | None:
    """Return the edit that gives the first section the headers that it lacks; later ones inherit them."""
    sections = list(_sections(main))
    first = sections[0] if sections else None
    wanted = ["default"]
    if any(section.has_title_page for section in sections):
        wanted.append("first")
    if _has_even_pages(package):
        wanted.append("even")
    missing = [kind for kind in wanted if first is None or kind not in first.headers]
    if not missing:
        return None
    strict = _is_strict(main)
    words, office = (markup.STRICT_W, _STRICT_R) if strict else (_TRANSITIONAL_W, _TRANSITIONAL_R)
    references = "".join(
        f'<wm:headerReference xmlns:wm="{words}" xmlns:rm="{office}" wm:type="{kind}" '
        f'rm:id="{_relation_id(package)}"/>'
        for kind in missing
    )
    if first is None:
        end = next(token for token in markup.tokens(main) if _is(token, "close", "body"))
        return end.start, end.start, f'<wm:sectPr xmlns:wm="{words}">{references}</wm:sectPr>'
    if first.start.empty:
        return _filled(main, first.start, references)
    return first.start.stop, first.start.stop, references


class _Section:
    """The properties of a section: where they start, which headers they name."""

    def __init__(self, start: Token) -> None:
        self.start = start
        self.headers: set[str] = set()
        self.has_title_page = False


def _sections(main: str) -> Iterator[_Section]:
    """Return the sections in their order; those that a tracked change remembers are none."""
    section: _Section | None = None
    depth = 0
    for token in markup.tokens(main):
        if _is(token, "open", "sectPr"):
            depth += 1
            if depth == 1:
                section = _Section(token)
        elif _is(token, "close", "sectPr"):
            depth -= 1
            if depth == 0 and section is not None:
                yield section
        elif section is not None and depth == 1:
            if _is(token, "open", "headerReference"):
                values = {one.name[1]: one.value for one in markup.attributes(token)}
                section.headers.add(values.get("type", "default"))
            elif _is(token, "open", "titlePg"):
                section.has_title_page = True


def _has_even_pages(package: Package) -> bool:
    """Tell whether even pages have headers of their own, as the settings say."""
    relations = package.texts.get(relations_of(package.main), "")
    targets = (
        values.get("Target", "")
        for token in markup.tokens(relations)
        if token.kind == "open" and token.name[1] == "Relationship"
        for values in [{one.name[1]: one.value for one in markup.attributes(token)}]
        if values.get("Type", "").endswith("/settings")
    )
    target = next(targets, "")
    name = posixpath.normpath(posixpath.join(posixpath.dirname(package.main), target)).lstrip("/")
    if name not in package.members:
        return False
    limits = Limits()
    text = markup.decode(name, unpack(package.members[name], limits, limits.unpacked))
    return any(_is(token, "open", "evenAndOddHeaders") for token in markup.tokens(text))


def _relation_id(package: Package) -> str:
    known = package.texts.get(relations_of(package.main), "")
    name = "rIdWatermark"
    while name in known:
        name += "x"
    return name


# --- text ---------------------------------------------------------------------------------------


def _filled(source: str, token: Token, inside: str) -> Edit:
    """Return the edit that puts something into an empty element."""
    head = source[token.start : token.stop].removesuffix("/>")
    return token.start, token.stop, f"{head}>{inside}</{token.written}>"


def _before_end(source: str, element: str) -> str:
    """Return a part with an element, written without its bracket and prefix, before the end of its root."""
    root = next(token for token in markup.tokens(source) if token.kind == "open")
    whole = f"<{markup.prefix_of(root.written)}{element}"
    if root.empty:
        return _edited(source, _filled(source, root, whole))
    end = [token for token in markup.tokens(source) if token.kind == "close"][-1].start
    return _edited(source, (end, end, whole))


def _edited(source: str, edit: Edit) -> str:
    start, stop, text = edit
    return source[:start] + text + source[stop:]

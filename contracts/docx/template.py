"""A compiled template: filled as often as wanted, by joining bytes."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from contracts.docx import markup, pictures
from contracts.docx.compiling import Compiler, with_room
from contracts.docx.errors import BadPlaceholder, BadValue, MissingField
from contracts.docx.packages import CONTENT_TYPES, Package, check_package, default_types, relations_of
from contracts.docx.pictures import Picture
from contracts.docx.placeholders import Fields
from contracts.docx.programs import (
    DrawingSlot,
    Insert,
    Program,
    Rows,
    RunText,
    Slot,
    Unless,
    packed,
    walk,
)
from contracts.docx.scan import scan
from contracts.docx.zips import Limits, Member, ZipWriter, deflate_pieces

Mode = Literal["strict", "keep", "blank"]
Declared = Fields | Iterable[str] | Mapping[str, Iterable[str] | None]

MOST_BYTES = 64 << 10
MOST_ROWS = 5000
_MOST_FILLED = 200 << 20
_EMPTY_RELATIONS = (
    markup.DECLARATION
    + '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"></Relationships>'
)


@dataclass(frozen=True, slots=True)
class _Part:
    """A member that filling may change.

    relations  the name of the relations of a part with words
    strict     relations of a part that is written in the namespaces of ISO 29500 Strict
    """

    name: str
    program: Program
    has_slots: bool
    relations: str = ""
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Template:
    """A template after compiling; it never changes, so threads may share it.

    used     every field that the template names, in its order: (name, column or None), and if it is declared
    """

    used: Mapping[tuple[str, str | None], bool]
    _members: Mapping[str, Member] = field(repr=False)
    _parts: Sequence[_Part] = field(repr=False)
    _relations: Mapping[str, _Part] = field(repr=False)
    _types: Program = field(repr=False)
    _default_types: Mapping[str, str] = field(repr=False)
    _media: str = field(repr=False)
    _relation_id: str = field(repr=False)
    _highest_id: int = field(repr=False)
    _singles: Sequence[Slot] = field(repr=False)
    _untouched: ZipWriter = field(repr=False)
    _bulk: bool = field(repr=False)
    _level: int = field(repr=False)

    @property
    def field_names(self) -> tuple[str, ...]:
        """Every field that the template names, columns as `list.column`, in the template's order."""
        return tuple(_full(name, column) for name, column in self.used)

    def fill(self, values: Mapping[str, Any], mode: Mode = "strict") -> bytes:
        """Return the filled document.

        Parameters
            values  text, whole numbers, Decimal, pictures (`Picture` or `{"image": bytes, "width_mm": n}`),
                    lists of mappings of the same. None counts as missing. Nothing is evaluated, nothing
                    in a value is taken for a placeholder
            mode    what becomes of a missing field: `strict` an error, `keep` the placeholder stays,
                    `blank` an empty text (a picture stays as it is)

        Raises
            MissingField  in strict mode, with every missing name
            BadValue      for a value of another kind, or beyond 64 kB or 5,000 rows
        """
        if mode not in ("strict", "keep", "blank"):
            raise ValueError(f"no such mode: {mode}")
        return _Filling(self, values, mode).package()


def compile_template(
    data: bytes,
    fields: Declared,
    *,
    bulk: bool = False,
    level: int = 6,
    limits: Limits | None = None,
) -> Template:
    """Return the template for filling many times.

    Parameters
        data    the .docx file
        fields  the declared fields, see `Fields.of`
        bulk    deflate the constant pieces now and store values as they are: faster, and a larger file
        level   of deflate for the changed parts

    Raises PackageRefused, BadPlaceholder (with every place) or FieldError.
    """
    return compile_package(check_package(data, limits=limits), fields, bulk=bulk, level=level)


def compile_package(package: Package, fields: Declared, *, bulk: bool = False, level: int = 6) -> Template:
    """Return the template of a package that was checked before; see `compile_template`."""
    compiler = Compiler(Fields.of(fields))
    parts: list[_Part] = []
    relations: dict[str, _Part] = {}
    highest_id = 0
    prepared = packed if bulk else _as_it_is
    for name in package.words:
        source = markup.as_utf8(package.texts[name])
        part = scan(source)
        highest_id = max(highest_id, part.highest_id)
        program = compiler.words(name, source, part)
        parts.append(_Part(name, prepared(program), _has_slots(program, source), relations_of(name)))
        relations_source = markup.as_utf8(package.texts.get(relations_of(name), _EMPTY_RELATIONS))
        program = compiler.relations(relations_of(name), relations_source)
        has_slots = any(not isinstance(node, bytes | Insert) for node in program)
        relations[relations_of(name)] = _Part(relations_of(name), program, has_slots, strict=part.strict)
    if package.core:
        source = markup.as_utf8(package.texts[package.core])
        program = compiler.title(package.core, source)
        parts.append(_Part(package.core, prepared(program), _has_slots(program, source)))
    if compiler.bad:
        raise BadPlaceholder(compiler.bad)
    changed = {part.name for part in (*parts, *relations.values()) if part.has_slots}
    all_slots = (
        node
        for part in (*parts, *relations.values())
        for node in walk(part.program)
        if isinstance(node, Slot) and node.column is None
    )
    relation_id = "rIdFilled"
    while any(relation_id in package.texts.get(name, "") for name in relations):
        relation_id += "x"
    types = markup.as_utf8(package.texts[CONTENT_TYPES])
    untouched = ZipWriter().extend(one for name, one in package.members.items() if name not in changed)
    return Template(
        used=compiler.used,
        _members=package.members,
        _parts=tuple(part for part in parts if part.has_slots),
        _relations=relations,
        _types=with_room(types),
        _default_types=default_types(types),
        _media=posixpath.join(posixpath.dirname(package.main), "media"),
        _relation_id=relation_id,
        _highest_id=highest_id,
        _singles=tuple({slot.key: slot for slot in all_slots}.values()),
        _untouched=untouched.settle(),
        _bulk=bulk,
        _level=level,
    )


def _as_it_is(program: Program) -> Program:
    return program


def _has_slots(program: Program, source: str) -> bool:
    """Tell whether the part differs from its source: `$$` alone changes it, too."""
    return program != (source.encode(),)


def _full(name: str, column: str | None) -> str:
    return name if column is None else f"{name}.{column}"


class _Filling:
    """One filling: the values in the forms that the slots need, and the pictures met on the way."""

    def __init__(self, template: Template, values: Mapping[str, Any], mode: Mode) -> None:
        self.template = template
        self.keeps = mode == "keep"
        self.lists: dict[str, Sequence[Mapping[str, str | Picture]]] = {}
        self.texts: dict[int, bytes] = {}
        self.pictures: dict[tuple[str, str | None], Picture] = {}
        self.plain: set[tuple[str, str | None]] = set()
        self.media: dict[str, Picture] = {}
        self.relation_ids: dict[str, dict[str, str]] = {}
        self.relations = ""
        self.number = template._highest_id
        missing = self._take(values)
        if missing and mode == "strict":
            raise MissingField(missing)
        self._take_singles(values)

    # --- values

    def _take(self, values: Mapping[str, Any]) -> list[str]:
        """Check the lists, and return the names of the missing fields."""
        missing = []
        columns: dict[str, list[str]] = {}
        for (name, column), declared in self.template.used.items():
            if not declared:
                missing.append(_full(name, column))
            elif column is None:
                if values.get(name) is None:
                    missing.append(name)
            elif values.get(name) is None:
                missing.append(f"{name}.{column}")
            else:
                columns.setdefault(name, []).append(column)
        for name, wanted in columns.items():
            items = values[name]
            if not isinstance(items, list | tuple) or not all(isinstance(item, Mapping) for item in items):
                raise BadValue(name, "not a list of mappings")
            if len(items) > MOST_ROWS:
                raise BadValue(name, f"more than {MOST_ROWS} rows", code="too_large")
            missing += (
                f"{name}.{column}" for column in wanted if any(item.get(column) is None for item in items)
            )
            self.lists[name] = [
                {
                    column: _value(f"{name}.{column}", item[column])
                    for column in wanted
                    if item.get(column) is not None
                }
                for item in items
            ]
        return missing

    def _take_singles(self, values: Mapping[str, Any]) -> None:
        known: dict[str, str | Picture] = {}
        for (name, column), declared in self.template.used.items():
            if declared and column is None and values.get(name) is not None:
                known[name] = _value(name, values[name])
                self._file((name, None), known[name])
        for slot in self.template._singles:
            if slot.name in known:
                self._render(slot, known[slot.name])

    def _file(self, key: tuple[str, str | None], value: str | Picture | None) -> None:
        self.pictures.pop(key, None)
        self.plain.discard(key)
        if isinstance(value, Picture):
            self.pictures[key] = value
        elif value is not None:
            self.plain.add(key)

    def _render(self, slot: Slot, value: str | Picture) -> None:
        if isinstance(value, str):
            self.texts[slot.key] = slot.flavour.render(value)
        elif not isinstance(slot.flavour, RunText):
            raise BadValue(slot.full_name, "a picture where only text can stand")

    # --- programs

    def run(self, program: Program, out: list[bytes]) -> None:
        """Append the bytes of a program."""
        texts = self.texts
        for node in program:
            if isinstance(node, bytes):
                out.append(node)
            elif isinstance(node, Slot):
                text = texts.get(node.key)
                out.append(self._without_text(node) if text is None else text)
            elif isinstance(node, Rows):
                self._rows(node, out)
            elif isinstance(node, Unless):
                if any(self.lists.get(name) != [] for name in node.lists):
                    self.run(node.body, out)
            elif isinstance(node, DrawingSlot):
                out.append(self._drawing(node))
            else:
                out.append(self._new_relations(node.prefix))

    def _rows(self, node: Rows, out: list[bytes]) -> None:
        if node.name not in self.lists:  # missing: the row stays once, as the mode wants it
            self.run(node.body, out)
            return
        columns = {slot.column for slot in node.columns} | {slot.column for slot in node.drawings}
        for item in self.lists[node.name]:
            for column in columns:
                self._file((node.name, column), item.get(column or ""))
            for slot in node.columns:
                self.texts.pop(slot.key, None)
                value = item.get(slot.column or "")
                if value is not None:
                    self._render(slot, value)
            self.run(node.body, out)

    def _without_text(self, slot: Slot) -> bytes:
        picture = self.pictures.get((slot.name, slot.column))
        if picture is None or not isinstance(slot.flavour, RunText):
            return slot.raw if self.keeps else b""
        self.number += 1
        prefix = markup.prefix_of(slot.flavour.written)
        drawing = pictures.inline(
            prefix, picture, self._relation_to(picture), self.number, strict=slot.flavour.strict
        )
        return slot.flavour.around(drawing).encode()

    def _drawing(self, slot: DrawingSlot) -> bytes:
        key = (slot.name, slot.column)
        picture = self.pictures.get(key)
        if picture is None:
            if slot.explicit and key in self.plain:
                raise BadValue(_full(*key), "text where only a picture can stand")
            return slot.was
        if slot.what == "relation":
            return self._relation_to(picture).encode()
        return str(picture.size[0 if slot.what == "width" else 1]).encode()

    # --- pictures

    def _relation_to(self, picture: Picture) -> str:
        """Return the id, in the part at hand, of the relation to a picture."""
        name = f"{self.template._media}/filled-{picture.digest}.{picture.extension}"
        self.media[name] = picture
        ids = self.relation_ids.setdefault(self.relations, {})
        return ids.setdefault(name, f"{self.template._relation_id}{len(ids) + 1}")

    def _new_relations(self, prefix: str) -> bytes:
        ids = self.relation_ids.get(self.relations, {})
        folder = posixpath.dirname(posixpath.dirname(self.relations))
        return "".join(
            f'<{prefix}Relationship Id="{number}" Type="{self._relation_type()}" '
            f'Target="{markup.escape_attribute(posixpath.relpath(name, folder or "."))}"/>'
            for name, number in ids.items()
        ).encode()

    def _relation_type(self) -> str:
        strict = self.template._relations[self.relations].strict
        base = "http://purl.oclc.org/ooxml" if strict else "http://schemas.openxmlformats.org"
        return f"{base}/officeDocument/{'' if strict else '2006/'}relationships/image"

    def _types(self) -> bytes:
        program = self.template._types
        added: list[bytes] = []
        known = dict(self.template._default_types)
        prefix = next(node.prefix for node in program if isinstance(node, Insert))
        for name, picture in self.media.items():
            kind = known.setdefault(picture.extension, "")
            if not kind:
                known[picture.extension] = picture.content_type
                line = (
                    f'<{prefix}Default Extension="{picture.extension}" ContentType="{picture.content_type}"/>'
                )
                added.append(line.encode())
            elif kind.lower() != picture.content_type:
                line = f'<{prefix}Override PartName="/{name}" ContentType="{picture.content_type}"/>'
                added.append(line.encode())
        return b"".join(node if isinstance(node, bytes) else b"".join(added) for node in program)

    # --- the package

    def package(self) -> bytes:
        """Return the filled document."""
        template = self.template
        changed: dict[str, Member] = {}
        room = _MOST_FILLED
        for part in template._parts:
            self.relations = part.relations
            changed[part.name] = self._member(part)
            room -= changed[part.name].size
            if room < 0:
                raise BadValue(part.name, f"more than {_MOST_FILLED} bytes when filled", code="too_large")
        for name, part in template._relations.items():
            self.relations = name
            if part.has_slots or name in self.relation_ids:
                changed[name] = self._member(part)
        if not self.media:
            return template._untouched.copy().extend(changed.values()).finish()
        changed[CONTENT_TYPES] = Member.deflated(CONTENT_TYPES, self._types(), level=template._level)
        writer = ZipWriter()
        for name, member in template._members.items():
            writer.add(changed.pop(name, member))
        writer.extend(changed.values())
        writer.extend(Member.stored(name, picture.data) for name, picture in self.media.items())
        return writer.finish()

    def _member(self, part: _Part) -> Member:
        pieces: list[bytes] = []
        self.run(part.program, pieces)
        data = b"".join(pieces)
        raw = deflate_pieces(pieces) if self.template._bulk else None
        return Member.deflated(part.name, data, raw, level=self.template._level)


def _value(name: str, value: Any) -> str | Picture:
    """Return a value as text or picture. Raises BadValue."""
    if isinstance(value, str):
        text = value
    elif isinstance(value, Picture):
        return value
    elif isinstance(value, Mapping):
        try:
            return Picture.of(value)
        except ValueError as error:
            raise BadValue(name, str(error)) from error
    elif isinstance(value, int | Decimal) and not isinstance(value, bool):
        text = f"{value:f}" if isinstance(value, Decimal) else str(value)
    else:
        raise BadValue(name, f"{type(value).__name__} is neither text nor a picture")
    # A character takes four bytes at the most, so that short texts need no counting.
    if len(text) * 4 > MOST_BYTES and len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise BadValue(name, f"more than {MOST_BYTES} bytes", code="too_large")
    return text

"""Pictures as values: what they are, how large, and the drawing that shows one in a run."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_EMU_PER_MM = 36_000
MOST_BYTES = 10 << 20
"""Of one picture."""
_MOST_MM = 1000
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""Start-of-frame markers of JPEG (ITU-T T.81, table B.1): the others of this range are tables."""

_TRANSITIONAL = {
    "wp": "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
    "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
    "pic": "http://schemas.openxmlformats.org/drawingml/2006/picture",
    "r": "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
}
_STRICT = {
    "wp": "http://purl.oclc.org/ooxml/drawingml/wordprocessingDrawing",
    "a": "http://purl.oclc.org/ooxml/drawingml/main",
    "pic": "http://purl.oclc.org/ooxml/drawingml/picture",
    "r": "http://purl.oclc.org/ooxml/officeDocument/relationships",
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG or JPEG file to be shown `width_mm` wide; the height follows from the file.

    Raises ValueError if it is no such file, or out of the limits (10 MB, 1,000 mm).
    """

    data: bytes = field(repr=False)
    width_mm: float
    extension: str = field(init=False)
    pixels: tuple[int, int] = field(init=False)
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        if len(self.data) > MOST_BYTES:
            raise ValueError(f"a picture of more than {MOST_BYTES} bytes")
        if not 0 < self.width_mm <= _MOST_MM:
            raise ValueError(f"a width that is not between 0 and {_MOST_MM} mm")
        extension, pixels = _kind_and_size(self.data)
        if pixels[1] * self.width_mm > _MOST_MM * pixels[0]:
            raise ValueError(f"a height of more than {_MOST_MM} mm")
        object.__setattr__(self, "extension", extension)
        object.__setattr__(self, "pixels", pixels)
        object.__setattr__(self, "digest", hashlib.sha256(self.data).hexdigest()[:16])

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Picture:
        """Return the picture of `{"image": bytes, "width_mm": number}`. Raises ValueError."""
        if value.keys() != {"image", "width_mm"} or not isinstance(value["image"], bytes):
            raise ValueError("a picture is the bytes of an image and its width_mm")
        try:
            width = float(value["width_mm"])
        except (TypeError, ValueError) as error:
            raise ValueError("width_mm is no number") from error
        return cls(value["image"], width)

    @property
    def content_type(self) -> str:
        return f"image/{self.extension}"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in English Metric Units, at least 1."""
        width = max(1, round(self.width_mm * _EMU_PER_MM))
        return width, max(1, round(width * self.pixels[1] / self.pixels[0]))


def inline(prefix: str, picture: Picture, relation: str, number: int, *, strict: bool) -> str:
    """Return the drawing that shows a picture in a run; `prefix` is that of the part, with its colon."""
    names = " ".join(
        f'xmlns:{name}="{space}"' for name, space in (_STRICT if strict else _TRANSITIONAL).items()
    )
    kind = (_STRICT if strict else _TRANSITIONAL)["pic"]
    width, height = picture.size
    return (
        f'<{prefix}drawing><wp:inline {names} distT="0" distB="0" distL="0" distR="0">'
        f'<wp:extent cx="{width}" cy="{height}"/><wp:docPr id="{number}" name="Picture {number}"/>'
        '<wp:cNvGraphicFramePr><a:graphicFrameLocks noChangeAspect="1"/></wp:cNvGraphicFramePr>'
        f'<a:graphic><a:graphicData uri="{kind}"><pic:pic><pic:nvPicPr>'
        f'<pic:cNvPr id="{number}" name="Picture {number}"/><pic:cNvPicPr/></pic:nvPicPr>'
        f'<pic:blipFill><a:blip r:embed="{relation}"/><a:stretch><a:fillRect/></a:stretch></pic:blipFill>'
        f'<pic:spPr><a:xfrm><a:off x="0" y="0"/><a:ext cx="{width}" cy="{height}"/></a:xfrm>'
        '<a:prstGeom prst="rect"><a:avLst/></a:prstGeom></pic:spPr>'
        f"</pic:pic></a:graphicData></a:graphic></wp:inline></{prefix}drawing>"
    )


def _kind_and_size(data: bytes) -> tuple[str, tuple[int, int]]:
    if data.startswith(_PNG) and data[12:16] == b"IHDR" and len(data) >= 24:
        size = struct.unpack_from(">2L", data, 16)
        kind = "png"
    elif data.startswith(_JPEG):
        size = next(_jpeg_frames(data), (0, 0))
        kind = "jpeg"
    else:
        raise ValueError("neither PNG nor JPEG")
    if not all(size):
        raise ValueError("an image without a size")
    return kind, (size[0], size[1])


def _jpeg_frames(data: bytes) -> Iterator[tuple[int, int]]:
    """Return the sizes that the frames of a JPEG file state."""
    place = 2
    while place + 9 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:  # fill
            place += 1
            continue
        if marker in _FRAMES:
            height, width = struct.unpack_from(">2H", data, place + 5)
            yield width, height
        if marker == 0xDA:  # the data starts
            return
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")

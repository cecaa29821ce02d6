"""The content rules that ship."""

from __future__ import annotations

from typing import Any

RULES: tuple[dict[str, Any], ...] = (
    {
        "name": "手机号",
        "kind": "mask",
        "is_regex": True,
        # Part of a number that begins with letters (HT139-2026-0001) is none; +86-139… is.
        "pattern": r"(?:(?<![0-9A-Za-z-])|(?<=86-))1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?!\d)",
        "keep_start": 3,
        "keep_end": 4,
        "note": "11 位手机号，可带空格或短横",
    },
    {
        "name": "身份证号",
        "kind": "mask",
        "is_regex": True,
        "pattern": r"(?<!\d)[1-9]\d{16}[\dX](?![\dX])",
        "checksum": "id_card",
        "keep_start": 3,
        "keep_end": 4,
        "note": "18 位且校验码正确",
    },
    {
        "name": "银行卡号",
        "kind": "mask",
        "is_regex": True,
        "pattern": r"(?<!\d)(?:\d{4}[ -]?){3}\d{4}(?:[ -]?\d{1,3}+)?+(?!\d)",
        "checksum": "luhn",
        "keep_end": 4,
        "note": "16–19 位且校验位正确；长批号有一成会碰巧符合，所以默认停用",
        "is_active": False,
    },
    {
        "name": "电子邮箱",
        "kind": "mask",
        "is_regex": True,
        "pattern": r"(?<![\w.+-])([\w.+-]{1,64}+)@[\w-]{1,63}+(?:\.[\w-]{1,63}+){1,4}+",
        "keep_start": 1,
        "note": "只掩 @ 之前；联系邮箱常常要让人看到，所以默认停用",
        "is_active": False,
    },
)

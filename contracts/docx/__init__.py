"""Word templates with placeholders: checked, compiled once, filled many times.

Standard library only; usable alone:

from contracts.docx import compile_template

template = compile_template(data, ["合同编号", "甲方名称", "明细.名称"])
document = template.fill({"合同编号": "HT-1", "甲方名称": "苏州示例", "明细": [{"名称": "螺丝"}]})
"""

from contracts.docx.errors import (
    BadPlaceholder,
    BadValue,
    DocxError,
    FieldError,
    MissingField,
    PackageRefused,
    Place,
)
from contracts.docx.lint import Finding, lint
from contracts.docx.packages import Package, check_package
from contracts.docx.pictures import Picture
from contracts.docx.placeholders import Fields
from contracts.docx.template import Mode, Template, compile_package, compile_template
from contracts.docx.watermarks import watermarked
from contracts.docx.zips import Limits

__all__ = [
    "BadPlaceholder",
    "BadValue",
    "DocxError",
    "FieldError",
    "Fields",
    "Finding",
    "Limits",
    "MissingField",
    "Mode",
    "Package",
    "PackageRefused",
    "Picture",
    "Place",
    "Template",
    "check_package",
    "compile_package",
    "compile_template",
    "lint",
    "watermarked",
]

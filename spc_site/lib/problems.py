"""What is wrong with a file, by cell, and the words for it, in Chinese and in English.

Readers deal in codes; a room that imports has one `Wording` with the sentences of its own codes
beside those that every file may need.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from spc_site.lib.columns import Column
from spc_site.lib.sheets import address

Language = Literal["zh", "en"]
Sentences = Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that keeps a file from being imported.

    `code` names the sentence in `wording`, `params` fill it. `sheet` and the cell are empty
    where the whole file or sheet is meant; `title` is the column or label as the file prints it.
    """

    code: str
    sheet: str = ""
    row: int = -1
    column: int = -1
    title: str = ""
    params: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Address of the cell, empty if no single cell is meant."""
        return address(self.row, self.column) if self.row >= 0 and self.column >= 0 else ""


SENTENCES: Sentences = {
    # --- the file ------------------------------------------------------------------------
    "empty_file": (
        "文件是空的（0 字节）。请重新导出或重新发送。",
        "The file is empty (0 bytes). Export or send it again.",
    ),
    "file_too_large": (
        "文件超过 {limit} MB。请删除图片和无关的工作表后再导入。",
        "The file is larger than {limit} MB. Remove pictures and unrelated sheets, then import again.",
    ),
    "not_a_workbook": (
        "不是 Excel（.xlsx、.xls）或 CSV 文件。请另存为其中一种。",
        "Neither an Excel file (.xlsx, .xls) nor CSV. Save it as one of these.",
    ),
    "not_text": (
        "不是文本文件，或编码无法识别。请用 UTF-8 或 GBK 编码保存为 CSV。",
        "Not a text file, or of an unknown encoding. Save it as CSV in UTF-8 or GBK.",
    ),
    "unpacks_too_large": (
        "文件解压后超过 {limit} MB。请删除无关内容，或拆成几个文件。",
        "Unpacked, the file is larger than {limit} MB. Remove what does not belong, or split it.",
    ),
    "too_many_members": (
        "文件内部超过 {limit} 个部分。请另存为新文件后再导入。",
        "The file consists of more than {limit} parts. Save it as a new file.",
    ),
    "encrypted": (
        "文件有打开密码。请去掉密码后再导入。",
        "The file is protected by a password. Remove the password, then import again.",
    ),
    "damaged": (
        "文件已损坏或不完整。请用 Excel 打开并另存，或请对方重新发送。",
        "The file is damaged or incomplete. Open and save it with Excel, or ask for it again.",
    ),
    "too_many_sheets": (
        "工作表超过 {limit} 个。请拆成几个文件。",
        "More than {limit} sheets. Split the file.",
    ),
    "sheet_too_large": (
        "工作表“{sheet}”太大（最多 {rows} 行、{columns} 列）。请删除数据之外的内容。",
        "Sheet “{sheet}” is too large (at most {rows} rows and {columns} columns). Remove what is not data.",
    ),
    "too_many_merged": (
        "工作表“{sheet}”的合并单元格超过 {limit} 个。请取消数据区的合并。",
        "Sheet “{sheet}” has more than {limit} merged ranges. Unmerge the cells of the data.",
    ),
    "unreadable": (
        "无法打开文件：{reason}。",
        "Cannot open the file: {reason}.",
    ),
    "unknown_profile": (
        "没有名为“{name}”的版式。可用的有：{known}。",
        "There is no profile named “{name}”. Known are: {known}.",
    ),
    # --- a cell --------------------------------------------------------------------------
    "excel_error": (
        "是 Excel 错误值 {value}。请改正公式，或填写数值；没有测量的请留空。",
        "Holds the Excel error {value}. Correct the formula, write the value, or leave it blank.",
    ),
    "uncached": (
        "公式没有保存计算结果。请用 Excel 打开并保存一次，或直接填写数值。",
        "The formula has no stored result. Open and save the file once with Excel, or write the value.",
    ),
    "comma_decimal": (
        "“{value}”用逗号作小数点。请改用点，例如 10.05。",
        "“{value}” has a decimal comma. Write a point, as in 10.05.",
    ),
    "not_a_count": (
        "“{value}”不是正整数。",
        "“{value}” is not a whole number from 1 on.",
    ),
    "count_too_large": (
        "{value} 太大，最多 {limit}。",
        "{value} is too large, at most {limit}.",
    ),
    "not_a_date": (
        "“{value}”不是日期。请写成 2024-01-15。",
        "“{value}” is not a date. Write it as 2024-01-15.",
    ),
    "date_not_text": (
        "被 Excel 当成日期或时间（{value}）。请把单元格设为文本格式后重新填写。",
        "Excel made a date or time of it ({value}). Format the cell as text and type again.",
    ),
    "text_too_long": (
        "“{value}”太长，最多 {limit} 个字符。",
        "“{value}” is too long, at most {limit} characters.",
    ),
    "not_a_choice": (
        "“{value}”不在可选范围内：{choices}。",
        "“{value}” is none of {choices}.",
    ),
}
"""What may be wrong with any file and any cell."""


class Wording:
    """The sentences of one room: what is wrong, and what to do.

    `named` are the parameters that hold the title of a column, which has an English name, too.
    """

    def __init__(self, own: Sentences, columns: Iterable[Column] = (), *, named: Iterable[str] = ()) -> None:
        self.sentences: Sentences = {**SENTENCES, **own}
        self._english = {column.title: column.english for column in columns}
        self._named = tuple(named)

    def sentence(self, problem: Problem, language: Language = "zh") -> str:
        """Return what is wrong with a cell and what to do, without its place."""
        params = dict(problem.params)
        if language == "en":
            for name in self._named:
                if name in params:
                    params[name] = self._english.get(params[name], params[name])
        return self.sentences[problem.code][language == "en"].format_map(params)

    def title(self, problem: Problem, language: Language = "zh") -> str:
        """Return the column or label that a problem speaks of; what the file itself names stays as it is."""
        return self._english.get(problem.title, problem.title) if language == "en" else problem.title

    def place(self, problem: Problem, language: Language = "zh") -> str:
        """Return where a problem is: sheet, address and column title, as far as they are known."""
        where = f"{problem.sheet}!{problem.address}" if problem.address else problem.sheet
        named = self.title(problem, language)
        if not named:
            return where
        return f"{where} ({named})".lstrip() if language == "en" else f"{where}（{named}）"

    def line(self, problem: Problem, language: Language = "zh") -> str:
        """Return a problem on one line: its place, then what is wrong and what to do."""
        where = self.place(problem, language)
        if not where:
            return self.sentence(problem, language)
        return f"{where}{': ' if language == 'en' else '：'}{self.sentence(problem, language)}"

"""Problems → sentences, in Chinese and in English: what is wrong, and what to do.

The one place that knows the words. Everything else deals in codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from quality.importing.meanings import COLUMNS, FIELDS
from quality.importing.parsed import Problem

Language = Literal["zh", "en"]

SENTENCES: Mapping[str, tuple[str, str]] = {
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
        "不是 Excel 文件（.xlsx、.xlsm、.xls）。请用 Excel 或 WPS 另存为 .xlsx。",
        "Not an Excel file (.xlsx, .xlsm, .xls). Save it as .xlsx with Excel or WPS.",
    ),
    "encrypted": (
        "文件有打开密码。请去掉密码后再导入。",
        "The file is protected by a password. Remove the password, then import again.",
    ),
    "damaged": (
        "文件已损坏或不完整。请用 Excel 打开并另存，或请对方重新发送。",
        "The file is damaged or incomplete. Open and save it with Excel, or ask for it again.",
    ),
    "unpacks_too_large": (
        "文件解压后超过 {limit} MB，不像检验报告。请删除无关内容后再导入。",
        "Unpacked, the file is larger than {limit} MB: no inspection report. Remove what does not belong.",
    ),
    "too_many_members": (
        "文件内部超过 {limit} 个部分，不像检验报告。请另存为新文件后再导入。",
        "The file consists of more than {limit} parts: no inspection report. Save it as a new file.",
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
    # --- the layout ----------------------------------------------------------------------
    "no_report_found": (
        "没有找到检验报告：表头要有“检测项目”“规格”和样本号 1、2、3……。请使用模板，或让管理员添加此版式。",
        (
            "No inspection report found: the titles need “Item”, “Specification” and sample numbers 1, 2, 3… "
            "Use the template, or have this layout added."
        ),
    ),
    "nothing_filled_in": (
        "表格是空的：没有填写任何检测项目。",
        "The form is empty: no item is filled in.",
    ),
    "column_missing": (
        "表头里没有“{missing}”列（找到的有：{found}）。请补上该列标题。",
        "The titles lack the column “{missing}” (found: {found}). Add its title.",
    ),
    "samples_missing": (
        "表头里没有样本列。请在测量值上方写样本号 1、2、3……。",
        "The titles have no columns of samples. Write the sample numbers 1, 2, 3… above the values.",
    ),
    "field_missing": (
        "表头没有填写“{name}”。请在“{name}”的右边填写。",
        "“{name}” is not filled in. Write it to the right of its label.",
    ),
    "label_missing": (
        "表头没有“{name}”。请加上“{name}”并填写。",
        "The header has no “{name}”. Add the label and fill it in.",
    ),
    "label_twice": (
        "填写了两次，且不一致：“{value}”与“{other}”。请保留正确的一个。",
        "Filled in twice, and differently: “{value}” and “{other}”. Keep the right one.",
    ),
    "same_report_twice": (
        "与{other}是同一份报告（相同的供应商/客户、料号、批号、报告编号）。请用不同的报告编号区分，或删除其中一份。",
        (
            "The same report as {other} (same supplier or customer, part, lot, report number). "
            "Give them different report numbers or delete one."
        ),
    ),
    "lot_lost_digits": (
        "被 Excel 当成日期（{value}），原来的写法已丢失。请把单元格设为文本格式后重新填写。",
        "Excel made a date of it ({value}); what was typed is lost. Format the cell as text and type again.",
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
    "not_a_number": (
        "“{value}”不是数值。请填写测量读数；没有测量的请留空。",
        "“{value}” is not a number. Write the reading; leave it blank if not measured.",
    ),
    "comma_decimal": (
        "“{value}”用逗号作小数点。请改用点，例如 10.05。",
        "“{value}” has a decimal comma. Write a point, as in 10.05.",
    ),
    "censored": (
        "“{value}”不是读数。请填写仪器读数；低于检出限时请填检出限的数值，或留空。",
        (
            "“{value}” is not a reading. Write what the instrument shows, or the detection limit as a "
            "number, or leave it blank."
        ),
    ),
    "too_long": (
        "“{value}”的位数太多，不像测量值。请核对。",
        "“{value}” has too many digits for a measurement. Check it.",
    ),
    "verdict_among_numbers": (
        "“{value}”混在数值中间。一行要么全部是数值，要么全部是 OK/NG。",
        "“{value}” stands among numbers. A row holds either numbers or OK/NG throughout.",
    ),
    "number_among_verdicts": (
        "“{value}”混在 OK/NG 中间。一行要么全部是数值，要么全部是 OK/NG。",
        "“{value}” stands among OK/NG. A row holds either numbers or OK/NG throughout.",
    ),
    "sample_without_title": (
        "“{value}”的上方没有样本号。请在表头写上样本号，或删除此值。",
        "“{value}” has no sample number above it. Write the number into the titles, or delete the value.",
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
    # --- a row ---------------------------------------------------------------------------
    "item_missing": (
        "这一行有规格或测量值，但没有填写检测项目。",
        "This row has a specification or values, but no item.",
    ),
    "row_without_content": (
        "“{value}”只有名称，没有规格也没有测量值。请填写，或删除这一行。",
        "“{value}” has a name only, neither specification nor values. Fill it in or delete the row.",
    ),
    "rows_after_end": (
        "“{value}”在备注或签字栏之后，不会被读取。请把它移到表格中间。",
        "“{value}” stands below the remarks or signatures and would not be read. Move it up into the table.",
    ),
    "spec_unreadable": (
        "看不懂规格“{value}”。请写成 10.5±0.3、10 +0.1/-0.2、≤0.05 或 9.8~10.2，或填写上限、下限。",
        (
            "Cannot read the specification “{value}”. Write 10.5±0.3, 10 +0.1/-0.2, ≤0.05 or 9.8~10.2, "
            "or fill in the limits."
        ),
    ),
    "no_limits": (
        "没有上限也没有下限，无法判定。请填写规格或上下限；仅供参考的尺寸请在规格里写“参考”。",
        (
            "Neither an upper nor a lower limit: it cannot be judged. Fill in a specification or limits; "
            "write REF into the specification of a dimension that is for reference only."
        ),
    ),
    "limits_reversed": (
        "上限 {usl} 小于下限 {lsl}。请核对。",
        "The upper limit {usl} is below the lower limit {lsl}. Check them.",
    ),
    "limit_contradicts_spec": (
        "{limit} {value} 与规格 {spec_cell}“{spec}”算出的 {computed} 不一致。请改正其中一个。",
        (
            "{limit} {value} contradicts {computed}, which follows from the specification “{spec}” in "
            "{spec_cell}. Correct one of them."
        ),
    ),
    "nominal_contradicts_spec": (
        "标准值 {value} 与规格 {spec_cell}“{spec}”的 {computed} 不一致。请改正其中一个。",
        (
            "The nominal {value} contradicts {computed} of the specification “{spec}” in {spec_cell}. "
            "Correct one of them."
        ),
    ),
    "tolerance_without_nominal": (
        "填写了公差，但没有标准值。请补上标准值，或改填上限、下限。",
        "A tolerance without a nominal value. Add the nominal, or fill in the limits instead.",
    ),
    "tolerance_unreadable": (
        "看不懂公差“{value}”。请写成 ±0.05 或 +0.1/-0.2。",
        "Cannot read the tolerance “{value}”. Write ±0.05 or +0.1/-0.2.",
    ),
    "lower_tolerance_sign": (
        "下公差 {value} 是正数，与上公差相同。向下的公差请写成 -{value}。",
        "The lower tolerance {value} is positive, the same as the upper one. Write -{value} if it goes down.",
    ),
    "continuation_differs": (
        "续表的行与前面的行对不上：此处是“{value}”，前面是“{other}”。",
        "The rows of the continued table do not match: “{value}” here, “{other}” before.",
    ),
}

_ENGLISH_TITLES = {column.title: column.english for column in (*FIELDS, *COLUMNS)}


def sentence(problem: Problem, language: Language = "zh") -> str:
    """Return what is wrong with a cell and what to do, without its place."""
    params = dict(problem.params)
    if language == "en":
        for name in ("name", "missing", "limit"):
            if name in params:
                params[name] = _ENGLISH_TITLES.get(params[name], params[name])
    return SENTENCES[problem.code][language == "en"].format_map(params)


def title(problem: Problem, language: Language = "zh") -> str:
    """Return the column or label that a problem speaks of; what the file itself names stays as it is."""
    return _ENGLISH_TITLES.get(problem.title, problem.title) if language == "en" else problem.title


def place(problem: Problem, language: Language = "zh") -> str:
    """Return where a problem is: sheet, address and column title, as far as they are known."""
    where = f"{problem.sheet}!{problem.address}" if problem.address else problem.sheet
    named = title(problem, language)
    if not named:
        return where
    return f"{where} ({named})".lstrip() if language == "en" else f"{where}（{named}）"


def line(problem: Problem, language: Language = "zh") -> str:
    """Return a problem on one line: its place, then what is wrong and what to do."""
    where = place(problem, language)
    if not where:
        return sentence(problem, language)
    return f"{where}{': ' if language == 'en' else '：'}{sentence(problem, language)}"

"""Problems → sentences, in Chinese and in English: what is wrong, and what to do.

The one place that knows the words of reports. Everything else deals in codes.
"""

from __future__ import annotations

from quality.importing.meanings import COLUMNS, FIELDS
from spc_site.lib.problems import Language, Sentences, Wording

_OWN: Sentences = {
    # --- the file ------------------------------------------------------------------------
    "not_a_workbook": (
        "不是 Excel 文件（.xlsx、.xlsm、.xls）。请用 Excel 或 WPS 另存为 .xlsx。",
        "Not an Excel file (.xlsx, .xlsm, .xls). Save it as .xlsx with Excel or WPS.",
    ),
    "unpacks_too_large": (
        "文件解压后超过 {limit} MB，不像检验报告。请删除无关内容后再导入。",
        "Unpacked, the file is larger than {limit} MB: no inspection report. Remove what does not belong.",
    ),
    "too_many_members": (
        "文件内部超过 {limit} 个部分，不像检验报告。请另存为新文件后再导入。",
        "The file consists of more than {limit} parts: no inspection report. Save it as a new file.",
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
    "not_a_number": (
        "“{value}”不是数值。请填写测量读数；没有测量的请留空。",
        "“{value}” is not a number. Write the reading; leave it blank if not measured.",
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

WORDING = Wording(_OWN, (*FIELDS, *COLUMNS), named=("name", "missing", "limit"))
SENTENCES = WORDING.sentences
sentence, title, place, line = WORDING.sentence, WORDING.title, WORDING.place, WORDING.line

__all__ = ["SENTENCES", "WORDING", "Language", "line", "place", "sentence", "title"]

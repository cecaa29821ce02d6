"""The sentences about files of readings."""

from __future__ import annotations

from spc_site.lib.problems import Sentences, Wording

_OWN: Sentences = {
    # --- the file ------------------------------------------------------------------------
    "bad_profile": (
        "版式“{name}”的数据有误：{error}。",
        "The data of profile “{name}” are wrong: {error}.",
    ),
    # --- the layout ----------------------------------------------------------------------
    "no_readings_found": (
        (
            "没有找到读数。标题行要有“表号”“时间”“读数”，或一列“时间”加各表的代码，或“表号”加各个时刻。"
            "请使用模板，或让管理员添加此版式。"
        ),
        (
            "No readings found. The titles need meter, time and reading; or time and the codes of meters; "
            "or meter and the moments. Use the template, or have this layout added."
        ),
    ),
    "nothing_filled_in": ("表格里没有任何读数。", "The file holds no readings."),
    "meter_missing": ("没有填写表号。", "The code of the meter is missing."),
    "time_missing": ("有读数但没有时间。", "There is a reading, but no time."),
    "title_twice": (
        "标题“{value}”出现了两次（另一处在 {other}）。请保留一列。",
        "The title “{value}” appears twice (also in {other}). Keep one column.",
    ),
    # --- a cell --------------------------------------------------------------------------
    "not_a_moment": (
        "“{value}”不是时间。请写成 2026-03-01 08:15。",
        "“{value}” is no date and time. Write it as 2026-03-01 08:15.",
    ),
    "not_a_time": ("“{value}”不是时刻。请写成 08:15。", "“{value}” is no time of day. Write it as 08:15."),
    "not_a_number": (
        "“{value}”不是数值。没有读数的请留空。",
        "“{value}” is not a number. Leave it blank where there is no reading.",
    ),
    "censored": ("“{value}”不是读数。", "“{value}” is not a reading."),
    "too_long": ("“{value}”的位数太多。请核对。", "“{value}” has too many digits. Check it."),
    "refused": ("“{value}”：{reason}。", "“{value}”: {reason}."),
}

WORDING = Wording(_OWN)

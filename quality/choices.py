"""The words of inspection: short ASCII values, Chinese labels, and the tone a badge takes.

Tones are the five of the look: `red`, `amber`, `green`, `blue`, `grey`. Badge, chart and
message read them here, so that they agree.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Status(models.TextChoices):
    """Judgement of an entry or of a whole report."""

    PENDING = "PENDING", _("待判定")
    NORMAL = "NORMAL", _("正常")
    ABNORMAL = "ABNORMAL", _("异常")
    ERROR = "ERROR", _("无法判定")


STATUS_TONES = {
    Status.PENDING: "blue",
    Status.NORMAL: "green",
    Status.ABNORMAL: "red",
    Status.ERROR: "amber",
}


class Origin(models.TextChoices):
    """Who measured what an IQC file reports."""

    SUPPLIER = "SUPPLIER", _("供应商")
    SELF = "SELF", _("自检")


class Chart(models.TextChoices):
    """Control chart of a characteristic; values are the names of `quality.spc`."""

    AUTO = "auto", _("自动（按子组大小）")
    I_MR = "i_mr", _("单值–移动极差图")
    XBAR_R = "xbar_r", _("均值–极差图")
    XBAR_S = "xbar_s", _("均值–标准差图")
    MEDIAN_R = "median_r", _("中位数–极差图")


class Estimator(models.TextChoices):
    """How the standard deviation within subgroups is estimated; values are the names of `quality.spc`."""

    AUTO = "auto", _("自动（随控制图）")
    RBAR = "rbar", _("极差均值 R̄/d₂")
    SBAR = "sbar", _("标准差均值 S̄/c₄")
    POOLED = "pooled", _("合并标准差")
    POOLED_UNBIASED = "pooled_unbiased", _("合并标准差（无偏，除以 c₄）")
    MR = "mr", _("移动极差均值")
    MEDIAN_MR = "median_mr", _("移动极差中位数（稳健）")


class RulePreset(models.TextChoices):
    """Sets of control rules; values are the names of `quality.spc`."""

    NELSON = "nelson", _("Nelson 八条（GB/T 4091）")
    AIAG = "aiag", "AIAG"
    MINITAB = "minitab", "Minitab"
    JASP = "jasp", "JASP"
    GB_T_17989_2 = "gb_t_17989_2", "GB/T 17989.2（ISO 7870-2）"
    WESTERN_ELECTRIC = "western_electric", "Western Electric"
    RULE_1 = "rule_1", _("只有规则 1")
    RULE_1_2 = "rule_1_2", _("规则 1 与 2")
    NONE = "none", _("不判异")


class Index(models.TextChoices):
    """Which capability index is held against the limit."""

    OVERALL = "overall", _("CPK（全部标准差，报告口径，即 Ppk）")
    WITHIN = "within", _("Cpk（组内标准差）")


class Distribution(models.TextChoices):
    """What the values of a characteristic follow; values are the models of `quality.spc`.

    A person decides: none is ever chosen by its test value.
    """

    NORMAL = "normal", _("正态")
    LOGNORMAL = "lognormal", _("对数正态")
    WEIBULL = "weibull", "Weibull"
    GAMMA = "gamma", "Gamma"
    EXPONENTIAL = "exponential", _("指数")
    RAYLEIGH = "rayleigh", "Rayleigh"
    HALF_NORMAL = "half_normal", _("半正态")
    LARGEST_EXTREME = "largest_extreme", _("最大极值")
    LOGISTIC = "logistic", "Logistic"
    LOGLOGISTIC = "loglogistic", _("对数 Logistic")
    BOX_COX = "box_cox", _("Box-Cox 变换")
    EMPIRICAL = "empirical", _("不设分布（样本百分位数）")


class DefectClass(models.TextChoices):
    CRITICAL = "CR", _("致命 CR")
    MAJOR = "MAJ", _("主要 MAJ")
    MINOR = "MIN", _("次要 MIN")


class ReasonCode(models.TextChoices):
    """Why an entry is abnormal, or could not be judged."""

    OUT_OF_SPEC = "out_of_spec", _("超出规格")
    NOT_GOOD = "not_good", _("判定 NG")
    CAPABILITY = "capability", _("过程能力不足")
    CONTROL_RULE = "control_rule", _("过程失控")
    NO_VALUES = "no_values", _("没有测量值")
    FAULT = "fault", _("判定出错")


class ReportKind(models.TextChoices):
    """The kinds of report as choices; `quality.kinds` says what differs between them."""

    IQC = "IQC", _("来料 IQC")
    OQC = "OQC", _("出货 OQC")


class Decision(models.TextChoices):
    """What is done with nonconforming material, in the words of ISO 9000:2015, 3.12."""

    CONCESSION = "concession", _("让步接收")
    ACCEPT = "accept", pgettext_lazy("disposition", "接收")
    REWORK = "rework", _("返工")
    REPAIR = "repair", _("返修")
    SORT = "sort", _("挑选")
    REGRADE = "regrade", _("降级")
    RETURN = "return", _("退货")
    SCRAP = "scrap", _("报废")


class DispositionState(models.TextChoices):
    """What has become of a disposition."""

    PROPOSED = "proposed", _("待批准")
    AWAITING = "awaiting", _("审批中")
    GRANTED = "granted", _("已批准")
    REFUSED = "refused", _("已驳回")
    WITHDRAWN = "withdrawn", _("已撤回")
    VOID = "void", _("已作废")


OPEN_DISPOSITIONS = (DispositionState.PROPOSED, DispositionState.AWAITING)

DISPOSITION_TONES = {
    DispositionState.PROPOSED: "amber",
    DispositionState.AWAITING: "amber",
    DispositionState.GRANTED: "green",
    DispositionState.REFUSED: "red",
    DispositionState.WITHDRAWN: "grey",
    DispositionState.VOID: "red",
}

DISPOSITION_MAY_BECOME: dict[str, frozenset[str]] = {
    DispositionState.PROPOSED: frozenset(DispositionState.values) - {DispositionState.PROPOSED},
    DispositionState.AWAITING: frozenset(
        {
            DispositionState.GRANTED,
            DispositionState.REFUSED,
            DispositionState.WITHDRAWN,
            DispositionState.VOID,
        }
    ),
    DispositionState.GRANTED: frozenset({DispositionState.VOID}),
    DispositionState.REFUSED: frozenset(),
    DispositionState.WITHDRAWN: frozenset(),
    DispositionState.VOID: frozenset(),
}
"""Which state may follow which; anything else comes late and changes nothing."""


class Handled(models.TextChoices):
    """What a list of reports asks of their dispositions."""

    NOT_YET = "not_yet", _("异常未处置")
    OPEN = "open", _("处置待批准")
    CONCESSION = "concession", _("已让步接收")
    GRANTED = "granted", _("处置已批准")


class ControlKind(models.TextChoices):
    """The controls of an approval form that can be filled in from here, by WeCom's names."""

    TEXT = "Text", _("单行文本")
    TEXTAREA = "Textarea", _("多行文本")
    NUMBER = "Number", _("数字")
    DATE = "Date", _("日期")
    SELECTOR = "Selector", _("选项")

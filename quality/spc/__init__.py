"""Statistical process control: numpy and scipy only, usable without the rest of the system.

See README.md beside this file for the interface on one page.
"""

from quality.spc.capability import Capabilities, Capability, Interval, capability
from quality.spc.charts import (
    ControlChart,
    ControlCharts,
    Series,
    StageParameters,
    Violation,
    control_chart,
)
from quality.spc.constants import constant
from quality.spc.data_quality import QualityWarning, WarningCode, quality_warnings
from quality.spc.errors import SpcInputError
from quality.spc.inputs import Subgroups
from quality.spc.judgement import out_of_spec
from quality.spc.missing import Missing
from quality.spc.numbers import normalise_number, round_gbt8170, to_decimal
from quality.spc.plans import CHARTS, Limits, Plan
from quality.spc.rules import PRESETS, Kind, Rule, Rules, rule_set
from quality.spc.specifications import Specification, parse_spec
from quality.spc.study import Study, study_many

__all__ = [
    "CHARTS",
    "PRESETS",
    "Capabilities",
    "Capability",
    "ControlChart",
    "ControlCharts",
    "Interval",
    "Kind",
    "Limits",
    "Missing",
    "Plan",
    "QualityWarning",
    "Rule",
    "Rules",
    "Series",
    "SpcInputError",
    "Specification",
    "StageParameters",
    "Study",
    "Subgroups",
    "Violation",
    "WarningCode",
    "capability",
    "constant",
    "control_chart",
    "normalise_number",
    "out_of_spec",
    "parse_spec",
    "quality_warnings",
    "round_gbt8170",
    "rule_set",
    "study_many",
    "to_decimal",
]

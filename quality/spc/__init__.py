"""Statistical process control: numpy and scipy only, usable without the rest of the system.

See README.md beside this file for the interface on one page.
"""

from quality.spc.arl import arl_cusum, arl_ewma, arl_shewhart
from quality.spc.attribute_capability import (
    BinomialCapability,
    PoissonCapability,
    binomial_capability,
    poisson_capability,
)
from quality.spc.attributes import (
    AttributeChart,
    AttributeCharts,
    AttributeLimits,
    AttributePlan,
    attribute_chart,
)
from quality.spc.bias import GaugeType1, Linearity, gauge_linearity, gauge_type1
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
from quality.spc.distributions import FAMILIES, Fit, fit_distribution
from quality.spc.errors import SpcInputError
from quality.spc.inputs import Subgroups
from quality.spc.judgement import out_of_spec
from quality.spc.missing import Missing
from quality.spc.msa import GaugeRR, crossed, gauge_rr
from quality.spc.multivariate import T2Chart, hotelling_t2, t2_limits
from quality.spc.nonnormal import Candidates, PercentileCapability, candidates, percentile_capability
from quality.spc.normality import Normality, normality
from quality.spc.numbers import normalise_number, round_gbt8170, to_decimal
from quality.spc.plans import CHARTS, Limits, Plan
from quality.spc.rules import PRESETS, Kind, Rule, Rules, rule_set
from quality.spc.specifications import Specification, parse_spec
from quality.spc.study import Study, study_many
from quality.spc.timeweighted import CusumChart, CusumPlan, EwmaChart, EwmaPlan, cusum_chart, ewma_chart
from quality.spc.transforms import BoxCox, Johnson, box_cox, johnson

__all__ = [
    "CHARTS",
    "FAMILIES",
    "PRESETS",
    "AttributeChart",
    "AttributeCharts",
    "AttributeLimits",
    "AttributePlan",
    "BinomialCapability",
    "BoxCox",
    "Candidates",
    "Capabilities",
    "Capability",
    "ControlChart",
    "ControlCharts",
    "CusumChart",
    "CusumPlan",
    "EwmaChart",
    "EwmaPlan",
    "Fit",
    "GaugeRR",
    "GaugeType1",
    "Interval",
    "Johnson",
    "Kind",
    "Limits",
    "Linearity",
    "Missing",
    "Normality",
    "PercentileCapability",
    "Plan",
    "PoissonCapability",
    "QualityWarning",
    "Rule",
    "Rules",
    "Series",
    "SpcInputError",
    "Specification",
    "StageParameters",
    "Study",
    "Subgroups",
    "T2Chart",
    "Violation",
    "WarningCode",
    "arl_cusum",
    "arl_ewma",
    "arl_shewhart",
    "attribute_chart",
    "binomial_capability",
    "box_cox",
    "candidates",
    "capability",
    "constant",
    "control_chart",
    "crossed",
    "cusum_chart",
    "ewma_chart",
    "fit_distribution",
    "gauge_linearity",
    "gauge_rr",
    "gauge_type1",
    "hotelling_t2",
    "johnson",
    "normalise_number",
    "normality",
    "out_of_spec",
    "parse_spec",
    "percentile_capability",
    "poisson_capability",
    "quality_warnings",
    "round_gbt8170",
    "rule_set",
    "study_many",
    "t2_limits",
    "to_decimal",
]

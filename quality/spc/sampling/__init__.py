"""Acceptance sampling: plans by attributes and by variables, switching rules, operating characteristics."""

from quality.spc.sampling.oc import (
    OperatingCharacteristic,
    acceptance_probability,
    operating_characteristic,
    quality_at,
)
from quality.spc.sampling.plans import LotJudgement, SinglePlan, judge_lot, single_plan, zero_acceptance_plan
from quality.spc.sampling.switching import SwitchingState, advance, resume
from quality.spc.sampling.tables import AQLS, LEVELS, SEVERITIES, code_letter
from quality.spc.sampling.variables import (
    VariablesJudgement,
    VariablesPlan,
    design_variables_plan,
    fraction_nonconforming,
    judge_variables,
    plan_from_k,
    variables_acceptance_probability,
    variables_plan,
)
from quality.spc.sampling.z19 import Z19_AQLS, z19_code_letter

__all__ = [
    "AQLS",
    "LEVELS",
    "SEVERITIES",
    "Z19_AQLS",
    "LotJudgement",
    "OperatingCharacteristic",
    "SinglePlan",
    "SwitchingState",
    "VariablesJudgement",
    "VariablesPlan",
    "acceptance_probability",
    "advance",
    "code_letter",
    "design_variables_plan",
    "fraction_nonconforming",
    "judge_lot",
    "judge_variables",
    "operating_characteristic",
    "plan_from_k",
    "quality_at",
    "resume",
    "single_plan",
    "variables_acceptance_probability",
    "variables_plan",
    "z19_code_letter",
    "zero_acceptance_plan",
]

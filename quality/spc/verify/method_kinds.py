"""Recomputation of cases about normality, counts and measurement systems."""

from __future__ import annotations

from typing import Any

import numpy as np

from quality.spc.attribute_capability import binomial_capability, poisson_capability
from quality.spc.bias import gauge_linearity
from quality.spc.bias import gauge_type1 as type1_study
from quality.spc.msa import GaugeRR, crossed, gauge_rr
from quality.spc.normality import normality as normal_tests
from quality.spc.verify.checks import Checks

NORMALITY = {
    "n": "n",
    "mean": "mean",
    "sd": "sd",
    "AD": "ad",
    "AD_adjusted": "ad_adjusted",
    "AD_p": "ad_p",
    "shapiro_W": "shapiro_w",
    "shapiro_p": "shapiro_p",
    "lilliefors_D": "lilliefors_d",
    "lilliefors_p": "lilliefors_p",
    "skewness_g1": "skewness_g1",
    "skewness": "skewness",
    "kurtosis": "kurtosis",
}
"""Names of the cases → ours."""


def normality(data: dict[str, Any], expected: dict[str, Any], checks: Checks) -> None:
    """Tests of normality and moments."""
    tests = normal_tests(data["x"])
    found = {name: getattr(tests, ours) for name, ours in NORMALITY.items()}
    for name, value in expected.items():
        if name != "published":
            checks.close(name, value, found[name])
    checks.published(expected, found)


def attribute_capability(data: dict[str, Any], expected: dict[str, Any], checks: Checks) -> None:
    """Rates with their exact intervals: [estimate, low, high]."""
    binomial = [binomial_capability(**given) for given in data["binomial"]]
    poisson = [poisson_capability(**given) for given in data["poisson"]]
    found = {
        "binomial": [[one.p, *one.intervals["p"]] for one in binomial],
        "poisson": [[one.dpu, *one.intervals["dpu"]] for one in poisson],
    }
    checks.published(expected, found)


def grr(data: dict[str, Any], expected: dict[str, Any], checks: Checks) -> None:
    """Crossed gauge study, from a list or from the data sheet of the AIAG manual."""
    if "trials_by_operator" in data:
        _data_sheet(data, expected, checks)
        return
    study = gauge_rr(crossed(data["part"], data["operator"], data["y"]), tolerance=data["tolerance"])
    rows = study.anova[:4]
    checks.exact("df", expected["df"], [row.df for row in rows])
    checks.close("ms", expected["ms"], [row.ms for row in rows])
    checks.close("p_interaction", expected["p_interaction"], rows[2].p)
    for name, value in expected["variance"].items():
        checks.close(f"variance {name}", value, study.variance[name])
    found = {f"pct_{kind}_grr": value for kind, value in _percents(study).items()}
    for name, percent in found.items():
        checks.close(name, expected[name], percent)
    checks.exact("ndc", expected["ndc"], study.ndc)
    checks.published(expected, found | dict(study.variance) | {"variance_grr": study.variance["grr"]})


def _percents(study: GaugeRR) -> dict[str, float | None]:
    return {
        "contribution": study.contribution["grr"],
        "study": study.study["grr"],
        "tolerance": study.tolerance["grr"],
    }


def _data_sheet(data: dict[str, Any], expected: dict[str, Any], checks: Checks) -> None:
    values = np.array(data["trials_by_operator"]).transpose(2, 0, 1)
    anova, ranges = gauge_rr(values), gauge_rr(values, method="range")
    published = expected["published"]
    checks.close("ss (published)", published["ss"], [row.ss for row in anova.anova[:4]], "published_sd_")
    for suffix, study in (("", anova), ("_range", ranges)):
        checks.exact(f"ndc{suffix}", expected[f"ndc{suffix}"], study.ndc)
        for kind, found, prefix in (("sd", study.sd, "published_sd_"), ("study", study.study, "published_")):
            for name, value in published[f"{kind}{suffix}"].items():
                checks.close(f"{kind}{suffix} {name} (published)", value, found[name], prefix)


def linearity(data: dict[str, Any], expected: dict[str, Any], checks: Checks) -> None:
    """Bias and linearity of a gauge."""
    study = gauge_linearity(data["references"], data["values"])
    found = {name: getattr(study, name) for name in ("slope", "intercept", "r_squared", "s", "slope_t")}
    found |= {"intercept_t": study.intercept_t, "bias": [part.bias for part in study.parts]}
    checks.published(expected, found)


def gauge_type1(data: dict[str, Any], expected: dict[str, Any], checks: Checks) -> None:
    """Type 1 study of one part."""
    study = type1_study(data["values"], data["reference"])
    checks.published(expected, {"mean": study.mean, "bias": study.bias})

"""Acceptance sampling by measured values: plans, estimated fraction nonconforming, verdict, OC curve.

    Q  quality index: distance of the mean to the limit in standard deviations
    k  acceptability constant: accept when Q is at least k
    M  largest estimated percent nonconforming that is accepted
    s  standard deviation of the sample (n - 1); the sigma method takes a known one of the process

Measured values must come from a normal distribution; rows of 5 to 32 single measurements that a report judges
piece by piece are not such a plan.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from quality.spc.errors import SpcInputError
from quality.spc.inputs import as_floats, fraction, one_of, positive
from quality.spc.missing import Missing, optional
from quality.spc.sampling.tables import whole
from quality.spc.sampling.z19 import Z19Level, Z19Severity, z19_cell, z19_code_letter

FloatArray = NDArray[np.float64]
Form = Literal["auto", "k", "M"]


@dataclass(frozen=True, slots=True)
class VariablesPlan:
    """Sample size with k and M (percent). Lot, AQL and letters are None for a plan that was not looked up."""

    n: int
    k: float
    m_percent: float
    sigma_known: bool = False
    lot_size: int | None = None
    aql: float | None = None
    level: str | None = None
    severity: str = "normal"
    letter: str | None = None
    plan_letter: str | None = None
    inspects_all: bool = False


@dataclass(frozen=True, slots=True)
class VariablesJudgement:
    """The verdict on a lot by its measured values; None where it does not exist, with the reason in
    `missing`.

    q_lower, q_upper: quality indices; fraction_lower, fraction_upper, fraction: estimated fractions
    nonconforming (not percent). `form` is the criterion that decided, "k" or "M".
    """

    accepted: bool | None
    form: str
    mean: float | None
    sd: float | None
    q_lower: float | None
    q_upper: float | None
    fraction_lower: float | None
    fraction_upper: float | None
    fraction: float | None
    missing: dict[str, Missing] = field(default_factory=dict)


def variables_plan(
    lot_size: int, aql: float, *, level: Z19Level = "II", severity: Z19Severity = "normal"
) -> VariablesPlan:
    """Plan of ANSI/ASQ Z1.9 (one characteristic, standard deviation unknown) for a lot.

    Parameters
        lot_size: items in the lot, from 2.
        aql: one of `Z19_AQLS`, percent nonconforming.
        level: "S-3", "S-4", "I", "II" or "III".
        severity: "normal" or "tightened".

    Returns
        VariablesPlan with n (never above the lot size), k and M in percent.

    Raises
        SpcInputError: an argument is out of its range.

    Source
        See `z19.py`. For a plan of ISO 3951-1 give its printed n and k to `plan_from_k`.
    """
    letter = z19_code_letter(lot_size, level)
    found = z19_cell(letter, aql, severity)
    return VariablesPlan(
        n=min(found.n, int(lot_size)),
        k=found.k,
        m_percent=found.m_percent,
        lot_size=int(lot_size),
        aql=aql,
        level=level,
        severity=severity,
        letter=letter,
        plan_letter=found.letter,
        inspects_all=found.n >= lot_size,
    )


def plan_from_k(n: int, k: float, *, sigma_known: bool = False) -> VariablesPlan:
    """A plan given by its n and k, e.g. from a table of ISO 3951-1; M follows from them.

    Raises
        SpcInputError: n is below 2 (below 3 with unknown sigma) or k is not a finite number.
    """
    n = whole("n", n, least=2 if sigma_known else 3)
    if not np.isfinite(k):
        raise SpcInputError("k", f"must be a finite number, not {k!r}")
    return VariablesPlan(n, float(k), 100.0 * float(_fraction(k, n, sigma_known)), sigma_known)


def design_variables_plan(
    good_quality: float,
    producer_risk: float,
    bad_quality: float,
    consumer_risk: float,
    *,
    sigma_known: bool = False,
) -> VariablesPlan:
    """Smallest one-sided plan that keeps two risks.

    Parameters
        good_quality: fraction nonconforming that should be accepted, rejected with at most `producer_risk`.
        bad_quality: fraction that should be rejected, accepted with at most `consumer_risk`; above
            `good_quality`.
        producer_risk, consumer_risk: in (0, 0.5].
        sigma_known: the standard deviation of the process is known (smaller samples).

    Returns
        VariablesPlan; k stands where the consumer's risk is met exactly.

    Raises
        SpcInputError: an argument is out of its range.

    Source
        Exact by the noncentral t distribution (Lieberman and Resnikoff 1955); normal distribution for known
        sigma.
    """
    for name, value, upper in (
        ("good_quality", good_quality, 1.0),
        ("bad_quality", bad_quality, 1.0),
        ("producer_risk", producer_risk, 0.5),
        ("consumer_risk", consumer_risk, 0.5),
    ):
        if fraction(name, value) > upper:
            raise SpcInputError(name, f"must lie between 0 and {upper:g}, not {value!r}")
    if bad_quality <= good_quality:
        raise SpcInputError("bad_quality", "must be above good_quality")
    low, high = 2 if sigma_known else 3, 4
    while _rejects_good(high, good_quality, bad_quality, consumer_risk, sigma_known) > producer_risk:
        low, high = high, high * 2
        if high > 1_000_000:
            raise SpcInputError("bad_quality", "is too near to good_quality: more than a million items")
    while low < high:
        middle = (low + high) // 2
        if _rejects_good(middle, good_quality, bad_quality, consumer_risk, sigma_known) > producer_risk:
            low = middle + 1
        else:
            high = middle
    return plan_from_k(low, _k_at(low, bad_quality, consumer_risk, sigma_known), sigma_known=sigma_known)


def fraction_nonconforming(
    mean: ArrayLike,
    sd: ArrayLike,
    n: ArrayLike,
    *,
    lsl: ArrayLike | None = None,
    usl: ArrayLike | None = None,
    sigma_known: bool = False,
) -> tuple[FloatArray, FloatArray]:
    """Best unbiased estimates of the fractions below LSL and above USL from samples of a normal distribution.

    Parameters
        mean, sd, n: mean, standard deviation and size of the samples; any shapes that broadcast.
        lsl, usl: specification limits of the same kind; None or NaN where there is none.
        sigma_known: `sd` is the known standard deviation of the process instead of that of the sample.

    Returns
        (below, above), fractions of the common shape; NaN where the limit is not given, n is below 3 (below 2
        with known sigma) or sd is not above 0.

    Raises
        SpcInputError: an argument is not numeric.

    Notes
        Unknown sigma: symmetric beta with both parameters n/2 - 1 at x = max(0, 1/2 - Q sqrt(n) / (2 (n -
        1))). Known sigma: Phi(-Q sqrt(n / (n - 1))).

    Source
        Lieberman and Resnikoff (1955), used by ANSI/ASQ Z1.9 table B-5 and ISO 3951-1 annex.
    """
    m, s, size = as_floats("mean", mean), as_floats("sd", sd), as_floats("n", n)
    lower = as_floats("lsl", np.nan if lsl is None else lsl)
    upper = as_floats("usl", np.nan if usl is None else usl)
    spread = np.where(s > 0, s, np.nan)
    below = _fraction((m - lower) / spread, size, sigma_known)
    above = _fraction((upper - m) / spread, size, sigma_known)
    below, above = np.broadcast_arrays(below, above)
    return np.array(below), np.array(above)


def judge_variables(
    plan: VariablesPlan,
    values: ArrayLike,
    *,
    lsl: float | None = None,
    usl: float | None = None,
    sigma: float | None = None,
    form: Form = "auto",
) -> VariablesJudgement:
    """Judge a lot by the measured values of its sample.

    Parameters
        plan: from `variables_plan`, `plan_from_k` or `design_variables_plan`.
        values: shape (n,), the unit of the limits. Missing values (NaN) are not allowed in an acceptance
            sample.
        lsl, usl: specification limits, at least one.
        sigma: known standard deviation of the process, with a plan for known sigma only.
        form: "k" compares each quality index with k, "M" the estimated total percent with M; "auto" takes k
            for one limit and M for two, as the standards do.

    Returns
        VariablesJudgement; `accepted` is None for a sample without spread.

    Raises
        SpcInputError: the sample is not of the plan's size or has missing values, there is no limit, LSL is
            not below USL, or sigma does not fit the plan.

    Source
        ANSI/ASQ Z1.9-2003 sections B3 (k, one limit) to B9 (M, two limits); ISO 3951-1:2013 clauses 16 and
        17.
    """
    sample = as_floats("values", values)
    if sample.shape != (plan.n,) or np.isnan(sample).any():
        raise SpcInputError("values", f"the plan asks for {plan.n} measured values")
    if lsl is None and usl is None:
        raise SpcInputError("lsl", "at least one specification limit is needed")
    if lsl is not None and usl is not None and not lsl < usl:
        raise SpcInputError("lsl", "must be below usl")
    if plan.sigma_known != (sigma is not None):
        raise SpcInputError("sigma", "is needed with a plan for known sigma, and only there")
    if sigma is not None:
        positive("sigma", sigma)
    one_of("form", form, ("auto", "k", "M"), "form")
    mean = float(sample.mean())
    sd = float(sample.std(ddof=1)) if sigma is None else float(sigma)
    decided_by = form if form != "auto" else ("M" if lsl is not None and usl is not None else "k")
    missing = {
        name: reason
        for name, limit, reason in (
            ("q_lower", lsl, Missing.NO_LSL),
            ("fraction_lower", lsl, Missing.NO_LSL),
            ("q_upper", usl, Missing.NO_USL),
            ("fraction_upper", usl, Missing.NO_USL),
        )
        if limit is None
    }
    if not sd > 0:
        reasons = dict.fromkeys(
            ("q_lower", "q_upper", "fraction_lower", "fraction_upper", "fraction", "accepted"),
            Missing.ZERO_VARIANCE,
        )
        return VariablesJudgement(None, decided_by, mean, sd, None, None, None, None, None, reasons | missing)
    q_lower = (mean - lsl) / sd if lsl is not None else np.nan
    q_upper = (usl - mean) / sd if usl is not None else np.nan
    below, above = fraction_nonconforming(mean, sd, plan.n, lsl=lsl, usl=usl, sigma_known=plan.sigma_known)
    total = float(np.sum([part for part, limit in ((below, lsl), (above, usl)) if limit is not None]))
    if np.isnan(total):  # a lot of two: all items are inspected, and two give no estimate
        missing |= dict.fromkeys(("fraction_lower", "fraction_upper", "fraction"), Missing.TOO_FEW_VALUES)
    accepted: bool | None = None
    if decided_by == "k":
        accepted = bool(np.nanmin([q_lower, q_upper]) >= plan.k)
    elif np.isnan(total):
        missing["accepted"] = Missing.TOO_FEW_VALUES
    else:
        accepted = 100.0 * total <= plan.m_percent
    return VariablesJudgement(
        accepted=accepted,
        form=decided_by,
        mean=mean,
        sd=sd,
        q_lower=optional(q_lower),
        q_upper=optional(q_upper),
        fraction_lower=optional(float(below)),
        fraction_upper=optional(float(above)),
        fraction=optional(total),
        missing=missing,
    )


def variables_acceptance_probability(
    n: int, k: float, p: ArrayLike, *, sigma_known: bool = False
) -> FloatArray:
    """Probability that a one-sided plan in the k form accepts a normal lot with the fraction `p` beyond the
    limit.

    Parameters
        n, k: the plan.
        p: fractions nonconforming (any shape), in (0, 1).
        sigma_known: the plan uses the known standard deviation of the process.

    Returns
        Array of the shape of `p`; NaN where p is NaN.

    Raises
        SpcInputError: p is out of range or n too small.

    Source
        Unknown sigma: P(T >= k sqrt(n)), T noncentral t with n - 1 degrees of freedom and noncentrality
        z_p sqrt(n); integrated here over the chi distribution of s, which holds for any n.
    """
    n = whole("n", n, least=2)
    quality = as_floats("p", p)
    if np.any((quality <= 0.0) | (quality >= 1.0)):
        raise SpcInputError("p", "must lie between 0 and 1")
    return _acceptance(n, float(k), quality, sigma_known)


def _acceptance(n: int, k: float, p: ArrayLike, sigma_known: bool) -> FloatArray:
    z, root = -special.ndtri(np.asarray(p, dtype=np.float64)), np.sqrt(n)
    if sigma_known:
        return np.asarray(special.ndtr(root * (z - k)), dtype=np.float64)
    s, weight = _distribution_of_s(n)
    return np.asarray(special.ndtr(root * (z[..., None] - k * s)) @ weight, dtype=np.float64)


@lru_cache(maxsize=64)
def _distribution_of_s(n: int) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights that integrate over s / sigma of a sample of n (Gauss-Legendre)."""
    half = (n - 1.0) / 2.0
    low, high = (
        np.sqrt(special.gammaincinv(half, 1e-16) / half),
        np.sqrt(special.gammainccinv(half, 1e-16) / half),
    )
    nodes, weights = np.polynomial.legendre.leggauss(128)
    s = low + (high - low) * (nodes + 1.0) / 2.0
    density = weights * np.exp((2.0 * half - 1.0) * np.log(s) - half * s * s + half)
    return s, density / density.sum()


def _k_at(n: int, p: float, pa: float, sigma_known: bool) -> float:
    """The k with which a sample of n accepts the quality p with probability pa."""
    if sigma_known:
        return float(-special.ndtri(p) + -special.ndtri(pa) / np.sqrt(n))
    from scipy import optimize  # imported late: only the design of plans needs it

    start = float(-special.ndtri(p))
    reach = 1.0
    while _acceptance(n, start + reach, p, sigma_known) > pa:
        reach *= 2.0
    return float(
        optimize.brentq(lambda k: float(_acceptance(n, k, p, sigma_known)) - pa, -10.0, start + reach)
    )


def _rejects_good(n: int, good: float, bad: float, consumer_risk: float, sigma_known: bool) -> float:
    k = _k_at(n, bad, consumer_risk, sigma_known)
    return 1.0 - float(_acceptance(n, k, good, sigma_known))


def _fraction(q: ArrayLike, n: ArrayLike, sigma_known: bool) -> FloatArray:
    index, size = np.asarray(q, dtype=np.float64), np.asarray(n, dtype=np.float64)
    if sigma_known:
        size = np.where(size >= 2, size, np.nan)
        return np.asarray(special.ndtr(-index * np.sqrt(size / (size - 1.0))), dtype=np.float64)
    size = np.where(size >= 3, size, np.nan)
    x = np.clip(0.5 - index * np.sqrt(size) / (2.0 * (size - 1.0)), 0.0, 1.0)
    return np.asarray(special.betainc(size / 2.0 - 1.0, size / 2.0 - 1.0, x), dtype=np.float64)

"""Operating characteristics of single plans by attributes: how likely is a lot of some quality accepted?

Pa   probability of acceptance
p    fraction nonconforming of the lot or process (not percent)
AOQ  average outgoing quality, rejected lots being sorted
ATI  average total inspection per lot
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from quality.spc.errors import SpcInputError
from quality.spc.inputs import fraction
from quality.spc.sampling.tables import whole

FloatArray = NDArray[np.float64]
Model = Literal["binomial", "hypergeometric", "poisson"]


@dataclass(frozen=True, slots=True)
class OperatingCharacteristic:
    """Curves over `p`: probability of acceptance, and for a lot size the AOQ and ATI (NaN without one)."""

    p: FloatArray
    pa: FloatArray
    aoq: FloatArray
    ati: FloatArray
    n: int
    ac: int
    lot_size: int | None
    model: str

    @property
    def aoql(self) -> float:
        """Largest AOQ on the grid, NaN without a lot size."""
        return float(np.max(self.aoq))


def acceptance_probability(
    n: int, ac: int, p: ArrayLike, *, model: Model = "binomial", lot_size: int | None = None
) -> FloatArray:
    """Probability of finding at most `ac` nonconforming items among `n`.

    Parameters
        n: sample size, from 1.
        ac: acceptance number, from 0.
        p: fraction nonconforming (any shape), in [0, 1]; with "poisson" nonconformities per item, from 0.
        model: "binomial" for a process or a large lot, "hypergeometric" for one lot of `lot_size`, "poisson"
            for nonconformities per item (AQL above 10).
        lot_size: items in the lot; needed by "hypergeometric", where p is rounded to whole items of the lot.

    Returns
        Array of the shape of `p`; NaN where p is NaN.

    Raises
        SpcInputError: an argument is out of range.

    Source
        ISO 2859-1:1999 clause 12.1 and table 10 (binomial up to AQL 10, Poisson above).
    """
    n, ac = whole("n", n, least=1), whole("ac", ac, least=0)
    quality = _quality(p, upper=np.inf if model == "poisson" else 1.0)
    match model:
        case "binomial":
            pa = special.bdtr(min(ac, n), n, quality)
        case "poisson":
            pa = special.pdtr(ac, n * quality)
        case "hypergeometric":
            if lot_size is None:
                raise SpcInputError("lot_size", "the hypergeometric model needs the lot size")
            lot = whole("lot_size", lot_size, least=n)
            bad = np.round(np.nan_to_num(quality) * lot).astype(np.int64)
            pa = np.where(np.isnan(quality), np.nan, hypergeometric_cdf(ac, lot, bad, n))
        case _:
            raise SpcInputError("model", f"unknown model {model!r}")
    return np.asarray(pa, dtype=np.float64)


def operating_characteristic(
    n: int, ac: int, p: ArrayLike | None = None, *, model: Model = "binomial", lot_size: int | None = None
) -> OperatingCharacteristic:
    """OC curve with AOQ and ATI over `p` (a grid up to Pa = 0.005 by default).

    Parameters
        n, ac, model, lot_size: as in `acceptance_probability`.
        p: fractions nonconforming, shape (m,).

    Returns
        OperatingCharacteristic. AOQ = p Pa (N - n) / N and ATI = n + (1 - Pa)(N - n) when rejected lots are
        sorted and bad items replaced; NaN without a lot size.

    Raises
        SpcInputError: an argument is out of range.

    Source
        Montgomery, Introduction to Statistical Quality Control, section 15.2 (rectifying inspection).
    """
    if p is None:
        curve_end = quality_at(n, ac, 0.005, model="poisson" if model == "poisson" else "binomial")
        p = np.linspace(0.0, curve_end, 101)
    quality = _quality(p, upper=np.inf if model == "poisson" else 1.0)
    pa = acceptance_probability(n, ac, quality, model=model, lot_size=lot_size)
    if lot_size is None:
        aoq = ati = np.full_like(pa, np.nan)
    else:
        rest = whole("lot_size", lot_size, least=n) - n
        aoq = quality * pa * rest / lot_size
        ati = n + (1.0 - pa) * rest
    return OperatingCharacteristic(quality, pa, aoq, ati, n, ac, lot_size, model)


def quality_at(n: int, ac: int, pa: float, *, model: Model = "binomial") -> float:
    """The fraction nonconforming that a plan accepts with probability `pa`: p95, p50, p10 (the limiting
    quality).

    Parameters
        n, ac: the plan. A binomial plan with ac >= n accepts everything, so the answer is 1.
        pa: probability of acceptance, in (0, 1).
        model: "binomial", or "poisson" for nonconformities per item.

    Returns
        Fraction (or nonconformities per item), by the exact relation to the beta (gamma) distribution.

    Raises
        SpcInputError: an argument is out of range, or the model has no continuous inverse.
    """
    n, ac = whole("n", n, least=1), whole("ac", ac, least=0)
    fraction("pa", pa)
    if model == "poisson":
        return float(special.gammainccinv(ac + 1, pa)) / n
    if model != "binomial":
        raise SpcInputError("model", f"{model!r} has no continuous inverse")
    return 1.0 if ac >= n else float(special.betainccinv(ac + 1, n - ac, pa))


def hypergeometric_cdf(ac: int, lot_size: int, bad: ArrayLike, n: int) -> FloatArray:
    """Probability of at most `ac` of the `bad` items of a lot among n drawn without replacement."""
    of_bad = np.asarray(bad, dtype=np.float64)
    total = np.zeros(of_bad.shape)
    for found in range(min(ac, n) + 1):
        possible = (of_bad >= found) & (lot_size - of_bad >= n - found)
        b = np.where(possible, of_bad, found)
        ways = _log_choose(b, found) + _log_choose(np.maximum(lot_size - b, n - found), n - found)
        total += np.where(possible, np.exp(ways - _log_choose(lot_size, n)), 0.0)
    return np.minimum(total, 1.0)


def _log_choose(n: ArrayLike, k: int) -> FloatArray:
    whole_n = np.asarray(n, dtype=np.float64)
    return np.asarray(
        special.gammaln(whole_n + 1.0) - special.gammaln(k + 1.0) - special.gammaln(whole_n - k + 1.0)
    )


def _quality(p: ArrayLike, *, upper: float) -> FloatArray:
    try:
        quality = np.asarray(p, dtype=np.float64)
    except (TypeError, ValueError):
        raise SpcInputError("p", "must be numbers") from None
    if np.any((quality < 0.0) | (quality > upper)):
        raise SpcInputError("p", f"must lie between 0 and {upper:g}")
    return quality

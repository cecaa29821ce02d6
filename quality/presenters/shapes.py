"""A characteristic that is set to another distribution than the normal: its model in words and as a curve."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from quality import spc, wording
from quality.choices import Distribution
from quality.judgement import by_percentiles
from quality.models.reports import ReportEntry
from quality.presenters.numbers import number

_CURVE_POINTS = 80


@dataclass(frozen=True, slots=True)
class Shape:
    """The capability by percentiles, the facts that speak for or against the model, and its density.

    `density` is empty where the model has none (sample percentiles, a transformation, no fit).
    """

    name: str
    capability: spc.PercentileCapability
    facts: Sequence[tuple[str, str]]
    density: tuple[tuple[float, float], ...]

    @property
    def expected_ppm(self) -> float | None:
        """Parts per million outside by the model; those of a side without a limit do not exist."""
        sides = [self.capability.ppm_below, self.capability.ppm_above]
        given = [side for side in sides if side is not None]
        return sum(given) if given else None


def shape_of(entry: ReportEntry, measured: Sequence[float | None]) -> Shape | None:
    """Fit the distribution that the characteristic is set to; None for the normal one."""
    settings = entry.characteristic
    distribution = str(settings.distribution)
    if distribution == Distribution.NORMAL:
        return None
    capability = by_percentiles(
        measured,
        distribution=distribution,
        lsl=number(entry.lsl),
        usl=number(entry.usl),
        lower_is_bound=settings.lower_is_bound,
        upper_is_bound=settings.upper_is_bound,
    )
    facts, density = _evidence(distribution, measured)
    if "few_values" in capability.notes:
        facts = [*facts, (_("提示"), _("不足 50 个值，难以分辨分布"))]
    if "quantiles_at_extremes" in capability.notes:
        facts = [*facts, (_("提示"), _("值太少，两端分位取自最小值与最大值，指标偏高"))]
    return Shape(wording.distribution_text(distribution), capability, facts, density)


def _evidence(
    distribution: str, measured: Sequence[float | None]
) -> tuple[list[tuple[str, str]], tuple[tuple[float, float], ...]]:
    if distribution == Distribution.EMPIRICAL:
        return [], ()
    title = _("拟合检验（Anderson–Darling）")
    if distribution == Distribution.BOX_COX:
        found = spc.box_cox(list(measured))
        if found.lam is None:
            return [], ()
        lam = _("λ = %(value)s") % {"value": f"{found.lam:.3g}"}
        return [(title, f"{lam}，{_test_text(found.ad, found.ad_p, '=')}")], ()
    fit = spc.fit_distribution(list(measured), distribution)
    if not fit.exists:
        return [], ()
    frozen = fit.distribution()
    low, high = (float(frozen.ppf(fraction)) for fraction in (0.0005, 0.9995))
    return [(title, _test_text(fit.ad, fit.ad_p, fit.ad_p_relation))], _curve(frozen.pdf, low, high)


def _test_text(ad: float | None, p: float | None, relation: str) -> str:
    statistic = f"A² {wording.number_text(ad, 3)}"
    return statistic if p is None else f"{statistic}，p {relation} {p:.3f}"


def _curve(density: Callable[[float], float], low: float, high: float) -> tuple[tuple[float, float], ...]:
    """Sample a density; a family that begins at infinity is drawn from where it is a number."""
    steps = [low + (high - low) * step / (_CURVE_POINTS - 1) for step in range(_CURVE_POINTS)]
    points = [(x, float(density(x))) for x in steps]
    return tuple((x, y) for x, y in points if math.isfinite(y))

"""Run the cases: load them, recompute each by its kind, collect one check per published number."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import numpy as np
import scipy

from quality.spc.errors import SpcInputError
from quality.spc.verify.checks import Check, Checks

PASSED, DIFFERS, ERROR = "equal", "differs", "error"


@dataclass(frozen=True, slots=True)
class Case:
    """One published case as it lies in the package."""

    name: str
    kind: str
    source: str
    data: dict[str, Any]
    expected: dict[str, Any]
    tolerance: dict[str, Any]
    notes: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """The result of one run: plain values, nothing of the moment or the machine but the versions.

    versions: engine (fingerprint of the package's sources), python, numpy, scipy.
    """

    versions: dict[str, str]
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Every number agrees."""
        return all(check.verdict == PASSED for check in self.checks)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that do not agree."""
        return tuple(check for check in self.checks if check.verdict != PASSED)

    @property
    def cases(self) -> tuple[str, ...]:
        """Names of the cases in the order of the run."""
        return tuple(dict.fromkeys(check.case for check in self.checks))

    def of_case(self, name: str) -> tuple[Check, ...]:
        """The checks of one case."""
        return tuple(check for check in self.checks if check.case == name)

    def to_dict(self) -> dict[str, Any]:
        """Return the run as JSON types, with the sums that a page shows first."""
        return {
            "passed": self.passed,
            "case_count": len(self.cases),
            "check_count": len(self.checks),
            "failed_count": len(self.failed),
            "versions": dict(self.versions),
            "checks": [asdict(check) for check in self.checks],
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Run:
        """Return the run that `to_dict` wrote."""
        return cls(dict(stored["versions"]), tuple(Check(**check) for check in stored["checks"]))


@lru_cache(maxsize=1)
def load_cases() -> tuple[Case, ...]:
    """All cases of the package, by name."""
    folder = files("quality.spc") / "cases"
    texts = [entry.read_text(encoding="utf-8") for entry in folder.iterdir() if entry.name.endswith(".json")]
    cases = [Case(**json.loads(text)) for text in texts]
    return tuple(sorted(cases, key=lambda case: case.name))


def verify(names: Sequence[str] | None = None, *, cases: Iterable[Case] | None = None) -> Run:
    """Recompute the cases (all, or those named) and compare.

    Parameters
        names: names of cases; None for all.
        cases: other cases than those of the package.

    Returns
        Run. A case that cannot be recomputed is a check with the verdict "error"; nothing is skipped.

    Raises
        SpcInputError: a name is unknown.
    """
    known = tuple(load_cases() if cases is None else cases)
    if names is not None:
        unknown = set(names) - {case.name for case in known}
        if unknown:
            raise SpcInputError("names", f"no case {', '.join(sorted(unknown))}")
        known = tuple(case for case in known if case.name in names)
    checks: list[Check] = []
    for case in known:
        checks.extend(_recompute(case))
    return Run(_versions(), tuple(checks))


def _recompute(case: Case) -> list[Check]:
    from quality.spc.verify.kinds import KINDS  # it imports the whole engine

    checks = Checks(case.name, case.source, case.tolerance)
    recompute = KINDS.get(case.kind)
    try:
        if recompute is None:
            raise SpcInputError("kind", f"nothing recomputes cases of kind {case.kind!r}")
        recompute(case.data, case.expected, checks)
        if not checks.found:
            raise SpcInputError("expected", "the case expects nothing that its kind recomputes")
    except Exception as error:  # a broken engine must be reported case by case, whatever it raises
        checks.error(error)
    return checks.found


@lru_cache(maxsize=1)
def _versions() -> dict[str, str]:
    return {
        "engine": _fingerprint(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
    }


def _fingerprint() -> str:
    """The first digits of a hash over the package's sources: two equal ones are the same engine."""
    digest = hashlib.sha256()
    for path, source in sorted(_sources(files("quality.spc"), "")):
        digest.update(path.encode())
        digest.update(source)
    return digest.hexdigest()[:12]


def _sources(folder: Traversable, prefix: str) -> Iterable[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _sources(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith((".py", ".json")):
            yield f"{prefix}{entry.name}", entry.read_bytes().replace(b"\r\n", b"\n")

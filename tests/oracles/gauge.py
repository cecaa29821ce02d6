"""A crossed gauge study in plain Python: sums of squares by loops over all measurements."""

from __future__ import annotations

from statistics import fmean


def sums_of_squares(y: list[list[list[float]]]) -> dict[str, float]:
    parts, operators, repeats = len(y), len(y[0]), len(y[0][0])
    every = [v for part in y for operator in part for v in operator]
    grand = fmean(every)
    of_part = [fmean(v for operator in part for v in operator) for part in y]
    of_operator = [fmean(v for part in y for v in part[j]) for j in range(operators)]
    cell = [[fmean(operator) for operator in part] for part in y]
    return {
        "part": sum((m - grand) ** 2 for m in of_part) * operators * repeats,
        "operator": sum((m - grand) ** 2 for m in of_operator) * parts * repeats,
        "interaction": repeats
        * sum(
            (cell[i][j] - of_part[i] - of_operator[j] + grand) ** 2
            for i in range(parts)
            for j in range(operators)
        ),
        "repeatability": sum(
            (v - cell[i][j]) ** 2 for i in range(parts) for j in range(operators) for v in y[i][j]
        ),
        "total": sum((v - grand) ** 2 for v in every),
    }

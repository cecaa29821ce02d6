"""Other ways from readings to daily use, for benchmarks/energy.py, as somebody fluent in each would write it.

The rules: of several readings for one moment the last that arrived counts; a fall is a rollover if the
wrapped step fits the largest rate, else a reset to zero; the step across a midnight is divided by time,
rounded half up, so that the days make the total. All in whole numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd
import polars as pl

DAY_S = 86400


@dataclass(frozen=True)
class Readings:
    """Three columns in order of arrival."""

    meter: np.ndarray
    time: np.ndarray
    count: np.ndarray

    def __getitem__(self, which: np.ndarray) -> Readings:
        return Readings(self.meter[which], self.time[which], self.count[which])

    def and_also(self, meter: np.ndarray, time: np.ndarray, count: np.ndarray) -> Readings:
        """Return these and more; which of two for one moment is right, the order of arrival will say."""
        return Readings(
            np.concatenate([self.meter, meter]),
            np.concatenate([self.time, time]),
            np.concatenate([self.count, count]),
        )

    def shuffled(self, dice: np.random.Generator) -> Readings:
        """Return the same in random order."""
        return self[dice.permutation(len(self.meter))]


@dataclass(frozen=True)
class Plant:
    """What is known beforehand. `start` is a local midnight in a zone without summer time."""

    meters: int
    days: int
    start: int
    modulus: int
    max_per_hour: int

    def table(self, meter: np.ndarray, day: np.ndarray, use: np.ndarray) -> np.ndarray:
        """Return (m, d) from single sums."""
        table = np.zeros((self.meters, self.days), dtype=np.int64)
        table[meter, day] = use
        return table


def numpy_sorted(data: Readings, plant: Plant) -> np.ndarray:
    """Sort by one key, take differences, count them to days."""
    gone = data.time - plant.start
    key = data.meter * (plant.days * DAY_S) + gone
    order = np.argsort(key, kind="stable")
    key = key[order]
    last = np.append(key[1:] != key[:-1], True)
    key, count = key[last], data.count[order][last]
    meter, gone = np.divmod(key, plant.days * DAY_S)
    step, span = np.diff(count), np.diff(gone)
    same = meter[1:] == meter[:-1]
    wrapped = step + plant.modulus
    fits = wrapped * 3600 <= plant.max_per_hour * span
    step = np.where(step >= 0, step, np.where(fits, wrapped, count[1:]))[same]
    meter, end, span = meter[1:][same], gone[1:][same], span[same]
    start = end - span
    day, closing = start // DAY_S, (end - 1) // DAY_S
    before = np.where(
        closing > day, (2 * step * (closing * DAY_S - start) + span) // (2 * np.maximum(span, 1)), step
    )
    table = np.zeros(plant.meters * plant.days, dtype=np.int64)
    np.add.at(table, meter * plant.days + day, before)
    np.add.at(table, meter * plant.days + closing, step - before)
    return table.reshape(plant.meters, plant.days)


def pandas_groupby(data: Readings, plant: Plant) -> np.ndarray:
    """Sort, difference within each meter, group by day."""
    frame = pd.DataFrame({"meter": data.meter, "time": data.time - plant.start, "count": data.count})
    frame = frame.sort_values(["meter", "time"], kind="stable").drop_duplicates(
        ["meter", "time"], keep="last"
    )
    groups = frame.groupby("meter", sort=False)
    frame["step"], frame["span"] = groups["count"].diff(), groups["time"].diff()
    frame = frame.dropna().astype("int64")
    wrapped = frame["step"] + plant.modulus
    fallen, fits = frame["step"] < 0, wrapped * 3600 <= plant.max_per_hour * frame["span"]
    frame["step"] = frame["step"].mask(fallen & fits, wrapped).mask(fallen & ~fits, frame["count"])
    start = frame["time"] - frame["span"]
    day, closing = start // DAY_S, (frame["time"] - 1) // DAY_S
    divided = (2 * frame["step"] * (closing * DAY_S - start) + frame["span"]) // (2 * frame["span"])
    before = frame["step"].mask(closing > day, divided)
    parts = pd.concat(
        [
            pd.DataFrame({"meter": frame["meter"], "day": day, "use": before}),
            pd.DataFrame({"meter": frame["meter"], "day": closing, "use": frame["step"] - before})[
                closing > day
            ],
        ]
    )
    use = parts.groupby(["meter", "day"], sort=False)["use"].sum().reset_index()
    return plant.table(use["meter"].to_numpy(), use["day"].to_numpy(), use["use"].to_numpy())


def polars_lazy(data: Readings, plant: Plant) -> np.ndarray:
    """Let its planner order the work; both cores."""
    step, span = pl.col("step"), pl.col("span")
    wrapped = step + plant.modulus
    steps = (
        pl.LazyFrame({"meter": data.meter, "time": data.time - plant.start, "count": data.count})
        .sort("meter", "time", maintain_order=True)
        .filter((pl.struct("meter", "time") != pl.struct("meter", "time").shift(-1)).fill_null(value=True))
        .with_columns(
            step=pl.col("count").diff(),
            span=pl.col("time").diff(),
            same=pl.col("meter") == pl.col("meter").shift(1),
        )
        .filter(pl.col("same"))
        .with_columns(
            step=pl.when(step >= 0)
            .then(step)
            .when(wrapped * 3600 <= plant.max_per_hour * span)
            .then(wrapped)
            .otherwise(pl.col("count")),
            start=pl.col("time") - span,
        )
        .with_columns(day=pl.col("start") // DAY_S, closing=(pl.col("time") - 1) // DAY_S)
        .with_columns(
            before=pl.when(pl.col("closing") > pl.col("day"))
            .then((2 * step * (pl.col("closing") * DAY_S - pl.col("start")) + span) // (2 * span))
            .otherwise(step)
        )
    )
    parts = pl.concat(
        [
            steps.select("meter", "day", use="before"),
            steps.filter(pl.col("closing") > pl.col("day")).select(
                "meter", day="closing", use=step - pl.col("before")
            ),
        ]
    )
    use = parts.group_by("meter", "day").agg(pl.col("use").sum()).collect()
    return plant.table(use["meter"].to_numpy(), use["day"].to_numpy(), use["use"].to_numpy())


_SQL = """
with latest as (
  select meter, time, arg_max(count, arrival) as count from arrived group by meter, time
), moved as (
  select meter, time, count,
         count - lag(count) over before as step,
         time - lag(time) over before as span
  from latest window before as (partition by meter order by time)
), used as (
  select meter, time, span, time - span as start,
         case when step >= 0 then step
              when (step + $modulus) * 3600 <= $max_per_hour * span then step + $modulus
              else count end as step
  from moved where step is not null
), dated as (
  select *, start // 86400 as day, (time - 1) // 86400 as closing from used
), divided as (
  select *, case when closing > day then (2 * step * (closing * 86400 - start) + span) // (2 * span)
                 else step end as before
  from dated
)
select meter, day, sum(use)::bigint as use from (
  select meter, day, before as use from divided
  union all
  select meter, closing, step - before from divided where closing > day
) group by meter, day
"""


def duckdb_windows(data: Readings, plant: Plant) -> np.ndarray:
    """One query, in memory; both cores."""
    arrived = pd.DataFrame(
        {
            "meter": data.meter,
            "time": data.time - plant.start,
            "count": data.count,
            "arrival": np.arange(len(data.meter)),
        }
    )
    with duckdb.connect() as base:
        base.register("arrived", arrived)
        known = {"modulus": plant.modulus, "max_per_hour": plant.max_per_hour}
        use = base.execute(_SQL, known).fetchnumpy()
    return plant.table(use["meter"], use["day"], use["use"])


def plain_loop(data: Readings, plant: Plant) -> np.ndarray:
    """Meter by meter, reading by reading, with the whole numbers of Python."""
    latest: dict[int, dict[int, int]] = {}
    columns = zip(data.meter.tolist(), (data.time - plant.start).tolist(), data.count.tolist(), strict=True)
    for meter, moment, count in columns:
        latest.setdefault(meter, {})[moment] = count
    table = np.zeros((max(latest) + 1, plant.days), dtype=np.int64)
    for meter, known in latest.items():
        days = [0] * plant.days
        before: tuple[int, int] | None = None
        for moment, count in sorted(known.items()):
            if before is not None:
                start, shown = before
                step, span = count - shown, moment - start
                if step < 0:
                    wrapped = step + plant.modulus
                    step = wrapped if wrapped * 3600 <= plant.max_per_hour * span else count
                day, closing = start // DAY_S, (moment - 1) // DAY_S
                first = step
                if closing > day:
                    first = (2 * step * (closing * DAY_S - start) + span) // (2 * span)
                    days[closing] += step - first
                days[day] += first
            before = (moment, count)
        table[meter] = days
    return table

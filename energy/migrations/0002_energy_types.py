"""Ship the usual energy types with the published conversion factors; all can be edited."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from django.db import migrations

GB2589 = "GB/T 2589-2020 附录（参考值）"
GRID = "生态环境部、国家统计局公告：全国电力平均二氧化碳排放因子"
LONG_AGO = date(2000, 1, 1)

# code, name, unit, step, [(kind, value per unit, valid from, year, source)]
TYPES = [
    (
        "electricity",
        "电",
        "kWh",
        "0.001",
        [
            ("tce_calorific", "0.1229", LONG_AGO, 2020, GB2589),
            ("co2", "0.5568", date(2021, 1, 1), 2021, GRID),
            ("co2", "0.5366", date(2022, 1, 1), 2022, GRID),
        ],
    ),
    ("water", "新水", "m³", "0.001", [("tce_calorific", "0.2571", LONG_AGO, 2020, GB2589)]),
    (
        "natural_gas",
        "天然气",
        "m³",
        "0.001",
        [
            (
                "tce_calorific",
                "1.2143",
                LONG_AGO,
                None,
                "能源统计报表制度参考值；发热量随气源不同（1.1～1.33），请按供气单位的热值修改",
            )
        ],
    ),
    (
        "steam",
        "蒸汽",
        "t",
        "0.001",
        [("tce_calorific", "128.6", LONG_AGO, 2020, f"{GB2589}；低压蒸汽，请按压力与温度的焓值修改")],
    ),
    ("compressed_air", "压缩空气", "m³", "0.001", [("tce_calorific", "0.0400", LONG_AGO, 2020, GB2589)]),
    ("heat", "热力", "GJ", "0.000001", [("tce_calorific", "34.12", LONG_AGO, 2020, GB2589)]),
    ("chilled_water", "冷量", "GJ", "0.000001", []),
    ("softened_water", "软化水", "t", "0.001", [("tce_calorific", "0.4857", LONG_AGO, 2020, GB2589)]),
    ("oxygen", "氧气", "m³", "0.001", [("tce_calorific", "0.4000", LONG_AGO, 2020, GB2589)]),
    ("nitrogen", "氮气", "m³", "0.001", [("tce_calorific", "0.4000", LONG_AGO, 2020, f"{GB2589}；副产品")]),
    ("raw_coal", "原煤", "t", "0.001", [("tce_calorific", "714.3", LONG_AGO, 2020, GB2589)]),
    ("diesel", "柴油", "kg", "0.001", [("tce_calorific", "1.4571", LONG_AGO, 2020, GB2589)]),
    ("petrol", "汽油", "kg", "0.001", [("tce_calorific", "1.4714", LONG_AGO, 2020, GB2589)]),
    ("lpg", "液化石油气", "kg", "0.001", [("tce_calorific", "1.7143", LONG_AGO, 2020, GB2589)]),
]


def add(apps, schema_editor):
    energy_type = apps.get_model("energy", "EnergyType")
    factor = apps.get_model("energy", "ConversionFactor")
    for order, (code, name, unit, step, factors) in enumerate(TYPES, start=1):
        row, _created = energy_type.objects.get_or_create(
            code=code, defaults={"name": name, "unit": unit, "step": Decimal(step), "order": order * 10}
        )
        for kind, value, valid_from, year, source in factors:
            factor.objects.get_or_create(
                energy_type=row,
                kind=kind,
                region="",
                valid_from=valid_from,
                defaults={"value": Decimal(value), "year": year, "source": source},
            )


def remove(apps, schema_editor):
    """Leave them: devices may hang on them by now."""


class Migration(migrations.Migration):
    dependencies = [("energy", "0001_initial")]
    operations = [migrations.RunPython(add, remove)]

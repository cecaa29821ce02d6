from __future__ import annotations

import json
from typing import Any

import pytest

from quality.importing.canonical import CANONICAL
from quality.importing.layout import Layout
from quality.importing.meanings import COLUMNS, FIELDS
from quality.importing.profiles import Profile, ProfileError
from spc_site.lib.text import label_key


def test_a_profile_survives_storage_whole() -> None:
    stored = json.loads(json.dumps(CANONICAL.to_json(), ensure_ascii=False))
    assert Profile.from_json(CANONICAL.name, stored) == CANONICAL


def test_every_setting_of_a_profile_survives_storage() -> None:
    data = CANONICAL.to_json() | {
        "fields": [
            {"key": "lot", "labels": ["Charge"], "offset": [1, -1], "required_for": ["IQC"]},
            {"key": "supplier", "default": "宁波精环"},
            {"key": "inspector", "cell": "D5", "in_footer": True},
        ],
        "columns": [{"key": "item", "letter": "B"}, {"key": "spec", "titles": ["Spec"]}],
        "title_rows": 2,
        "transposed": True,
    }
    assert Profile.from_json("x", data).to_json() == data


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"version": 9}, "version"),
        ({"fields": []}, "fields"),
        ({"fields": [{"key": "colour"}]}, "fields[0].key"),
        ({"fields": [{"key": "lot", "labels": "Lot"}]}, "fields[0].labels"),
        ({"fields": [{"key": "lot", "offset": [1]}]}, "fields[0].offset"),
        ({"fields": [{"key": "lot", "cell": "5D"}]}, "fields[0].cell"),
        ({"fields": [{"key": "lot", "in_footer": "yes"}]}, "fields[0].in_footer"),
        ({"columns": [{"key": "item", "letter": "7"}]}, "columns[0].letter"),
        ({"columns": [{"key": "item", "wide": 1}]}, "columns[0]"),
        ({"samples": []}, "samples"),
        ({"title_rows": 0}, "title_rows"),
        ({"macro": 1}, "layout"),
    ],
)
def test_data_that_is_no_profile_is_refused_with_its_place(change: dict[str, Any], path: str) -> None:
    with pytest.raises(ProfileError) as caught:
        Profile.from_json("x", CANONICAL.to_json() | change)
    assert caught.value.path == path


def test_no_title_of_the_canonical_layout_is_claimed_by_two_columns() -> None:
    claimed = [(label_key(label), column.key) for column in COLUMNS for label in column.labels]
    keys = {key: {column for other, column in claimed if other == key} for key, _ in claimed}
    assert {key: columns for key, columns in keys.items() if len(columns) > 1} == {}


def test_no_label_of_the_canonical_layout_is_claimed_by_two_fields() -> None:
    claimed = [(label_key(label), column.key) for column in FIELDS for label in column.labels]
    keys = {key: {column for other, column in claimed if other == key} for key, _ in claimed}
    assert {key: columns for key, columns in keys.items() if len(columns) > 1} == {}


@pytest.mark.parametrize(
    ("title", "number"),
    [
        (7.0, 7),
        ("7", 7),
        ("X7", 7),
        ("x 7", 7),
        ("样本7", 7),
        ("No.7", 7),
        ("7#", 7),
        ("第7件", 7),
        ("７", 7),
    ],
)
def test_a_sample_is_known_by_its_number_whatever_stands_around_it(title: str | float, number: int) -> None:
    assert Layout(CANONICAL).sample_number(title) == number


@pytest.mark.parametrize("title", [7.5, 0.0, -1.0, "7mm", "A7", "", True, "1-2", 99999.0])
def test_other_numbers_title_no_sample(title: str | float | bool) -> None:
    assert Layout(CANONICAL).sample_number(title) is None


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("检测项目", "item"),
        (" 检 测 项 目 ", "item"),
        ("检测项目 Item", "item"),
        ("规格(mm)", "spec"),
        ("上限/USL", "usl"),
        ("USL", "usl"),
        ("标准差 STDEV", "stdev"),
        ("CPK", "cpk"),
        ("Cpk值", "cpk"),
        ("外径", None),
    ],
)
def test_a_column_is_known_by_its_title_in_either_language(title: str, key: str | None) -> None:
    assert Layout(CANONICAL).column(title) == key


@pytest.mark.parametrize(
    ("text", "key", "value", "loose"),
    [
        ("供应商", "supplier", "", ""),
        ("供应商 Supplier", "supplier", "", ""),
        ("供应商：ABC: 上海", "supplier", "ABC: 上海", ""),
        ("批号 L2401", "lot", "", "L2401"),
        ("数量(pcs)", "quantity", "", ""),
        ("检验员 王芳", "inspector", "王芳", ""),
    ],
)
def test_a_label_may_bring_its_value_along(text: str, key: str, value: str, loose: str) -> None:
    label = Layout(CANONICAL).field(text)
    assert label is not None
    assert (label.key, label.value, label.loose_value) == (key, value, loose)

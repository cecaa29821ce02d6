"""The English catalog: whole, in step with the source, and safe to fill in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import polib
import pytest
from django.conf import settings
from django.test import Client

from quality.kinds import IQC
from quality.services.judgement import judge_report
from tests import builders

CATALOG = Path(settings.BASE_DIR) / "locale" / "en" / "LC_MESSAGES"
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\}")
CHINESE = re.compile(r"[\u3400-\u9fff]")


@pytest.fixture(scope="module")
def catalog() -> polib.POFile:
    return polib.pofile(CATALOG / "django.po")


def _texts(entry: polib.POEntry) -> list[str]:
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


def test_every_entry_is_translated_and_none_is_fuzzy(catalog: polib.POFile) -> None:
    assert [entry.msgid for entry in catalog.untranslated_entries()] == []
    assert [entry.msgid for entry in catalog.fuzzy_entries()] == []
    assert [entry.msgid for entry in catalog.obsolete_entries()] == []


def test_no_english_text_holds_chinese(catalog: polib.POFile) -> None:
    assert [text for entry in catalog for text in _texts(entry) if CHINESE.search(text)] == []


def test_the_placeholders_of_a_text_are_those_of_its_source(catalog: polib.POFile) -> None:
    for entry in catalog:
        for text in _texts(entry):
            assert sorted(PLACEHOLDER.findall(text)) == sorted(PLACEHOLDER.findall(entry.msgid)), entry.msgid


@pytest.mark.django_db
def test_the_pages_are_english_for_who_reads_english(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever Chinese is left on the pages came from the data or is the name of the other language."""
    monkeypatch.setattr("spc_site.pages.context.system_banner", lambda: "")
    client = Client()
    client.force_login(builders.person("质量工程师", username="engineer"))
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"
    report = builders.report(
        IQC, lot="L1", part=builders.part("P1", name="Ring"), supplier=builders.party(IQC, "Acme")
    )
    values: Any = [*["10.00", "10.01", "9.99", "10.02"] * 5, "10.30"]
    entry = builders.entry(report, values=values, name="Diameter")
    judge_report(report)
    entry.refresh_from_db()
    addresses = (
        "/",
        "/IQC/",
        "/OQC/",
        "/alarms/",
        "/import/",
        "/search/?q=zzz",
        report.get_absolute_url(),
        entry.get_absolute_url(),
        "/nope",
    )
    for address in addresses:
        page = client.get(address).content.decode()
        page = re.sub(r'<button name="language".*?</button>', "", page)
        if address == "/" or address.startswith("/alarms"):
            # An alarm's words were written once, in the language of the group that reads them.
            page = re.sub(r'<a class="title.*?</a>', "", page, flags=re.DOTALL)
        assert sorted(set(re.findall(r"[^<>]*[\u3400-\u9fff][^<>]*", page))) == [], address

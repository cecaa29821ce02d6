"""Settings: typed, bounded, over the environment; the page shows every one and where it comes from."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse

from notifications import config
from notifications.models import NotificationConfig
from notifications.services import configuration
from spc_site.errors import AppError
from tests import builders

pytestmark = pytest.mark.django_db


LIST = "admin:notifications_notificationconfig_changelist"


# --- the table --------------------------------------------------------------------------------


@pytest.mark.parametrize("item", config.ITEMS.values(), ids=lambda item: item.key)
def test_the_default_of_every_setting_is_one_that_the_setting_allows(item: config.Item) -> None:
    assert config.check(item.key, config.text_of(item.standard)) == item.standard
    assert item.meaning
    assert item.effect


@pytest.mark.parametrize("item", config.ITEMS.values(), ids=lambda item: item.key)
@pytest.mark.parametrize("text", ["", "often", "-1", "1e3", "0x10", "1_0", "１０", "NaN", "inf", "9" * 30])
def test_what_no_setting_allows_is_refused_with_what_to_write(item: config.Item, text: str) -> None:
    with pytest.raises(ValueError, match=item.key):
        config.check(item.key, text)


def test_an_unknown_setting_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(ValueError, match="max_retries"):
        config.check("max_retires", "3")


def test_a_row_stands_over_the_environment_and_a_bad_one_does_not(settings: Any) -> None:
    settings.NOTIFICATION_MAX_RETRIES = 4
    assert config.load()["max_retries"] == 4
    configuration.set_config("max_retries", "7")
    assert config.load()["max_retries"] == 7
    NotificationConfig.objects.update(config_value="often")
    assert config.load()["max_retries"] == 4
    assert any("often" in problem for problem in config.problems())


def test_each_source_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFICATION_BATCH_SIZE", raising=False)
    monkeypatch.setenv("NOTIFICATION_QUEUE_SIZE", str(django_settings.NOTIFICATION_QUEUE_SIZE))
    configuration.set_config("max_delay", "1800")
    sources = {standing.item.key: standing.source for standing in config.standings()}
    assert sources["batch_size"] == config.Source.DEFAULT
    assert sources["queue_size"] == config.Source.ENVIRONMENT
    assert sources["max_delay"] == config.Source.ROW


def test_settings_that_contradict_each_other_are_refused_in_both_directions() -> None:
    configuration.set_config("retry_delay", "600")
    with pytest.raises(AppError, match="max_delay"):
        configuration.set_config("max_delay", "300")
    configuration.set_config("max_delay", "900")
    configuration.set_config("retry_delay", "900")
    NotificationConfig.objects.filter(config_key="max_delay").update(config_value="10")
    assert any("max_delay" in problem for problem in config.problems())


def test_resetting_lets_the_default_hold_again_unless_that_contradicts() -> None:
    configuration.set_config("max_delay", "30000")
    configuration.set_config("retry_delay", "3600")
    configuration.set_config("max_delay", "3600")
    configuration.reset_config("max_delay")
    assert config.load()["max_delay"] == 3600
    configuration.set_config("retry_delay", "30")
    configuration.set_config("max_delay", "40")
    with pytest.raises(AppError, match="max_delay"):
        configuration.reset_config("retry_delay")
    with pytest.raises(AppError, match="默认"):
        configuration.reset_config("batch_size")


def test_a_row_that_no_setting_reads_is_named() -> None:
    NotificationConfig.objects.create(config_key="colour", config_value="red")
    assert any("colour" in problem for problem in config.problems())


# --- the page ---------------------------------------------------------------------------------


def test_the_page_shows_every_setting_with_value_source_range_and_effect(keeper: Client) -> None:
    configuration.set_config("max_delay", "1234", description="夜班")
    page = keeper.get(reverse(LIST)).text
    for item in config.ITEMS.values():
        assert f"<code>{item.key}</code>" in page
        assert item.kind.range in page
        assert str(item.effect) in page
    assert "<strong>1234</strong>" in page
    assert "夜班" in page
    assert "NOTIFICATION_MAX_RETRIES" in page


def test_a_setting_leads_to_its_form_which_says_what_is_allowed(keeper: Client) -> None:
    url = f"{reverse('admin:notifications_notificationconfig_add')}?config_key=backoff_factor"
    assert url in keeper.get(reverse(LIST)).text
    page = keeper.get(url).text
    assert config.ITEMS["backoff_factor"].kind.range in page
    assert 'value="backoff_factor" selected' in page
    assert keeper.post(url, {"config_key": "backoff_factor", "config_value": "3"}).status_code == 302
    assert config.load()["backoff_factor"] == 3.0


def test_the_form_refuses_what_contradicts(keeper: Client) -> None:
    url = reverse("admin:notifications_notificationconfig_add")
    response = keeper.post(url, {"config_key": "max_delay", "config_value": "10"})
    assert "第一次等待已超过上限" in response.text
    assert not NotificationConfig.objects.exists()


def test_a_row_that_is_ignored_stands_on_the_page_with_the_reason(keeper: Client) -> None:
    NotificationConfig.objects.create(config_key="max_retries", config_value="often")
    page = keeper.get(reverse(LIST)).text
    assert page.count("often") == 2
    assert '<div class="setting wrong" id="max_retries">' in page


def test_who_may_only_view_is_offered_no_change(client: Client) -> None:
    configuration.set_config("max_delay", "1800")
    client.force_login(builders.person("运维"))
    page = client.get(reverse(LIST)).text
    assert "max_delay" in page
    assert "notificationconfig/add" not in page
    assert "/delete/" not in page

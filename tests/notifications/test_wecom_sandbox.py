"""The command `wecom_sandbox`."""

from __future__ import annotations

import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests
from django.core.management import call_command
from django.core.management.base import CommandError

from tests.live import MANAGE, ROOT, clean_environment
from wecom.robot import Robot, markdown

LOCAL = "http://127.0.0.1:8790/cgi-bin/webhook/send?key="


@pytest.fixture
def local(settings: Any) -> Any:
    settings.WEBHOOK_BASE_URL = LOCAL
    settings.WECHAT_BOT_WEBHOOK = ""
    settings.WECHAT_CORP_SECRET = "secret"
    settings.WECHAT_API_BASE_URL = "http://127.0.0.1:8790"
    return settings


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("WEBHOOK_BASE_URL", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key="),
        ("WEBHOOK_BASE_URL", "http://10.0.0.7/cgi-bin/webhook/send?key="),
        ("WECHAT_BOT_WEBHOOK", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=PLANTED"),
        ("WECHAT_API_BASE_URL", "https://qyapi.weixin.qq.com"),
    ],
)
def test_it_refuses_to_start_beside_real_robots_and_says_why(local: Any, name: str, url: str) -> None:
    setattr(local, name, url)
    with pytest.raises(CommandError, match=name) as caught:
        call_command("wecom_sandbox", "--port", "0")
    assert caught.value.returncode == 1
    assert "PLANTED" not in str(caught.value)


def test_a_taken_port_is_named(local: Any) -> None:
    before = signal.getsignal(signal.SIGINT)  # a shell's background jobs begin with it ignored
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=str(port)) as caught:
            call_command("wecom_sandbox", "--port", str(port))
    assert caught.value.returncode == 1
    assert signal.getsignal(signal.SIGINT) is before


def test_a_store_that_cannot_be_read_is_named(local: Any, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=tmp_path.name):
        call_command("wecom_sandbox", "--port", "0", "--store", str(tmp_path))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--port", "70000"],
        ["--port", "x"],
        ["--key", "only-a-name"],
        ["--key", "=k"],
        ["--app", "ww1:secret"],
    ],
)
def test_wrong_usage_is_refused(local: Any, arguments: list[str]) -> None:
    with pytest.raises(CommandError, match="argument"):
        call_command("wecom_sandbox", *arguments)


def test_it_listens_on_its_keys_until_it_is_told_to_end(tmp_path: Path) -> None:
    store = tmp_path / "feed.jsonl"
    arguments = ["--port", "0", "--key", "IQC 质量群=k1", "--key", "OQC=k2", "--app", "ww1:s:7"]
    process = subprocess.Popen(
        [*MANAGE, "wecom_sandbox", *arguments, "--store", str(store)],
        cwd=ROOT,
        env=clean_environment() | {"WEBHOOK_BASE_URL": LOCAL, "SECRET_KEY": "k" * 50},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process:
        try:
            assert "http://127.0.0.1:" in process.stdout.readline()
            base = process.stdout.readline().strip().partition("=")[2]
            assert Robot(base, "k1").send(markdown("### 你好")).ok
            assert Robot(base, "demo-iqc").send(markdown("x")).errcode == 93000
            root = base.partition("/cgi-bin")[0]
            (shown, refused) = requests.get(f"{root}/messages.json", timeout=5).json()["messages"]
            assert (shown["group"], refused["shown"]) == ("IQC 质量群", False)
            query = {"corpid": "ww1", "corpsecret": "s"}
            assert requests.get(f"{root}/cgi-bin/gettoken", query, timeout=5).json()["errcode"] == 0
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert "你好" in store.read_text(encoding="utf-8")

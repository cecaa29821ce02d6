"""Application messages: tokens, recipients, the duplicate check."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wecom.servers import Clock
from wecom import app as application
from wecom.app import App, Recipients
from wecom.errors import Action, Kind, PayloadError, TooLong
from wecom.payloads import Article, Payload
from wecom.sandbox import SandboxServer
from wecom.sandbox.application import App as SandboxApp
from wecom.tokens import MemoryTokenStore

CORP, SECRET, AGENT = "ww0123456789", "app-secret-0123456789", 1000002
TO_LIN = Recipients(users=("lin.qc",))
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 40


@pytest.fixture
def sandbox(clock: Clock) -> Iterator[SandboxServer]:
    apps = [SandboxApp(CORP, SECRET, AGENT), SandboxApp(CORP, "other-secret", 1000003)]
    with SandboxServer(apps=apps, unknown=["Ghost"], clock=clock) as server:
        yield server


@pytest.fixture
def store(clock: Clock) -> MemoryTokenStore:
    return MemoryTokenStore(clock)


@pytest.fixture
def app(sandbox: SandboxServer, store: MemoryTokenStore) -> App:
    return App(sandbox.base_url, CORP, SECRET, AGENT, tokens=store, timeout=(2, 2))


def token_calls(sandbox: SandboxServer) -> int:
    return int(sandbox.counts["calls"].get("token", 0))


# --- sending --------------------------------------------------------------------------------------------


def test_every_kind_of_message_is_accepted(app: App, sandbox: SandboxServer) -> None:
    document = app.upload_media("采购合同.docx", b"PK\x03\x04 contract")
    picture = app.upload_media("图.png", PNG, media_type="image")
    bodies = [
        application.text("合同 HT-001 已生成"),
        application.markdown("### 告警"),
        application.textcard("合同已生成", "HT-001", "https://q.example/c/1", "查看"),
        application.news([Article("周报", "https://q.example/w/1")]),
        application.file(document.media_id),
        application.image(picture.media_id),
    ]
    outcomes = [app.send(app.compose(body, TO_LIN)) for body in bodies]
    assert [outcome.ok for outcome in outcomes] == [True] * 6
    assert len({outcome.message_id for outcome in outcomes}) == 6
    assert {row.group for row in sandbox.messages} == {"lin.qc"}
    assert sandbox.messages[4].content == "采购合同.docx"


def test_recipients_that_do_not_exist_are_named_and_make_the_outcome_partial(app: App) -> None:
    outcome = app.send(app.compose(application.text("x"), Recipients(users=("lin.qc", "GHOST"), tags=("1",))))
    assert (outcome.kind, outcome.action) == (Kind.PARTIAL, Action.RECIPIENTS)
    assert (outcome.errcode, outcome.missed, outcome.ok) == (0, ("ghost",), False)
    assert outcome.message_id


def test_all_four_lists_of_missed_recipients_are_read() -> None:
    data = {"invaliduser": "a|b", "invalidparty": "2", "invalidtag": "", "unlicenseduser": "c"}
    assert list(application._missed(data)) == ["a", "b", "party:2", "unlicensed:c"]
    assert list(application._missed({"invaliduser": None})) == []


def test_nobody_valid_is_the_end_of_the_message(app: App) -> None:
    outcome = app.send(app.compose(application.text("x"), Recipients(users=("ghost",))))
    assert (outcome.errcode, outcome.action) == (81013, Action.MESSAGE_DEAD)


def test_the_same_frozen_message_is_shown_once_within_the_interval(
    app: App, sandbox: SandboxServer, clock: Clock
) -> None:
    payload = app.compose(application.text("合同已生成"), TO_LIN)
    first, second = app.send(payload), app.send(Payload.thaw(payload.json))
    assert (first.ok, second.ok) == (True, True)
    assert [row.shown for row in sandbox.messages] == [True, False]
    clock.now += 1800
    assert app.send(payload).ok
    assert [row.shown for row in sandbox.messages] == [True, False, True]


def test_an_uncertain_message_sent_again_is_shown_once(app: App, sandbox: SandboxServer) -> None:
    payload = app.compose(application.text("合同已生成"), TO_LIN)
    sandbox.fail("drop_after", times=1, call="message")
    assert app.send(payload).action is Action.UNCERTAIN
    assert app.send(payload).ok
    assert [row.shown for row in sandbox.messages] == [True, False]
    assert sandbox.counts["doubles"] == 0


def test_more_than_thirty_a_minute_for_one_member_are_dropped_in_silence(
    app: App, sandbox: SandboxServer
) -> None:
    for number in range(31):
        assert app.send(app.compose(application.text(f"{number}"), TO_LIN)).ok
    assert [row.shown for row in sandbox.messages] == [True] * 30 + [False]


def test_an_agent_of_another_secret_is_the_end_of_the_channel(app: App) -> None:
    payload = app.compose(application.text("x"), TO_LIN)
    wrong = replace(payload, json=payload.json.replace(str(AGENT), "1000003"))
    assert app.send(wrong).action is Action.CHANNEL_DEAD


@pytest.mark.parametrize("build", [application.text, application.markdown])
def test_content_over_2048_bytes_is_refused_before_it_is_sent(build, app: App) -> None:
    assert app.send(app.compose(build("中" * 682 + "ab"), TO_LIN)).ok
    with pytest.raises(TooLong):
        build("中" * 682 + "abc")


# --- recipients -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("users", [(), ("",), ("a|b",), (" a",)])
def test_recipients_that_cannot_be_written_are_refused(users: tuple[str, ...]) -> None:
    with pytest.raises(PayloadError):
        Recipients(users=users)


@given(st.integers(0, 2500), st.integers(0, 350), st.integers(0, 250))
@settings(max_examples=40, deadline=None)
def test_batches_name_everybody_once_and_fit_one_call_each(users: int, parties: int, tags: int) -> None:
    if users + parties + tags == 0:
        return
    names = [
        tuple(f"{kind}{n}" for n in range(count))
        for kind, count in zip("upt", (users, parties, tags), strict=True)
    ]
    batches = list(Recipients(*names).batches())
    for place, most in enumerate((1000, 100, 100)):
        lots = [(batch.users, batch.parties, batch.tags)[place] for batch in batches]
        assert max(map(len, lots)) <= most
        assert tuple(name for lot in lots for name in lot) == names[place]


def test_too_many_recipients_for_one_call_are_refused(app: App) -> None:
    crowd = Recipients(users=tuple(f"u{n}" for n in range(1001)))
    with pytest.raises(PayloadError, match="batches"):
        app.compose(application.text("x"), crowd)
    assert [len(batch.users) for batch in crowd.batches()] == [1000, 1]


# --- tokens ---------------------------------------------------------------------------------------------


def test_the_token_is_fetched_once_and_renewed_five_minutes_early(
    app: App, sandbox: SandboxServer, clock: Clock
) -> None:
    for _ in range(3):
        assert app.send(app.compose(application.text("x"), TO_LIN)).ok
    assert token_calls(sandbox) == 1
    clock.now += 7200 - 301
    assert app.send(app.compose(application.text("y"), TO_LIN)).ok
    assert token_calls(sandbox) == 1
    clock.now += 2
    assert app.send(app.compose(application.text("z"), TO_LIN)).ok
    assert token_calls(sandbox) == 2


@pytest.mark.parametrize("end", ["expire_tokens", "withdraw_tokens"])
def test_a_token_that_ends_early_is_replaced_and_the_message_sent(
    app: App, sandbox: SandboxServer, end: str
) -> None:
    assert app.send(app.compose(application.text("1"), TO_LIN)).ok
    getattr(sandbox.apps, end)()
    assert app.send(app.compose(application.text("2"), TO_LIN)).ok
    assert [row.errcode for row in sandbox.messages] == [0, 42001 if end == "expire_tokens" else 40014, 0]
    assert token_calls(sandbox) == 2


def test_many_threads_with_an_expired_token_fetch_one_new_one(
    app: App, sandbox: SandboxServer, store: MemoryTokenStore
) -> None:
    assert app.send(app.compose(application.text("first"), TO_LIN)).ok
    sandbox.apps.withdraw_tokens()
    start = threading.Barrier(4)
    outcomes: list[bool] = []

    def work(number: int) -> None:
        worker = App(sandbox.base_url, CORP, SECRET, AGENT, tokens=store)
        start.wait()
        outcomes.append(worker.send(worker.compose(application.text(f"{number}"), TO_LIN)).ok)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [True] * 4
    assert token_calls(sandbox) == 2


def test_a_fresh_token_that_is_refused_too_ends_the_channel(app: App, sandbox: SandboxServer) -> None:
    sandbox.fail("errcode", errcode=42001, call="message")
    outcome = app.send(app.compose(application.text("x"), TO_LIN))
    assert (outcome.errcode, outcome.action) == (42001, Action.CHANNEL_DEAD)
    assert len(sandbox.messages) == 2


@pytest.mark.parametrize(
    ("corp", "secret", "errcode"), [(CORP, "wrong-secret", 40001), ("ww-other", SECRET, 40013)]
)
def test_wrong_credentials_end_the_channel_and_nothing_is_sent(
    sandbox: SandboxServer, store: MemoryTokenStore, corp: str, secret: str, errcode: int
) -> None:
    wrong = App(sandbox.base_url, corp, secret, AGENT, tokens=store)
    outcome = wrong.send(wrong.compose(application.text("x"), TO_LIN))
    assert (outcome.errcode, outcome.action) == (errcode, Action.CHANNEL_DEAD)
    assert sandbox.messages == []


def test_many_wrong_secrets_block_the_address_for_an_hour(
    app: App, sandbox: SandboxServer, store: MemoryTokenStore, clock: Clock
) -> None:
    wrong = App(sandbox.base_url, CORP, "wrong-secret", AGENT, tokens=store)
    for _ in range(10):
        wrong.send(wrong.compose(application.text("x"), TO_LIN))
    assert app.send(app.compose(application.text("x"), TO_LIN)).action is Action.WAIT
    clock.now += 3600
    assert app.send(app.compose(application.text("x"), TO_LIN)).ok


@pytest.mark.parametrize("mode", ["drop_before", "drop_after", "html", "cut_json", "http"])
def test_a_token_that_could_not_be_fetched_is_no_uncertain_message(
    app: App, sandbox: SandboxServer, mode: str
) -> None:
    sandbox.fail(mode, call="token", times=1)
    outcome = app.send(app.compose(application.text("x"), TO_LIN))
    assert outcome.action is Action.RETRY
    assert not outcome.request_written
    assert sandbox.messages == []
    assert app.send(app.compose(application.text("x"), TO_LIN)).ok


def test_an_answer_without_a_token_is_no_success(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "wecom.sandbox.application._granted", lambda token, life: {"errcode": 0, "errmsg": "ok"}
    )
    outcome = app.send(app.compose(application.text("x"), TO_LIN))
    assert (outcome.kind, outcome.action, outcome.ok) == (Kind.UNREADABLE, Action.RETRY, False)


def test_a_store_forgets_only_the_token_that_failed() -> None:
    store = MemoryTokenStore()
    store.put("app", "new", 60)
    store.drop("app", "old")
    assert store.get("app") == "new"
    store.drop("app", "new")
    assert store.get("app") is None


def test_an_upload_whose_answer_is_lost_is_simply_repeated(app: App, sandbox: SandboxServer) -> None:
    sandbox.fail("drop_after", call="upload", times=1)
    assert app.upload_media("a.bin", b"0123456789").outcome.action is Action.RETRY
    assert app.upload_media("a.bin", b"0123456789").media_id


def test_neither_secret_nor_token_is_shown(
    app: App, sandbox: SandboxServer, store: MemoryTokenStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    texts = [repr(app)]
    for mode in ("drop_after", "html", "http", "cut_json"):
        for call in ("token", "message"):
            sandbox.fail(mode, call=call, times=1)
            texts.append(repr(app.send(app.compose(application.text("x"), TO_LIN))))
            texts.append(repr(app._tokens.current()))
    texts.append(repr(app.call("nothing/here", "{}")))
    token = store.get(f"{CORP}:{AGENT}")
    assert token
    written = "\n".join([*texts, caplog.text])
    assert SECRET not in written
    assert token not in written


@pytest.mark.parametrize("base", ["", "qyapi.weixin.qq.com", "https://h/?x=1"])
def test_an_incomplete_api_address_is_refused(base: str) -> None:
    with pytest.raises(ValueError, match="API base URL"):
        App(base, CORP, SECRET, AGENT, tokens=MemoryTokenStore())


def test_the_frozen_message_holds_what_the_duplicate_check_needs(app: App) -> None:
    data = json.loads(app.compose(application.text("x"), TO_LIN, duplicate_check_s=600, safe=True).json)
    assert data["enable_duplicate_check"] == 1
    assert data["duplicate_check_interval"] == 600
    assert (data["touser"], data["agentid"], data["safe"]) == ("lin.qc", AGENT, 1)
    with pytest.raises(PayloadError):
        app.compose(application.text("x"), TO_LIN, duplicate_check_s=14_401)

"""Cards with buttons: clicked here, told by a callback, and changed by the code that came with the click.

A card is changed for all who got it, or for some of them: then only theirs loses its buttons.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wecom.sandbox import rules
from wecom.sandbox.courier import Courier

_CODE_LIFE_S = 72 * 3600


@dataclass(slots=True)
class Card:
    """A card as its readers see it; `notice` stands in place of the buttons once it was changed."""

    task_id: str
    corp_id: str
    agent_id: int
    buttons: tuple[tuple[str, str], ...]  # (key, text)
    readers: tuple[str, ...] = ()
    notice: str = ""
    told: dict[str, str] = field(default_factory=dict)  # what stands there for single readers
    clicks: list[tuple[str, str]] = field(default_factory=list)  # (who, key)

    def notice_for(self, who: str) -> str:
        """Return what stands in place of the buttons for one reader; empty where they can be pressed."""
        return self.told.get(who.lower(), self.notice)

    @property
    def look(self) -> str:
        """Return what changes with every change of how the card looks."""
        return f"{len(self.clicks)}.{len(self.told)}.{self.notice}"


@dataclass(slots=True)
class _Code:
    card: Card
    until: float


class CardBook:
    """The cards with buttons of all applications; a task id is used once, for ever."""

    def __init__(
        self, *, courier: Courier, clock: Callable[[], float], on_change: Callable[[], None]
    ) -> None:
        self._courier = courier
        self._clock = clock
        self._on_change = on_change
        self._lock = threading.RLock()
        self._cards: dict[tuple[int, str], Card] = {}
        self._codes: dict[str, _Code] = {}

    @property
    def has_callback(self) -> bool:
        """True where a click can be told to somebody."""
        return self._courier.target is not None

    def find(self, agent_id: int, task_id: str) -> Card | None:
        """Return the card of a task."""
        return self._cards.get((agent_id, task_id))

    def issue(
        self, corp_id: str, agent_id: int, inner: Mapping[str, Any], readers: Sequence[str] = ()
    ) -> str:
        """Keep a card that was sent; return the code that can change it once."""
        task_id = str(inner["task_id"])
        with self._lock:
            if (agent_id, task_id) in self._cards:
                raise rules.Refusal(42014, "task_id has been used")
            buttons = tuple((str(one["key"]), str(one["text"])) for one in inner["button_list"])
            card = self._cards[(agent_id, task_id)] = Card(
                task_id, corp_id, agent_id, buttons, tuple(readers)
            )
            return self._code(card)

    def _code(self, card: Card) -> str:
        code = secrets.token_urlsafe(24)
        self._codes[code] = _Code(card, self._clock() + _CODE_LIFE_S)
        return code

    def click(self, agent_id: int, task_id: str, key: str, who: str) -> None:
        """Press a button, as a reader does; raises ValueError for one that is not there."""
        with self._lock:
            card = self.find(agent_id, task_id)
            if card is None or key not in dict(card.buttons) or card.notice_for(who):
                raise ValueError(f"there is no such button on {task_id}")
            card.clicks.append((who, key))
            code = self._code(card)
            now = int(self._clock())
        xml = (
            f"<xml><ToUserName><![CDATA[{card.corp_id}]]></ToUserName>"
            f"<FromUserName><![CDATA[{who.replace(']]>', '')}]]></FromUserName>"
            f"<CreateTime>{now}</CreateTime><MsgType><![CDATA[event]]></MsgType>"
            f"<Event><![CDATA[template_card_event]]></Event><EventKey><![CDATA[{key}]]></EventKey>"
            f"<TaskId><![CDATA[{task_id}]]></TaskId><CardType><![CDATA[button_interaction]]></CardType>"
            f"<ResponseCode><![CDATA[{code}]]></ResponseCode><AgentID>{agent_id}</AgentID></xml>"
        )
        self._courier.send(xml, f"{task_id} · {key}")
        self._on_change()

    def update(self, agent_id: int, data: Mapping[str, Any]) -> dict[str, Any]:
        """Change a card for all who got it or for some; a code works once and for 72 hours."""
        button, whole = data.get("button"), data.get("template_card")
        words = button.get("replace_name") if isinstance(button, dict) else None
        if isinstance(whole, dict):
            title = whole.get("main_title")
            words = title.get("title") if isinstance(title, dict) else None
        if not isinstance(words, str) or not words:
            raise rules.Refusal(40058, "button.replace_name is missing")
        if data.get("agentid") != agent_id:
            raise rules.Refusal(301002, "not allow operate another agent with this accesstoken")
        users = data.get("userids") or []
        if not isinstance(users, list) or len(users) > 1000:
            raise rules.Refusal(40058, "userids takes at most 1000")
        if not users and data.get("atall") != 1:
            raise rules.Refusal(40058, "userids, partyids, tagids and atall are all empty")
        with self._lock:
            code = self._codes.pop(str(data.get("response_code", "")), None)
            if code is None or self._clock() >= code.until or code.card.agent_id != agent_id:
                raise rules.Refusal(60140, "response_code is invalid")
            if data.get("atall") == 1:
                code.card.notice = words
                code.card.told.clear()
            else:
                code.card.told |= {str(user).lower(): words for user in users}
        self._on_change()
        return {"errcode": 0, "errmsg": "ok", "invaliduser": []}

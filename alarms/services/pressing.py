"""What happens when somebody presses the button of an alarm's card in WeCom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from django.utils.translation import override

from alarms.cards import alarm_of_card, notice_of
from alarms.models import Alarm
from alarms.services.acting import acknowledge
from notifications.services import cards
from spc_site import clock
from spc_site.errors import Conflict


@dataclass(frozen=True, slots=True)
class CardAnswer:
    """What the card of an alarm says after somebody pressed its button.

    `is_personal`: it concerns whoever pressed, all others keep their button.
    """

    text: str
    is_acknowledged: bool
    is_personal: bool = False


def press(key: str, userid: str, *, task_id: str, response_code: str) -> CardAnswer | None:
    """Act on a pressed button, and have its card say what came of it; None where it is no alarm's.

    In the caller's transaction. Told again it changes nothing.
    """
    pk = alarm_of_card(key)
    if pk is None:
        return None
    at = clock.now()
    # Kept first: so acknowledging finds the code for this card, and leaves an older one for later.
    cards.keep_clicked(task_id, key, response_code, at=at)
    given = acknowledge_from_card(pk, userid, at=at)
    cards.answer(response_code, given.text, at=at, user=userid if given.is_personal else "")
    return given


def acknowledge_from_card(alarm_pk: int, userid: str, *, at: datetime | None = None) -> CardAnswer:
    """Take an alarm on for the person with this WeCom userid; pressing again changes nothing.

    Nothing is raised: the answer says in words why it was not done. Who pressed must be a known,
    active person whose role lets them work on alarms.
    """
    with override(settings.LANGUAGE_CODE):
        user = User.objects.filter(profile__wecom_userid=userid.strip().lower(), is_active=True).first()
        if user is None or not user.has_perm("alarms.change_alarm"):
            return CardAnswer(_("您没有受理报警的权限。"), is_acknowledged=False, is_personal=True)
        alarm = Alarm.objects.filter(pk=alarm_pk).first()
        if alarm is None:
            return CardAnswer(_("此报警已不存在。"), is_acknowledged=False)
        try:
            alarm = acknowledge(alarm, user=user, at=at)
        except Conflict:
            alarm.refresh_from_db()
        return CardAnswer(notice_of(alarm), is_acknowledged=alarm.is_open)

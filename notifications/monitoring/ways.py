"""Whom a trouble can be told now, by ways that it does not concern."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Q

from notifications import channels, routing
from notifications.choices import ChannelCode
from notifications.models import Channel, Recipient
from notifications.routing import Way
from notifications.services.holding import obstacle
from notifications.services.routing import plan
from spc_site import clock

EVENT = "notifications.trouble"
"""The event name that a route may send to the people who see to delivery."""


def ways_around(avoid_channel: str, *, severity: str) -> list[list[Way]]:
    """Return the ways by which people can be told now, each with its reserves, none through the channel.

    The routes decide for the event `notifications.trouble`. Where none has a way left: the first channel
    by `Channel.priority` that can send, to those who keep the channels. Where no other channel is left,
    another robot of the same one serves, which is better than silence.
    """
    chains = [
        usable
        for chain in _routed(severity)
        if (usable := [way for way in chain if way.channel != avoid_channel and _can_send(way)])
    ]
    if chains:
        return chains
    for code in _channels_by_priority():
        if code == avoid_channel:
            continue
        if reachable := _reachable(code):
            return [[way] for way in reachable]
    return [[way] for way in _reachable(avoid_channel)]


def _reachable(code: str) -> list[Way]:
    """Return the ways of a channel that can send now: one group, or all the people."""
    found = [way for way in keepers(code) if _can_send(way)]
    return found[:1] if code == ChannelCode.WECHAT_BOT else found


def _routed(severity: str) -> list[list[Way]]:
    event = routing.Event(name=EVENT, source="notifications", severity=severity, is_alarm=True)
    planned = plan(event, at=clock.now(), default=Way("", ""))
    return [] if planned.is_default else [list(chain.ways) for chain in planned.chains]


def _channels_by_priority() -> list[str]:
    rows = Channel.objects.filter(is_enabled=True, consecutive_failures=0).order_by("priority", "code")
    return list(rows.values_list("code", flat=True))


def keepers(code: str) -> list[Way]:
    """Return the ways of a channel to those who keep the channels: the groups, or the people."""
    if code == ChannelCode.WECHAT_BOT:
        return [Way(code, group) for group in dict.fromkeys(["OPS", *settings.WEBHOOK_KEYS])]
    permitted = (
        User.objects.filter(is_active=True)
        .filter(
            Q(is_superuser=True)
            | Q(groups__permissions__codename="change_channel")
            | Q(user_permissions__codename="change_channel")
        )
        .distinct()
        .order_by("pk")
    )
    people = [
        Recipient.objects.filter(user=user).first() or Recipient(name=user.get_username(), user=user)
        for user in permitted.select_related("profile")[:20]
    ]
    return [Way(code, address) for person in people if person.is_active and (address := person.address(code))]


def _can_send(way: Way) -> bool:
    return channels.driver_for(way.channel) is not None and not obstacle(way.channel, way.target)

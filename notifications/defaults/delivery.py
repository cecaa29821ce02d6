"""Messages about the delivery of messages itself."""

from __future__ import annotations

from typing import Any

from notifications.defaults.words import Words, both, lines, link, number, text, time

DELIVERY: tuple[dict[str, Any], ...] = (
    *both(
        "channel_trouble",
        Words(
            "通知系统异常",
            "通知系统异常",
            "### 通知系统异常\n- **异常**: {title}\n{facts}\n- **查看**: [{url}]({url})",
        ),
        Words(
            "Delivery in trouble",
            "Delivery in trouble",
            "### Delivery in trouble\n- **Trouble**: {title}\n{facts}\n- **Open**: [{url}]({url})",
        ),
        title=text("企业微信群机器人连续失败 3 次", "The WeCom group robot failed 3 times in a row"),
        url=link("/alarms/77"),
        facts=lines(
            "- **说明**: 机器人已被移出群（93000）",
            "- **What**: The robot was removed from the group (93000)",
        ),
    ),
    *both(
        "backlog",
        Words(
            "消息积压",
            "消息积压",
            "### 消息积压\n- **异常**: {title}\n{facts}\n- **查看**: [{url}]({url})",
        ),
        Words(
            "Backlog of messages",
            "Backlog of messages",
            "### Backlog of messages\n- **Trouble**: {title}\n{facts}\n- **Open**: [{url}]({url})",
        ),
        title=text("待发消息超过上限", "More messages wait than may"),
        url=link("/alarms/77"),
        facts=lines("- **说明**: 当前 1200 条，上限 1000 条", "- **What**: 1200 wait, the limit is 1000"),
    ),
    *both(
        "channel_recovered",
        Words(
            "通知系统已恢复",
            "通知系统已恢复",
            "### 通知系统已恢复\n- **异常**: {title}\n- **查看**: [{url}]({url})",
        ),
        Words(
            "Delivery has recovered",
            "Delivery has recovered",
            "### Delivery has recovered\n- **Trouble**: {title}\n- **Open**: [{url}]({url})",
        ),
        title=text("企业微信群机器人连续失败 3 次", "The WeCom group robot failed 3 times in a row"),
        url=link("/alarms/77"),
    ),
    *both(
        "flood_summary",
        Words(
            "消息过多时的汇总",
            "消息过多，已限制",
            "### 消息过多，已限制\n"
            "来源 {source} 在 {since} 起的一分钟内另有 {suppressed} 条消息未发送。\n"
            "[查看与重发]({url})",
        ),
        Words(
            "Summary of a flood of messages",
            "Too many messages, limited",
            "### Too many messages, limited\n"
            "In the minute from {since} on, {suppressed} more messages of {source} were not sent.\n"
            "[See and resend them]({url})",
        ),
        source=text("quality.iqc"),
        since=time(),
        suppressed=number("100"),
        url=link("/admin/notifications/notification/?reason__exact=flooded"),
    ),
)

"""F13–F16, F19–F21: what WeCom answers, or does not."""

from __future__ import annotations

from typing import Any

from benchmarks.fault_drills.field import Range, Result


def f13(field: Range) -> tuple[Any, Result]:
    """WeCom answers 500: to a third, then to everything for ten minutes."""
    with field.drill(groups=400, redis=False) as drill:
        first = drill.server.fail("http", status=500, share=0.3)
        drill.create(field.many(200))
        drill.deliver_all(most_leaps=3000)
        drill.server.mend(first)
        drill.server.fail("http", status=500, seconds=360)
        drill.create(field.many(100))
        began = drill.time()
        drill.deliver_all(most_leaps=3000)
        took = drill.time() - began
    return drill, Result("30 % and 6 min of 500", took, "retries counted, cause in words", 0, 0, 480)


def f14(field: Range) -> tuple[Any, Result]:
    """Nobody listens; the connection is reset."""
    count = field.many(100)
    with field.drill(groups=400, redis=False) as drill:
        drill.create(count)
        drill.server.stop()
        drill.deliver()
        drill.leap(60)
        drill.deliver()
        drill.server.start()
        drill.server.fail("drop_before", times=field.many(20))
        began = drill.time()
        drill.deliver_all(most_leaps=3000)
        took = drill.time() - began
    return drill, Result(
        f"refused for 2 min, then {field.many(20)} resets", took, "cause in words", 0, field.many(20), 600
    )


def f15(field: Range) -> tuple[Any, Result]:
    """Accepted, but the answer comes too late."""
    from notifications.models import Channel

    count = field.many(10)
    with field.drill(groups=count, redis=False) as drill:
        Channel.objects.update(timeout_s=1)
        drill.create(count)
        drill.server.fail("delay", delay_s=1.5, times=count)
        drill.deliver_all(most_leaps=3000)
    return drill, Result(f"{count} late answers", 0, "marked, then sent", count, count)


def f16(field: Range) -> tuple[Any, Result]:
    """45009 for a minute, the limit enforced, one robot."""
    with field.drill(groups=1) as drill:
        drill.server.fail("errcode", errcode=45009, seconds=60)
        drill.start("--workers", "0")
        for _ in range(2):
            drill.start("--queue", "notify")
        drill.create(field.many(200), priority=3)
        took = drill.settle(seconds=120)
    return drill, Result(
        f"45009 for 60 s, {len(drill.markers)} for one robot", took, "held by rate, with a time", 0, 0, 300
    )


def f19(field: Range) -> tuple[Any, Result]:
    """HTML or half a JSON in the place of an answer."""
    count = field.many(20)
    with field.drill(groups=2 * count, redis=False) as drill:
        drill.create(2 * count)
        drill.server.fail("cut_json", times=count)
        drill.deliver()
        drill.server.fail("html", times=count // 2)
        drill.deliver_all(most_leaps=3000)
    return drill, Result(f"{count} cut, {count // 2} HTML", 0, "uncertain, with its cause", count, None)


def f20(field: Range) -> tuple[Any, Result]:
    """Texts of every length around the border, in wide characters."""
    from notifications.services import send_notification

    with field.drill(groups=1, redis=False) as drill:
        lines = [f"M{number:05} {'检😀é'[number % 3] * (280 + number % 11)}" for number in range(1, 121)]
        send_notification("长报告", "\n".join(lines), "wechat_bot", "G001")
        drill.deliver_all(most_leaps=3000)
        found = drill.shown()
        wrong = [line[:6] for line in lines if found[line[:6]] != 1]
        if wrong or drill.server.counts["refused"]:
            drill.judge.complaints.append(f"lines not shown once: {wrong[:3]}")
        parts = drill.server.counts["shown"]
    return drill, Result(f"{len(lines)} wide lines", 0, f"{parts} parts, each with n/m", 0, 0)


def f21(field: Range) -> tuple[Any, Result]:
    """The robot's key is wrong until somebody mends it."""
    from notifications.models import Budget
    from notifications.services import mend

    with field.drill(groups=1, redis=False) as drill:
        drill.create(field.many(20))
        fault = drill.server.fail("errcode", errcode=93000)
        drill.deliver()
        drill.leap(1800)
        drill.deliver()
        held = drill.verdict().states.get("held", 0)
        drill.server.mend(fault)
        for budget in Budget.objects.filter(is_dead=True):
            mend(budget)
        began = drill.time()
        drill.deliver_all(most_leaps=3000)
        took = drill.time() - began
    if held != len(drill.markers):
        drill.judge.complaints.append(f"only {held} of {len(drill.markers)} were held")
    return drill, Result("93000 until mended", took, f"{held} held with the cause", 0, 0, 120)

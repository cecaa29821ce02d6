"""F22, F24, F25: a clock that is set, a template that breaks, a program that runs away."""

from __future__ import annotations

from typing import Any

from benchmarks.fault_drills.field import Range, Result


def f22(field: Range) -> tuple[Any, Result]:
    """The clock jumps an hour back and forth while messages wait for their retry."""
    from notifications.services.holding import wake_after_a_step_of_the_clock

    slowest = 0.0
    with field.drill(groups=400, redis=False) as drill:
        for step_s in (-3600, 3600, 3600, -3600):
            drill.create(20)
            drill.server.fail("http", status=500, times=20)
            drill.deliver()
            drill.skew(step_s)
            began = drill.time()
            drill.deliver()
            drill.leap(60)
            wake_after_a_step_of_the_clock()  # as the pump does every minute
            drill.deliver_all(most_leaps=3000)
            slowest = max(slowest, drill.time() - began)
    return drill, Result("clock ± 1 h, 4 ×", slowest, "nothing", 0, 0, 3600)


def f24(field: Range) -> tuple[Any, Result]:
    """A template breaks, then is mended, and the dead letters are sent again."""
    from django.contrib.auth.models import User

    from notifications.models import Notification, NotificationTemplate
    from notifications.services import resend, send_template_notification

    count = field.many(20)
    with field.drill(groups=count, redis=False) as drill:
        name = "meeting_reminder"

        def send(number: int) -> None:
            values = {"meeting_title": f"M{number:05}", "meeting_time": "周一", "location": "二楼"}
            send_template_notification(name, f"G{number:03}", values)

        send(1)
        texts = NotificationTemplate.objects.filter(template_name=name)
        good = {row.pk: row.content_template for row in texts}
        if good:
            texts.update(content_template="{typo}")
        for number in range(2, count + 1):
            send(number)
        dead = list(Notification.objects.filter(status="dead"))
        for key, content in good.items():
            NotificationTemplate.objects.filter(pk=key).update(content_template=content)
        person = User.objects.create_superuser("mender")
        for row in dead:
            resend(row, user=person)
        drill.deliver_all(most_leaps=3000)
        found = drill.shown()
        wrong = [number for number in range(1, count + 1) if found[f"M{number:05}"] != 1]
        if wrong or (good and len(dead) != count - 1):
            drill.judge.complaints.append(f"dead letters {len(dead)}, not shown once: {wrong[:3]}")
    return drill, Result(f"{count - 1} on a broken template", 0, "dead letters with the placeholder", 0, 0)


def f25(field: Range) -> tuple[Any, Result]:
    """Thousands in a second from one source."""
    from notifications.models import Notification, NotificationConfig
    from notifications.services import send_notification

    count = max(field.many(2000), 1000)
    with field.drill(groups=1, redis=False) as drill:
        NotificationConfig.objects.filter(config_key="most_per_source_minute").update(config_value="500")
        for _ in range(count):
            send_notification("演练", "一次又一次", "wechat_bot", "G001", 3, source="runaway")
        withheld = Notification.objects.filter(status="suppressed", reason="flooded").count()
        rows = Notification.objects.filter(source="runaway").count()
        drill.deliver_all(most_leaps=3000)
        if rows != count or not withheld:
            drill.judge.complaints.append(f"{rows} rows of {count}, {withheld} withheld")
        sent = drill.server.counts["shown"]
    return drill, Result(
        f"{count} at once from one source", 0, f"{withheld} withheld and counted, {sent} shown", 0, 0
    )

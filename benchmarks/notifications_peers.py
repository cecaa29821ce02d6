"""What other ways of sending do with the same server: one of them, one run, then the end.

Runs in an environment of its own (`notifications.py` makes it). Each posts `count` messages; those
with a queue put one job for each into it first and start a worker of their own then. None of them
keeps a record of what was sent, and none of them knows a limit.

    PEER=bare|apprise|huey|dramatiq|celery|rq|rq-simple PEER_URL=… PEER_COUNT=… PEER_REDIS=… python …
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent
URL, COUNT, REDIS = (os.environ.get(f"PEER_{name}", "") for name in ("URL", "COUNT", "REDIS"))

_session = None


def body(number: int) -> str:
    text = f"### 演练 M{number:05}\n- **项目**: M{number:05}"
    return json.dumps({"msgtype": "markdown", "markdown": {"content": text}}, ensure_ascii=False)


def post(number: int) -> None:
    """Send one message over the connection that this process keeps."""
    import requests

    global _session
    _session = _session or requests.Session()
    answer = _session.post(
        URL, data=body(number).encode(), headers={"Content-Type": "application/json"}, timeout=(3, 10)
    )
    if answer.json()["errcode"] != 0:
        raise RuntimeError(answer.text)


def bare(count: int) -> None:
    for number in range(count):
        post(number)


def apprise(count: int) -> None:
    import apprise as library

    logging.disable(logging.CRITICAL)
    parts = urlsplit(URL)
    sender = library.Apprise()
    sender.add(f"json://{parts.netloc}{parts.path}?:key=drill")
    for server in sender:
        server.request_rate_per_sec = 0  # its pause between two requests would be all that is measured
    for number in range(count):
        if not sender.notify(title=f"演练 M{number:05}", body=f"- **项目**: M{number:05}"):
            raise RuntimeError("apprise did not deliver")


# --- with a queue: this module is the worker's application, too ---------------------------------

if os.environ.get("PEER") == "huey":
    from huey import RedisHuey

    huey_app = RedisHuey("drill", url=REDIS, results=False)
    huey_post = huey_app.task()(post)
elif os.environ.get("PEER") == "dramatiq":
    import dramatiq
    from dramatiq.brokers.redis import RedisBroker

    dramatiq.set_broker(RedisBroker(url=REDIS))
    dramatiq_post = dramatiq.actor(max_retries=0)(post)
elif os.environ.get("PEER") == "celery":
    import celery

    celery_app = celery.Celery("drill", broker=REDIS)
    celery_app.conf.update(task_ignore_result=True, worker_prefetch_multiplier=50)
    celery_post = celery_app.task(name="post")(post)


def huey(count: int) -> list[str]:
    for number in range(count):
        huey_post(number)
    return ["huey_consumer", "notifications_peers.huey_app", "-w", "1", "-k", "thread", "-q"]


def dramatiq_(count: int) -> list[str]:
    for number in range(count):
        dramatiq_post.send(number)
    return ["dramatiq", "notifications_peers", "-p", "1", "-t", "1"]


def celery_(count: int) -> list[str]:
    for number in range(count):
        celery_post.delay(number)
    return ["celery", "-A", "notifications_peers:celery_app", "worker", "-c", "1", "-l", "ERROR"]


def rq(count: int) -> list[str]:
    import redis
    from rq import Queue

    queue = Queue("drill", connection=redis.Redis.from_url(REDIS))
    for number in range(count):
        queue.enqueue("notifications_peers.post", number, result_ttl=0)
    worker = ["-w", "rq.worker.SimpleWorker"] if os.environ["PEER"] == "rq-simple" else []
    return ["rq", "worker", "drill", "--url", REDIS, "--burst", "--quiet", *worker]


DIRECT: dict[str, Callable[[int], None]] = {"bare": bare, "apprise": apprise}
QUEUED: dict[str, Callable[[int], list[str]]] = {
    "huey": huey,
    "dramatiq": dramatiq_,
    "celery": celery_,
    "rq": rq,
    "rq-simple": rq,
}


def main() -> None:
    name, count = os.environ["PEER"], int(COUNT)
    if name in DIRECT:
        DIRECT[name](count)
        return
    argv = QUEUED[name](count)
    argv[0] = str(Path(sys.executable).with_name(argv[0]))
    if name == "huey":  # its consumer's script has lost its hyphen in some versions
        argv = [sys.executable, "-m", "huey.bin.huey_consumer", *argv[1:]]
    with tempfile.TemporaryFile() as log:
        worker = subprocess.Popen(
            argv, cwd=HERE, env={**os.environ, "PYTHONPATH": str(HERE)}, stdout=log, stderr=log
        )
        print("working", flush=True)
        sys.stdin.read()  # the benchmark counts what arrives, and closes the pipe when all has
        worker.terminate()
        try:
            worker.wait(5)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
        log.seek(0)
        sys.stderr.write(log.read().decode(errors="replace")[-2000:])


if __name__ == "__main__":
    main()

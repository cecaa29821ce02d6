"""A process that has loaded the system once and forks into `manage.py` commands.

Dozens of processes are killed in a drill, and loading Django takes each of them a second. What a
child runs is the command itself, in a process of its own, with a fresh connection to everything.
Lines of JSON in: `{"arguments": […], "environment": {…}, "log": path}`; lines out: the child's id.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import traceback
from pathlib import Path

PR_SET_PDEATHSIG = 1


def main() -> None:
    import django

    django.setup()
    import spc_site.supervise.work  # noqa: F401  so that no child has to load it

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead need no burial
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if (pid := os.fork()) == 0:
            os._exit(_become(order))
        print(pid, flush=True)


def _become(order: dict[str, object]) -> int:
    """Run the command of an order; return the exit status."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        return 1
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    log = os.open(str(order["log"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for number, file in ((0, null), (1, log), (2, log)):
        os.dup2(file, number)
    os.environ.update(order["environment"])  # type: ignore[call-overload]
    from django.conf import settings
    from django.core.management import call_command

    from tests.faults import hooks

    for name, value in hooks.overrides(Path(os.environ["FAULTS_DIR"])).items():
        setattr(settings, name, value)
    hooks.install()
    try:
        call_command(*order["arguments"])  # type: ignore[misc]
        sys.stdout.flush()
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    main()

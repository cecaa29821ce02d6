"""Become another program that ends when its parent ends, even if the parent is killed.

Run as `python launch.py PARENT_PID PROGRAM ARGUMENT…`. The kernel's promise (PR_SET_PDEATHSIG)
survives the exec, so any program can be started like this; and unlike a function between fork
and exec it is safe in a process with threads. Where the kernel has no such promise (not Linux)
the program is started all the same.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, argv = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it died before the promise was made
        sys.exit(1)
    try:
        os.execvp(argv[0], argv)  # noqa: S606  no shell is wanted
    except OSError as error:
        sys.exit(f"{argv[0]}: {error.strerror}")


if __name__ == "__main__":
    main()

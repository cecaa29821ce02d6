#!/usr/bin/env python3
"""Set the system up, run it, test it: `python3 dev.py up`, `python3 dev.py test`.

Needs Python 3.11 and its standard library only; everything else goes into .venv.
"""

from __future__ import annotations

import os
import shutil
import sys

NEEDED = (3, 11)


def use_the_right_python() -> None:
    """Go on with Python 3.11, for which the requirements are pinned, or say that it is missing."""
    if os.name != "posix":
        sys.exit("dev.py runs on Linux (and macOS). On Windows, use it inside WSL.")
    if sys.version_info[:2] == NEEDED:
        return
    name = f"python{NEEDED[0]}.{NEEDED[1]}"
    found = shutil.which(name)
    if found is None:
        have = ".".join(str(part) for part in sys.version_info[:3])
        sys.exit(
            f"dev.py needs Python {NEEDED[0]}.{NEEDED[1]}, this is {have}, and no {name} is on the PATH.\n"
            "On Debian 12: sudo apt-get install python3 python3-venv"
        )
    os.execv(found, [found, *sys.argv])  # noqa: S606  no shell is wanted


if __name__ == "__main__":
    use_the_right_python()
    from devtools.verbs import main

    sys.exit(main(sys.argv[1:]))

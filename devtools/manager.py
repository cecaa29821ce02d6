"""Run management commands one after the other in one process: each start of Django costs seconds.

Runs in .venv. A line on standard input is one command as a JSON list of words; the answer, its
exit status, is a line on the file descriptor that the command line names.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spc_site.settings")
    with os.fdopen(int(sys.argv[1]), "w", buffering=1, encoding="ascii") as answers:
        for line in sys.stdin:
            status = run(json.loads(line))
            sys.stdout.flush()
            sys.stderr.flush()
            answers.write(f"{status}\n")


def run(words: Sequence[str]) -> int:
    """Run one command as `manage.py` would; return its exit status."""
    from django.core.management import ManagementUtility

    try:
        ManagementUtility(["manage.py", *words]).execute()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    main()

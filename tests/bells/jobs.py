"""One bell: pieces of work are files, claimed by renaming, with a lease of two seconds.

`N.todo` holds the seconds that the piece takes; it becomes `N.doing-PID`, and a line with the
process id in `N.done` for each time that it was done.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from spc_site.jobs import Budget, doorbell

NAME = "tests.pieces"
LEASE_S = 2.0


class Pieces:
    """The folder of pieces."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def add(self, count: int, *, seconds: float = 0.0) -> None:
        known = len(list(self.directory.iterdir()))
        for number in range(known, known + count):
            path = self.directory / f"{number:04}.todo"
            path.with_suffix(".new").write_text(str(seconds), encoding="ascii")
            path.with_suffix(".new").rename(path)

    def due(self) -> list[Path]:
        overdue = [path for path in self.directory.glob("*.doing-*") if _age_s(path) > LEASE_S]
        return sorted(self.directory.glob("*.todo")) + overdue

    def doing(self) -> list[Path]:
        return list(self.directory.glob("*.doing-*"))

    def done(self) -> dict[str, list[int]]:
        """Return who did each piece that is done."""
        return {
            path.stem: [int(line) for line in path.read_text(encoding="ascii").split()]
            for path in self.directory.glob("*.done")
        }

    def take(self) -> bool:
        """Do one piece; false if none is left."""
        for path in self.due():
            mine = path.with_suffix(f".doing-{os.getpid()}")
            with contextlib.suppress(FileNotFoundError):
                os.utime(path)  # the lease begins now
                path.rename(mine)
                time.sleep(float(mine.read_text(encoding="ascii")))
                with path.with_suffix(".done").open("a", encoding="ascii") as file:
                    file.write(f"{os.getpid()}\n")
                mine.unlink()
                return True
        return False


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def pieces() -> Pieces:
    return Pieces(Path(os.environ["TESTS_BELLS"]))


def is_due() -> bool:
    return bool(pieces().due())


@doorbell(name=NAME, queue="notify", is_due=is_due, timeout_s=30)
def do_pieces_job() -> int:
    budget, count = Budget(20), 0
    while budget and pieces().take():
        count += 1
    return count

"""`python -m quality.spc.verify`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from quality.spc.verify.report import FORMATS
from quality.spc.verify.run import load_cases, verify


def main(arguments: list[str] | None = None) -> int:
    """Run the verification; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m quality.spc.verify", description=__doc__)
    parser.add_argument("--format", choices=sorted(FORMATS), default="text")
    parser.add_argument("--output", type=Path, help="write to this file instead of the standard output")
    parser.add_argument(
        "--case", action="append", choices=[case.name for case in load_cases()], help="only this case"
    )
    options = parser.parse_args(arguments)
    run = verify(options.case)
    written = FORMATS[options.format](run)
    if options.output is None:
        sys.stdout.write(written)
    else:
        options.output.write_text(written, encoding="utf-8")
    return 0 if run.passed else 1


if __name__ == "__main__":
    sys.exit(main())

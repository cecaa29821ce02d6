"""`python -m contracts.docx TEMPLATE DATA OUT [--mode strict|keep|blank]`.

Exit status: 0 written; 1 refused, with the reason code and every missing field; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from contracts.docx.errors import BadPlaceholder, DocxError, MissingField
from contracts.docx.files import fill_file


def main(argv: list[str] | None = None) -> int:
    """Fill a template and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m contracts.docx", description="Fill a Word template.")
    parser.add_argument("template", type=Path, metavar="TEMPLATE.docx")
    parser.add_argument("data", type=Path, metavar="DATA.json")
    parser.add_argument("out", type=Path, metavar="OUT.docx")
    parser.add_argument("--mode", choices=["strict", "keep", "blank"], default="strict")
    given = parser.parse_args(argv)
    try:
        fill_file(given.template, given.data, given.out, given.mode)
    except DocxError as error:
        print("\n".join(report(error)), file=sys.stderr)
        return 1
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror}")
    except ValueError as error:  # no JSON, no UTF-8
        parser.error(f"{given.data}: {error}")
    return 0


def report(error: DocxError) -> list[str]:
    """Return the lines that say what stopped the filling: the code, then one line for each name or place."""
    if isinstance(error, MissingField):
        return [f"{error.code}: {name}" for name in error.names]
    if isinstance(error, BadPlaceholder):
        lines = [f"{error.code}: {len(error.places)}"]
        return lines + [f"  {one.part} {one.paragraph}: {one.text} ({one.reason})" for one in error.places]
    return [str(error)]


if __name__ == "__main__":
    sys.exit(main())

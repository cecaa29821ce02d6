"""The command line of `dev.py`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from devtools.console import Trouble, say

VERBS = {
    "up": "set everything up and run it: database, Redis, workers, web server, WeCom sandbox",
    "test": "run every test (further arguments go to pytest)",
    "check": "check formatting, lint, types, import rules, migrations and locks",
    "fmt": "format the code",
    "lock": "pin the requirements (further arguments go to uv, such as --upgrade)",
    "e2e": "run the browser tests (further arguments go to pytest)",
    "messages": "update and compile the English catalog",
}


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; return the exit status."""
    options, rest = _parser().parse_known_args(arguments)
    if rest and options.verb not in {"test", "lock", "e2e"}:
        _parser().error(f"unknown arguments: {' '.join(rest)}")
    try:
        return _run(options, rest)
    except Trouble as trouble:
        say(f"\n{trouble}")
        return 1
    except KeyboardInterrupt:
        return 130


def _run(options: argparse.Namespace, rest: Sequence[str]) -> int:
    if options.verb == "up":
        from devtools import up

        return up.up(
            up.Options(
                host=options.host,
                port=options.port,
                sandbox_port=options.sandbox_port,
                workers=options.workers,
                browser=options.browser,
                examples=options.examples,
            )
        )
    from devtools import suite

    if options.verb == "test":
        return suite.test(rest, strict=options.strict)
    if options.verb in {"lock", "e2e"}:
        return int(getattr(suite, options.verb)(rest))
    return int(getattr(suite, options.verb)())


def _port(text: str) -> int:
    if not (text.isdigit() and 1 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError("a port is a number from 1 to 65535")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dev.py", description=__doc__, allow_abbrev=False)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    made = {verb: verbs.add_parser(verb, help=text, allow_abbrev=False) for verb, text in VERBS.items()}
    up = made["up"]
    up.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    up.add_argument("--port", type=_port, help="port of the web server (default 8000, or the last one)")
    up.add_argument("--sandbox-port", type=_port, help="port of the WeCom sandbox (default 8001)")
    up.add_argument("--workers", type=int, default=1, metavar="N", help="workers per queue (default 1)")
    up.add_argument("--no-browser", dest="browser", action="store_false", help="open no browser")
    up.add_argument("--no-examples", dest="examples", action="store_false", help="import no example files")
    made["test"].add_argument(
        "--strict", action="store_true", help="skip nothing: a missing part is a failure"
    )
    return parser

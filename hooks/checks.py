"""What is wrong with the customer's hooks, told by `manage.py check`.

An error in tests and for `manage.py check`, which is how a package is tried out; a warning for
every other command, so that a production system starts and says what it lacks.
"""

from __future__ import annotations

import sys
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from hooks import loader


@register()
def customer_hooks(**_kwargs: Any) -> list[CheckMessage]:
    """The hooks of CUSTOMER can be loaded, and override only what there is."""
    kind = Error if is_strict() else Warning
    return [
        kind(
            problem.message + (f"\n{problem.details}" if problem.details else ""),
            hint=f"修改 customers/{settings.CUSTOMER}/hooks 后重启；事件会保留到那时。见 docs/hooks.md。",
            id=f"hooks.{problem.code}",
        )
        for problem in loader.current().problems
    ]


def is_strict() -> bool:
    """Say whether faulty hooks are an error now: in tests, and when somebody asks for a check."""
    return settings.TESTING or sys.argv[1:2] == ["check"]

"""WeCom's sandbox with its approvals, as the room below tests with it."""

from tests.approvals.conftest import post, sandbox, shared

__all__ = ["post", "sandbox", "shared"]

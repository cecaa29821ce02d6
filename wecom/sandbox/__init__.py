"""A local WeCom: speaks the protocol with its limits, shows what arrived, and fails on purpose.

A plant tries its templates on it before going live, and the tests measure loss and doubles with it.
It listens on this machine only.
"""

from __future__ import annotations

from wecom.sandbox.faults import Fault, Mode
from wecom.sandbox.ledger import Received
from wecom.sandbox.server import DEMO_APP, DEMO_KEYS, SandboxServer

__all__ = ["DEMO_APP", "DEMO_KEYS", "Fault", "Mode", "Received", "SandboxServer"]

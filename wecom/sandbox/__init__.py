"""A local WeCom: speaks the protocol with its limits, shows what arrived, and fails on purpose.

A plant tries its templates on it before going live, and the tests measure loss and doubles with it.
It listens on this machine only.
"""

from __future__ import annotations

from wecom.sandbox.faults import Fault, Mode
from wecom.sandbox.ledger import Received
from wecom.sandbox.server import SandboxServer

DEMO_KEYS = {"demo-iqc": "IQC", "demo-oqc": "OQC", "demo-energy": "ENERGY"}
"""Robot keys and the groups they post to, for a start without any configuration."""

__all__ = ["DEMO_KEYS", "Fault", "Mode", "Received", "SandboxServer"]

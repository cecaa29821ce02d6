"""The settings of the system with static files of its own, for the live system of the tests.

What the checkout's own `staticfiles` holds, and who collects there meanwhile, is none of its business.
"""

from __future__ import annotations

import os
from pathlib import Path

from spc_site.settings import *  # noqa: F403

STATIC_ROOT = Path(os.environ["LIVE_STATIC_ROOT"])

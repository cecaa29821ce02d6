"""The settings of the system with the hooks in it and the drill's own values, for processes under fire."""

from __future__ import annotations

import os
from pathlib import Path

from spc_site.settings import *  # noqa: F403
from spc_site.settings import INSTALLED_APPS
from tests.faults.hooks import overrides

INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.hooks.apps.HooksConfig"]
if "FAULTS_DIR" in os.environ:
    globals().update(overrides(Path(os.environ["FAULTS_DIR"])))

"""The settings of the system with this app in it, for worker processes of the tests."""

from __future__ import annotations

from spc_site.settings import *  # noqa: F403
from spc_site.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.bells"]

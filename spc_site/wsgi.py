"""WSGI entry point for gunicorn."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spc_site.settings")

application = get_wsgi_application()

from alarms.metering import meter  # noqa: E402 - the models need the application

meter.start()

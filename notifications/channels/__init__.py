"""One small room per channel, found by registration; adding one touches nothing else.

A channel composes payloads (splitting what is too long), says with which credentials a target
can be reached, each with a budget of its own, and delivers one payload. Every module of this
package is loaded here and registers itself.
"""

from importlib import import_module
from pkgutil import iter_modules

from notifications.channels.base import (
    Button,
    Credential,
    Driver,
    Form,
    NotConfigured,
    Probe,
    Result,
    Unusable,
    driver_for,
    register,
    registered,
    send,
)

__all__ = [
    "Button",
    "Credential",
    "Driver",
    "Form",
    "NotConfigured",
    "Probe",
    "Result",
    "Unusable",
    "driver_for",
    "register",
    "registered",
    "send",
]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

"""One package per customer; the setting CUSTOMER names the one that is used (docs/hooks.md).

A customer's package may also lie elsewhere: a folder `customers` on PYTHONPATH is looked at, too.
"""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)

"""The registry behind `/metrics`. A room adds what it counts with `REGISTRY.register(collector)`."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, ProcessCollector

REGISTRY = CollectorRegistry(auto_describe=True)

ProcessCollector(registry=REGISTRY)

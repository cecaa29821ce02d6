"""The rows of contracts, by concept: templates, numbers, contracts, the archive, what goes out."""

from contracts.models.archive import ArchivedFile
from contracts.models.contracts import Contract, ContractEvent, ContractScan, ContractVersion
from contracts.models.numbers import NumberCounter, NumberSeries
from contracts.models.runs import BatchRun
from contracts.models.sending import Delivery, DownloadLog, OutboundWebhook, Reminder, WebhookDelivery
from contracts.models.templates import ContractTemplate, ContractTemplateVersion, FieldMapping, MappingVersion

__all__ = [
    "ArchivedFile",
    "BatchRun",
    "Contract",
    "ContractEvent",
    "ContractScan",
    "ContractTemplate",
    "ContractTemplateVersion",
    "ContractVersion",
    "Delivery",
    "DownloadLog",
    "FieldMapping",
    "MappingVersion",
    "NumberCounter",
    "NumberSeries",
    "OutboundWebhook",
    "Reminder",
    "WebhookDelivery",
]

"""The roles of a plant, as Django groups, and what each may do.

The table is the default: `post_migrate` gives each group what it lacks and takes nothing
away, so that a plant's own changes stay.
"""

from __future__ import annotations

from dataclasses import dataclass

_REPORT_MODELS = ("iqcreport", "iqcreportentry", "oqcreport", "oqcreportentry")
_LOG_MODELS = ("iqcreportimportlog", "oqcreportimportlog")
_MASTER_MODELS = ("supplier", "customer", "part", "characteristic")
_DISPOSITION_MODELS = ("disposition", "dispositionevent")
_QUALITY_VIEW = tuple(
    f"quality.view_{name}" for name in _REPORT_MODELS + _LOG_MODELS + _MASTER_MODELS + _DISPOSITION_MODELS
)
_DISPOSE = ("quality.add_disposition",)
_DECIDE = (*_DISPOSE, "quality.decide_disposition")
_DISPOSITION_FORMS = tuple(
    f"quality.{verb}_{name}"
    for verb in ("view", "add", "change", "delete")
    for name in ("dispositionform", "dispositioncontrol")
)
_ENTRY_CHANGE = ("quality.change_iqcreportentry", "quality.change_oqcreportentry")
_IMPORT = tuple(f"quality.add_{name}" for name in ("iqcreport", "oqcreport"))
_ALARM_WORK = (
    "alarms.view_alarm",
    "alarms.view_alarmevent",
    "alarms.change_alarm",
    "alarms.view_silence",
    "alarms.add_silence",
    "alarms.view_workorder",
    "alarms.view_workorderstep",
    "alarms.add_workorder",
    "alarms.change_workorder",
)
_ALARM_VIEW = tuple(
    f"alarms.view_{name}"
    for name in (
        *("sourcerule", "inhibitionrule", "escalationpolicy", "escalationstep", "prompt"),
        *("rota", "rotamember", "rotaexception"),
    )
)
_ALARM_RULES = _ALARM_VIEW + tuple(
    f"alarms.{verb}_{name}"
    for verb in ("add", "change", "delete")
    for name in (
        *("sourcerule", "inhibitionrule", "escalationpolicy", "escalationstep"),
        *("rota", "rotamember", "rotaexception"),
    )
)
_CONTRACT_SETTINGS = ("contracttemplate", "contracttemplateversion", "numberseries", "outboundwebhook")
_CONTRACT_RECORDS = (
    "contract",
    "contractversion",
    "contractscan",
    "contractevent",
    "mappingversion",
    "fieldmapping",
    "numbercounter",
    "delivery",
    "downloadlog",
    "webhookdelivery",
    "reminder",
    "batchrun",
)
_NOTIFICATION_VIEW = (
    "notifications.view_notification",
    "notifications.view_deliveryattempt",
    "notifications.view_notificationevent",
    "notifications.view_hourlyfigure",
    "notifications.view_trouble",
)
_CONTRACT_READING = ("contracts.view_contract", "contracts.view_contractversion", "contracts.copy_contract")
_CONTRACTS = (
    *(f"contracts.{verb}_{name}" for verb in ("view", "add", "change") for name in _CONTRACT_SETTINGS),
    *(f"contracts.view_{name}" for name in _CONTRACT_RECORDS),
    "contracts.change_contract",
    "contracts.download_contract",
    "contracts.void_contract",
    "contracts.activate_contracttemplateversion",
    "contracts.change_webhookdelivery",
    "contracts.delete_outboundwebhook",
)

_APPROVAL_VIEW = tuple(
    f"approvals.view_{name}"
    for name in (
        *("inboundevent", "approval", "approvalchange", "approvalfile", "outgoingapproval"),
        *("watchedtemplate", "reconcilerun", "refusal"),
    )
)
_APPROVAL_WORK = (
    *_APPROVAL_VIEW,
    *(
        f"approvals.change_{name}"
        for name in ("inboundevent", "approval", "approvalfile", "outgoingapproval")
    ),
    *(f"approvals.{verb}_watchedtemplate" for verb in ("add", "change")),
)
_ENERGY_VIEW = tuple(
    f"energy.view_{name}"
    for name in (
        "attachment",
        "chargingorder",
        "conversionfactor",
        "device",
        "devicegroup",
        "energydailysummary",
        "energytype",
        "outputday",
        "shift",
        "tariff",
    )
)
_ENERGY_CHANGE = tuple(
    f"energy.{verb}_{name}"
    for verb in ("add", "change")
    for name in (
        "attachment",
        "calendarday",
        "conversionfactor",
        "groupfigure",
        "outputday",
        "powerfactor",
        "shift",
        "tariff",
        "tariffprice",
        "tariffspan",
    )
)

_METER_MODELS = (
    "energytype",
    "conversionfactor",
    "devicegroup",
    "device",
    "deviceratio",
    "attachment",
    "upstreamlink",
    "virtualpart",
    "meterchange",
    "readingprofile",
    "alarmrule",
    "chargingstation",
    "mqtttopic",
)
_METERS = (
    *(f"energy.{verb}_{name}" for verb in ("view", "add", "change") for name in _METER_MODELS),
    *(
        f"energy.delete_{name}"
        for name in (
            "deviceratio",
            "virtualpart",
            "readingprofile",
            "alarmrule",
            "chargingstation",
            "mqtttopic",
        )
    ),
    *(f"energy.view_{name}" for name in ("readingday", "readingcorrection", "energydailysummary")),
    *(f"energy.view_{name}" for name in ("mqttproblem", "mqttbridge")),
    "energy.delete_mqttproblem",
    "energy.add_chargingorder",
    "energy.view_readingbatch",
    "energy.add_readingbatch",
    "energy.change_readingbatch",
)

_QUOTA_VIEW = tuple(
    f"energy.view_{name}"
    for name in ("energyquota", "quotausage", "quotarevision", "quotaperiodvalue", "quotarun")
)
_QUOTAS = (*_QUOTA_VIEW, "energy.add_energyquota", "energy.change_energyquota", "energy.delete_energyquota")


SUPPLIER = "供应商"
"""The role of people who belong to a supplier: they see what is theirs, whatever else they may."""


@dataclass(frozen=True, slots=True)
class Role:
    """A group of people: its name in the database, what it is for, its permissions."""

    name: str
    purpose: str
    permissions: tuple[str, ...]


ROLES: tuple[Role, ...] = (
    Role(
        "质检员",
        "导入报告，改正数值，提出处置",
        _QUALITY_VIEW + _ENTRY_CHANGE + _IMPORT + _ALARM_WORK + _DISPOSE,
    ),
    Role(
        "质量工程师",
        "受理报警，填写原因与措施，决定处置，设定判定方法",
        _QUALITY_VIEW
        + _ENTRY_CHANGE
        + _IMPORT
        + _ALARM_WORK
        + _ALARM_VIEW
        + _DECIDE
        + ("quality.view_dispositionform", "quality.view_dispositioncontrol")
        + (
            "quality.change_characteristic",
            "quality.change_judgementdefaults",
            "quality.view_judgementdefaults",
            "quality.view_controllimits",
            "quality.add_controllimits",
            "quality.change_controllimits",
            "quality.view_recalculation",
            "quality.add_recalculation",
            "quality.change_recalculation",
            "quality.view_verification",
            "quality.add_verification",
        )
        + _NOTIFICATION_VIEW,
    ),
    Role(
        "质量经理",
        "查看全部质量数据与报警，决定处置及其审批表单",
        _QUALITY_VIEW
        + _ALARM_WORK
        + _ALARM_RULES
        + _DECIDE
        + _DISPOSITION_FORMS
        + _NOTIFICATION_VIEW
        + (
            "quality.view_judgementdefaults",
            "quality.view_controllimits",
            "quality.view_recalculation",
            "quality.view_verification",
        ),
    ),
    Role(SUPPLIER, "只看自己的报告", ()),
    Role(
        "能源管理员",
        "配额与能耗",
        tuple(dict.fromkeys(_ALARM_WORK + _ALARM_VIEW + _ENERGY_VIEW + _ENERGY_CHANGE + _METERS + _QUOTAS)),
    ),
    Role(
        "通知管理员",
        "模板、渠道、配置、发送记录与重发",
        _NOTIFICATION_VIEW
        + tuple(
            f"notifications.{verb}_{name}"
            for verb in ("view", "add", "change", "delete")
            for name in (
                "notificationtemplate",
                "notificationconfig",
                "contentrule",
                "robot",
                "route",
                "routestep",
                "recipient",
            )
        )
        + (
            "notifications.add_notification",
            "notifications.view_bulkresend",
            "notifications.resend_notification",
            "notifications.cancel_notification",
            "notifications.view_contacts",
            "notifications.view_channel",
            "notifications.change_channel",
            "notifications.test_channel",
            "notifications.view_budget",
            "notifications.mend_budget",
            "notifications.view_auditentry",
            "notifications.view_flood",
        ),
    ),
    Role("合同查阅员", "查看合同，只能下载带“副本”字样的文件", _CONTRACT_READING),
    Role(
        "合同管理员", "合同模板、生成、发送与归档", (*_CONTRACTS, *_APPROVAL_VIEW, "approvals.start_approval")
    ),
    Role(
        "运维",
        "系统状态与后台任务",
        (
            *_APPROVAL_WORK,
            *_ALARM_WORK,
            *_ALARM_RULES,
            "alarms.view_systemrule",
            "alarms.change_systemrule",
            *_NOTIFICATION_VIEW,
            "notifications.view_channel",
            "notifications.view_robot",
            "notifications.view_budget",
            "notifications.view_notificationconfig",
            "notifications.view_auditentry",
            "notifications.view_route",
            "notifications.view_routestep",
            "notifications.view_recipient",
            "notifications.view_flood",
            "spc_site.view_workerbeat",
            "spc_site.view_schedule",
            "quality.view_verification",
            "quality.add_verification",
            "hooks.view_hookpoint",
            "hooks.view_hookevent",
            "hooks.view_hookrun",
            "hooks.view_customkpi",
            "hooks.change_hookevent",
            "hooks.resume_hookpoint",
        ),
    ),
)


def purpose_of(name: str) -> str:
    """Return what a shipped role is for; empty for a group that the plant made itself."""
    return next((role.purpose for role in ROLES if role.name == name), "")

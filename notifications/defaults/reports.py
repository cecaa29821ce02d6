"""Messages about inspection reports: the summaries and the single entries of the customer."""

from __future__ import annotations

from typing import Any

from notifications.defaults.words import EN, ZH, Sample, Words, lines, link, number, one, text, with_button

_REPORTS: dict[str, dict[str, Sample]] = {
    "IQC": {
        "supplier": text("苏州精密轴承有限公司"),
        "part_name": text("活塞环"),
        "part_number": text("PR-74-001"),
        "lot": text("B2611-077"),
        "report_no": text("IQC-2611-077"),
    },
    "OQC": {
        "customer": text("青岛海工动力有限公司"),
        "part_name": text("导光板"),
        "part_number": text("LG-21-4"),
        "lot": text("S2611-031"),
        "report_no": text("OQC-2611-031"),
    },
}
"""What a report says of itself, the supplier or customer first."""

_REPORT_WORDS = {
    ZH: {
        "summary": "异常汇总",
        "entry": "异常",
        "summary_when": "批量导入",
        "entry_when": "人工修改",
        "supplier": "供应商",
        "customer": "客户",
        "part_name": "品名",
        "item": "异常项",
        "sample": "内径",
    },
    EN: {
        "summary": "abnormal items",
        "entry": "abnormal",
        "summary_when": "batch import",
        "entry_when": "edited by hand",
        "supplier": "Supplier",
        "customer": "Customer",
        "part_name": "Part",
        "item": "Abnormal",
        "sample": "Bore",
    },
}


def _report(kind: str, trigger: str, language: str) -> dict[str, Any]:
    """Return the template of one kind for one trigger: a batch import, or one entry by hand."""
    words = _REPORT_WORDS[language]
    samples = _REPORTS[kind]
    party = next(iter(samples))
    title = f"{kind} {words[trigger]}"
    when = words[f"{trigger}_when"]
    url = link(f"/{kind}/12/345").chinese
    return one(
        f"{kind.lower()}_{trigger}",
        language,
        Words(
            f"{title}（{when}）" if language == ZH else f"{title} ({when})",
            title,
            f"### {title}\n"
            f"- **{words[party]}**: {{{party}}}\n"
            f"- **{words['part_name']}**: {{part_name}}\n"
            "{abnormal_items}",
        ),
        {
            **samples,
            "abnormal_count": number("1"),
            "abnormal_items": lines(f"- **{words['item']}**: {words['sample']} [{url}]({url})"),
        },
    )


REPORTS: tuple[dict[str, Any], ...] = tuple(
    with_button(
        _report(kind, trigger, language)
        for language in (ZH, EN)
        for kind in ("IQC", "OQC")
        for trigger in ("summary", "entry")
    )
)

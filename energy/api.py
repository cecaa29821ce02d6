"""Energy for programs: readings in batches."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router, Schema
from ninja import Status as Answer
from ninja.throttling import AuthRateThrottle
from pydantic import AwareDatetime, BaseModel, Field, StrictFloat, StrictInt, StrictStr, StringConstraints

from accounts.api import REFUSALS, caller, require
from energy.choices import Way
from energy.importing.output import Output
from energy.models import ChargingOrder
from energy.services import charging, output, readings
from energy.services.readings import MOST_IN_REQUEST, Batch, Reading, Recorded
from spc_site.errors import AppError

router = Router(tags=["energy"])
outputs = Router(tags=["energy"])
charging_orders = Router(tags=["energy"])

MOST_BATCHES = "600/m"
"""Batches per token and web process: a gateway for each of many meters."""


class ReadingIn(BaseModel):  # not a Schema: that wraps each of ten thousand, for rows of models
    meter: str = Field(max_length=60, description="表的代码")
    at: str = Field(max_length=40, description="时刻，ISO 8601；没有时区的按北京时间")
    value: StrictInt | StrictFloat | StrictStr = Field(
        description="表上显示的数（未乘倍率），以能源单位计；累计读数或区间用量，按该表的设置"
    )


class BatchIn(Schema):
    batch_id: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)] = Field(
        description="批号；同一来源同一批号只收一次，重发得到第一次的回答"
    )
    source: Annotated[str, StringConstraints(strip_whitespace=True, max_length=40)] = Field(
        "", description="同一令牌下区分网关；批号在其内唯一"
    )
    label: Literal["", "end", "start", "end_of_day"] = Field(
        "", description="时间的含义：区间结束、开始、或 24:00 写作当日 0:00；不填按各表的设置"
    )
    readings: list[ReadingIn] = Field(min_length=1, max_length=MOST_IN_REQUEST)


class RejectionOut(Schema):
    index: int = Field(description="在请求中的序号，从 0 起")
    meter: str
    at: str
    value: str
    code: str
    message: str


class BatchOut(Schema):
    """What came of a batch; readings that were refused do not keep the rest out."""

    id: int
    batch_id: str
    is_repeated: bool
    taken: int
    corrected: int
    unchanged: int
    rejected: int
    rejections: list[RejectionOut]
    first_at: datetime | None
    last_at: datetime | None
    received_at: datetime


@router.post(
    "",
    response={201: BatchOut, 200: BatchOut, **REFUSALS},
    throttle=[AuthRateThrottle(MOST_BATCHES)],
    summary="一批读数：逐条检查，拒绝的列出，其余写入；重发无害",
)
def post_readings(request: HttpRequest, batch: BatchIn) -> Answer[dict[str, Any]]:
    require(request, "energy.add_readingbatch")
    user = caller(request)
    recorded = readings.record(
        Batch(
            source="/".join(part for part in ("api", user.get_username()[:30], batch.source) if part),
            batch_id=batch.batch_id,
            way=Way.API,
            readings=[
                Reading(one.meter, one.at, one.value, str(index)) for index, one in enumerate(batch.readings)
            ],
            who=user,
            label=batch.label,
        )
    )
    return Answer(200 if recorded.is_repeated else 201, _answer(recorded, batch.batch_id))


def _answer(recorded: Recorded, batch_id: str) -> dict[str, Any]:
    row = recorded.batch
    return {
        "id": row.pk,
        "batch_id": batch_id,
        "is_repeated": recorded.is_repeated,
        "taken": row.taken,
        "corrected": row.corrected,
        "unchanged": row.unchanged,
        "rejected": row.rejected,
        "rejections": [
            {
                "index": int(one.where),
                "meter": one.meter,
                "at": one.at,
                "value": one.value,
                "code": one.code,
                "message": one.reason,
            }
            for one in recorded.rejected
        ],
        "first_at": row.first_at,
        "last_at": row.last_at,
        "received_at": row.received_at.astimezone(UTC),
    }


class OutputIn(Schema):
    group: str = Field(max_length=120, description="设备组的代码，或唯一的名称")
    day: date
    product: str = Field("", max_length=80, description="产品；不分产品时留空")
    amount: Decimal = Field(ge=0, max_digits=20, decimal_places=6)
    unit: str = Field(min_length=1, max_length=20)


class OutputsIn(Schema):
    rows: list[OutputIn] = Field(min_length=1, max_length=MOST_IN_REQUEST)


class OutputsOut(Schema):
    written: int


@outputs.post(
    "",
    response={200: OutputsOut, **REFUSALS},
    throttle=[AuthRateThrottle(MOST_BATCHES)],
    summary="每日产量：按日期、设备组、产品写入，重发以最后一次为准；有一行不对就全部不写",
)
def post_outputs(request: HttpRequest, given: OutputsIn) -> dict[str, int]:
    require(request, "energy.add_outputday")
    groups = output.known_groups()
    unknown = sorted({row.group for row in given.rows} - set(groups))
    if unknown:
        raise AppError("unknown_group", _("没有这些设备组：%(names)s") % {"names": "、".join(unknown[:20])})
    latest = {
        (groups[row.group], row.day, row.product): Output(
            groups[row.group], row.day, row.product, row.amount, row.unit
        )
        for row in given.rows
    }
    user = caller(request)
    source = f"api/{user.get_username()[:30]}"
    return {"written": output.record_output(list(latest.values()), who=user, source=source)}


class ChargingOrderIn(Schema):
    order_number: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
    station: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
    plug: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]
    started_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    energy_kwh: Decimal | None = Field(None, ge=0, max_digits=12, decimal_places=4)
    price: Decimal | None = Field(None, ge=0, max_digits=12, decimal_places=2)


class ChargingOrderOut(Schema):
    id: int
    order_number: str
    state: str


@charging_orders.post(
    "",
    response={201: ChargingOrderOut, 200: ChargingOrderOut, **REFUSALS},
    throttle=[AuthRateThrottle(MOST_BATCHES)],
    summary="充电订单：开始时写入，带结束时间与电量再发即完成；重发无害",
)
def post_charging_order(request: HttpRequest, order: ChargingOrderIn) -> Answer[ChargingOrder]:
    require(request, "energy.add_chargingorder")
    row, has_changed = charging.store(charging.Order(**order.dict()))
    return Answer(201 if has_changed else 200, row)

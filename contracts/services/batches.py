"""One act on hundreds of contracts: bit by bit, with progress, to be stopped at any moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from contracts.choices import RunState
from contracts.models import BatchRun, Contract
from contracts.services import conversions, generation, sending
from spc_site import clock, jobs
from spc_site.errors import AppError
from spc_site.jobs import Budget

MOST = 2000
_CHUNK = 20
_MOST_REFUSALS = 50


def start(act: str, contracts: Sequence[int], *, user: User) -> BatchRun:
    """Begin an act on contracts, in the order given. Raises AppError for none or too many."""
    rows = list(dict.fromkeys(contracts))
    if not rows:
        raise AppError("nothing", _("没有选择合同。"))
    if len(rows) > MOST:
        raise AppError("too_many", _("一次最多处理 %(most)d 份合同。") % {"most": MOST})
    run = BatchRun.objects.create(act=BatchRun.Act(act), rows=rows, total=len(rows), requested_by=user)
    jobs.enqueue("contracts.batches")
    return run


def cancel(run: BatchRun) -> bool:
    """Stop a run where it stands; say whether it was running. What was done stays done."""
    return bool(
        BatchRun.objects.filter(pk=run.pk, state=RunState.RUNNING).update(
            state=RunState.CANCELLED, finished_at=clock.now()
        )
    )


def has_due() -> bool:
    return BatchRun.objects.filter(state=RunState.RUNNING).exists()


def run_due(*, budget_s: float = 50) -> int:
    """Go on with the runs that people started, for at most `budget_s`; return how many were handled."""
    budget, handled = Budget(budget_s), 0
    while budget:
        run = (
            BatchRun.objects.filter(state=RunState.RUNNING)
            .select_related("requested_by")
            .order_by("pk")
            .first()
        )
        if run is None:
            break
        handled += _some(run, budget)
    return handled


def _some(run: BatchRun, budget: Budget) -> int:
    """Handle the next few contracts and note how far the run is.

    Two processes at once double nothing: each act refuses what is no longer in its state, and the note
    is written on condition that nobody else wrote one.
    """
    place = run.place
    act = _ACTS[BatchRun.Act(run.act)]
    done, refusals, looked = 0, [], 0
    rows = Contract.objects.select_related("template__series").in_bulk(run.rows[place : place + _CHUNK])
    for pk in run.rows[place : place + _CHUNK]:
        if not budget:
            break
        looked += 1
        contract = rows.get(pk)
        try:
            if contract is None:
                raise AppError("gone", _("合同不存在。"))
            act(contract, run.requested_by)
            done += 1
        except AppError as refused:
            refusals.append(f"{contract or pk}：{refused.message}"[:300])
    mine = BatchRun.objects.filter(pk=run.pk, state=RunState.RUNNING, done=run.done, failed=run.failed)
    is_over = place + looked >= run.total
    mine.update(
        done=run.done + done,
        failed=run.failed + len(refusals),
        refusals=(run.refusals + refusals)[:_MOST_REFUSALS],
        **({"state": RunState.DONE, "finished_at": clock.now()} if is_over else {}),
    )
    return looked


def _generate(contract: Contract, user: User) -> None:
    made = generation.generate(generation.retry(contract, user=user))
    if made.is_open:
        raise AppError("not_made", made.failure_text or _("数据不全"))


def _regenerate(contract: Contract, user: User) -> None:
    generation.regenerate(contract, user=user, note=_("批量重新生成"))


def _send(contract: Contract, user: User) -> None:
    sending.send_again(contract, user=user)


def _pdf(contract: Contract, user: User) -> None:
    conversions.want(contract)


_ACTS: dict[BatchRun.Act, Callable[[Contract, User], None]] = {
    BatchRun.Act.GENERATE: _generate,
    BatchRun.Act.REGENERATE: _regenerate,
    BatchRun.Act.SEND: _send,
    BatchRun.Act.PDF: _pdf,
}

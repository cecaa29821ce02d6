"""Reading a meter by hand, on a phone in front of it."""

from __future__ import annotations

import uuid
from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from energy.choices import DeviceKind, DeviceStatus
from energy.models import Device
from energy.reading_forms import ManualReadingForm
from energy.services import manual
from spc_site.errors import AppError

_SHOWN_METERS = 50

may_read = permission_required("energy.add_readingbatch", raise_exception=True)


def _meters() -> QuerySet[Device]:
    """Return the meters that somebody may read."""
    return (
        Device.objects.filter(kind=DeviceKind.METER)
        .exclude(status=DeviceStatus.RETIRED)
        .select_related("energy_type")
        .order_by("code")
    )


@may_read
def choose(request: HttpRequest) -> HttpResponse:
    """Find the meter: by its code, as its label says, or by name and place."""
    text = request.GET.get("q", "").strip()
    found = _meters()
    if text:
        exact = found.filter(code=text).first()
        if exact is not None:
            return redirect("energy:manual_reading", exact.pk)
        found = found.filter(Q(code__icontains=text) | Q(name__icontains=text) | Q(location__icontains=text))
    return render(request, "energy/manual.html", {"rows": found[:_SHOWN_METERS], "q": text})


@may_read
def reading(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for one reading, hold it against the last one, record it."""
    device = get_object_or_404(_meters(), pk=pk)
    doubts: list[str] = []
    if request.method == "POST":
        form = ManualReadingForm(request.POST, request.FILES, device=device)
        if form.is_valid():
            given = form.cleaned_data
            if not given["is_confirmed"]:
                doubts = manual.doubts(device, at=given["at"], value=given["value"])
            if not doubts and _record(request, form, device):
                return redirect("energy:manual_reading", pk)
    else:
        form = ManualReadingForm(device=device, initial={"note_id": uuid.uuid4()})
    context = {"device": device, "form": form, "last": manual.last_reading(device), "doubts": doubts}
    return render(
        request, "energy/manual_reading.html", context, status=422 if form.errors or doubts else 200
    )


def _record(request: HttpRequest, form: ManualReadingForm, device: Device) -> bool:
    given = form.cleaned_data
    photo = given["photo"]
    try:
        manual.record_manual(
            device,
            at=given["at"],
            value=given["value"],
            user=cast(User, request.user),
            photo=photo.read(manual.MOST_PHOTO_BYTES + 1) if photo else b"",
            note_id=given["note_id"].hex,
        )
    except AppError as error:
        form.add_error("photo" if "photo" in error.code else "value", error.message)
        return False
    messages.success(
        request,
        _("已登记 %(code)s 的读数 %(value)s %(unit)s。")
        % {"code": device.code, "value": given["value"], "unit": device.energy_type.unit},
    )
    return True

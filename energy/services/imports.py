"""Import a file of readings: read it, say what would happen, store it. Whole or not at all.

`parse_file` reads and checks every cell, `preview` compares with what is stored, `store` writes
one batch. Page and command use these three and no more. The same file again changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from energy.choices import Way
from energy.importing.profiles import STANDARD, Profile, ProfileError
from energy.importing.read import LIMITS, MOST_PROBLEMS, ParsedReadings, place_of, read_readings
from energy.models import ReadingBatch, ReadingProfile
from energy.services import readings
from energy.services.readings import Batch, Checked, Compared
from spc_site.bulk import collector_paused
from spc_site.errors import AppError
from spc_site.lib.problems import Problem
from spc_site.lib.sheets import WorkbookError, read_bytes
from spc_site.uploads import keep_imported

SOURCE = "file"


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A file as read, and its readings as columns. It may be stored if it has no problems."""

    parsed: ParsedReadings
    checked: Checked

    @property
    def is_clean(self) -> bool:
        return self.parsed.is_clean

    @property
    def problems(self) -> list[Problem]:
        return self.parsed.problems


@dataclass(frozen=True, slots=True)
class Planned:
    """What storing a file would do; `known` is the batch that brought it already."""

    compared: Compared
    known: ReadingBatch | None


def profile_for(file_name: str, *, name: str | None = None) -> Profile:
    """Return the named profile, or the first whose pattern fits the name of the file. One query.

    Raises AppError: `unknown_profile` naming the known ones, `bad_profile`.
    """
    rows = list(ReadingProfile.objects.filter(is_active=True))
    if name and name != STANDARD:
        row = next((row for row in rows if row.name == name), None)
        if row is None:
            known = "、".join([STANDARD, *(row.name for row in rows)])
            raise AppError(
                "unknown_profile",
                _("没有名为“%(name)s”的版式。可用的有：%(known)s。") % {"name": name, "known": known},
            )
    elif name:
        row = None
    else:
        row = next(
            (
                row
                for row in rows
                if row.file_pattern and fnmatch(file_name.lower(), row.file_pattern.lower())
            ),
            None,
        )
    try:
        return Profile.from_json(row.name, row.layout) if row else Profile()
    except ProfileError as error:
        raise AppError("bad_profile", _("版式数据有误：%(error)s") % {"error": error}) from error


@collector_paused()
def parse_file(source: Path | bytes, *, file_name: str = "", profile: str | None = None) -> CheckedFile:
    """Read a file and check every reading; nothing is stored. Two queries.

    Raises AppError for an unknown profile.
    """
    file_name = file_name or (source.name if isinstance(source, Path) else "")
    layout = profile_for(file_name, name=profile)
    try:
        data = read_bytes(source, LIMITS) if isinstance(source, Path) else source
    except WorkbookError as error:
        problem = Problem(error.code, params=error.params)
    except OSError as error:
        problem = Problem("unreadable", params={"reason": error.strerror or str(error)})
    else:
        parsed = read_readings(data, file_name=file_name, profile=layout)
        return _checked(parsed)
    return CheckedFile(ParsedReadings(file_name, "", layout, problems=[problem]), Checked({}))


def _checked(parsed: ParsedReadings) -> CheckedFile:
    """Check the readings; a meter that is none is told once, not for each of its cells."""
    checked = readings.check(parsed.readings, label=parsed.profile.label)
    told: set[str] = set()
    for refused in checked.rejected:
        is_about_meter = refused.code.endswith("_meter")
        if len(parsed.problems) >= MOST_PROBLEMS or (is_about_meter and refused.meter in told):
            continue
        told.add(refused.meter)
        is_about_time = refused.code in ("future", "too_old", "bad_time")
        about = refused.meter if is_about_meter else refused.at if is_about_time else refused.value
        sheet, row, column = place_of(parsed, refused.where)
        params = {"value": about, "reason": refused.reason}
        parsed.problems.append(Problem("refused", sheet, row, column, title=refused.meter, params=params))
    return CheckedFile(parsed, checked)


def preview(file: CheckedFile) -> Planned:
    """Say what storing would do; changes nothing. Two queries."""
    return Planned(readings.compare(file.checked), _known(file))


def _known(file: CheckedFile) -> ReadingBatch | None:
    return ReadingBatch.objects.filter(source=SOURCE, batch_id=file.parsed.content_hash).first()


def store(file: CheckedFile, *, user: User | None = None) -> readings.Recorded:
    """Store a file as one batch, which can be undone.

    Raises AppError `has_problems` for one that is not clean.
    """
    parsed = file.parsed
    if not file.is_clean:
        raise AppError(
            "has_problems", _("文件有 %(count)d 处问题，没有导入。") % {"count": len(parsed.problems)}
        )
    known = _known(file)
    if known is not None:
        return readings.Recorded(known, (), is_repeated=True)
    # A file without rows harms nobody, rows without their file do.
    keep_imported(parsed.data, parsed.content_hash, parsed.file_name)
    batch = Batch(
        source=SOURCE,
        batch_id=parsed.content_hash,
        way=Way.FILE,
        readings=parsed.readings,
        who=user,
        file_name=parsed.file_name,
        profile=parsed.profile.name,
        label=parsed.profile.label,
    )
    return readings.record_checked(batch, file.checked)

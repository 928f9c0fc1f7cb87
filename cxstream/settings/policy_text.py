"""A policy as one text: what is written in its file, with everything it refers to.

For those who must know later what held at a time, when the file, its calendars or the library of public holidays may
have changed.
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cxstream.core.policy import Policies, built_in
from cxstream.settings.document import Document
from cxstream.settings.holidays import of_country, of_file
from cxstream.settings.policy import load


def policy_document(path: Path) -> str:
    """The text of a policy file that :func:`~cxstream.settings.policy.load` takes; the same for the same policy."""
    content = Document(path).content
    for calendar in (content.get("calendars") or {}).values():
        if calendar.get("holidays"):
            calendar["holidays"] = _days(calendar["holidays"], path.parent)
    return json.dumps(content, default=str, sort_keys=False, ensure_ascii=False)


def parse_policies(document: str) -> Policies:
    """The policies of such a text; of an empty one, those that hold without a file."""
    if not document:
        return built_in()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "sla-policy.json"  # JSON is YAML
        path.write_text(document, encoding="utf-8")
        return load(path)


def _days(holidays: list[Any], folder: Path) -> list[Any]:
    """The same with a date for each day of files and countries; a date that is written out wins."""
    written = [day for day in holidays if not (isinstance(day, dict) and {"ical", "country"} & day.keys())]
    known = {str(day["date"] if isinstance(day, dict) else day) for day in written}
    found = set()
    for holiday in holidays:
        if isinstance(holiday, dict) and "ical" in holiday:
            found |= of_file(folder / holiday["ical"])
        elif isinstance(holiday, dict) and "country" in holiday:
            found |= of_country(holiday["country"], holiday.get("subdivision"))
    return written + sorted({str(day) for day in found} - known)

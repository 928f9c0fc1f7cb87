"""``when`` of a policy: read, and refused where it could never hold.

{channel: [phone, chat], tags: vip*}                 # all of it
{any: [{team: sales}, {not: {priority: low}}]}       # and nested
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from cxstream.core.condition import FIELDS, Condition, Every, Field, Not, Some
from cxstream.core.event import CHANNELS, KINDS, PRIORITIES
from cxstream.core.frame import NONE
from cxstream.settings.document import Refused
from cxstream.settings.values import did_you_mean

if TYPE_CHECKING:
    from cxstream.settings.document import Place

_CLOSED: Final = {"channel": CHANNELS, "priority": PRIORITIES, "kind": KINDS}
"""Fields whose values are known, so that a pattern none of them fits is a mistake."""
_NESTED: Final = ("all", "any", "not")


def condition(written: Any, place: Place) -> Condition:
    """Compile a condition; raises ``Refused``."""
    if not isinstance(written, dict):
        raise Refused(place, f"{written!r} is no condition: write for example {{channel: [phone]}}")
    parts = tuple(_part(str(name), value, (*place, str(name))) for name, value in written.items())
    return parts[0] if len(parts) == 1 else Every(parts)


def _part(name: str, value: Any, place: Place) -> Condition:
    if name == "not":
        inner = condition(value, place)
        if inner == Every(()):
            raise Refused(place, "can never hold, since an empty condition always does: remove it")
        return Not(inner)
    if name in _NESTED:
        if not isinstance(value, list) or not value:
            raise Refused(place, f"{value!r} is no list of conditions: write for example [{{team: sales}}]")
        parts = tuple(condition(each, (*place, position)) for position, each in enumerate(value))
        return Every(parts) if name == "all" else Some(parts)
    if name not in FIELDS:
        hint = did_you_mean(name, (*FIELDS, *_NESTED))
        raise Refused(
            place, f"nothing a policy can look at{hint}: choose from {', '.join((*FIELDS, *_NESTED))}"
        )
    patterns = tuple(map(str, value)) if isinstance(value, list) else (str(value),)
    if not patterns:
        raise Refused(place, "can never hold, since it names no value: name some, or remove it")
    if name in _CLOSED:
        known = (*_CLOSED[name], NONE)
        for pattern in patterns:
            if not any(fnmatchcase(value, pattern) for value in known):
                hint = did_you_mean(pattern, known)
                raise Refused(
                    place,
                    f"can never hold, since {pattern!r} is no {name}{hint}: choose from {', '.join(known)}",
                )
    return Field(name, patterns)

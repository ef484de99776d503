"""Times as text: UTC, to the second, ending in Z. The clock itself comes from outside."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

_FORM: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|\+00:00)"
)


def utc_text(moment: datetime) -> str:
    """Return the moment as 2026-01-31T12:00:00Z; fractions of a second are cut off."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_utc(text: str) -> datetime | None:
    """Return the moment, or None unless the text is a UTC time with seconds and Z (or +00:00)."""
    if not _FORM.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def run_id_of(moment: datetime, entropy: str) -> str:
    """Return `ictr-<YYYYMMDDTHHMMSSZ>-<8 hex>`: sortable by time (Contract 2)."""
    return f"ictr-{moment.astimezone(UTC).strftime('%Y%m%dT%H%M%SZ')}-{entropy[:8]}"

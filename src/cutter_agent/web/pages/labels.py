"""Names of steps as the screens show them, in English; `words` has the other languages."""

from __future__ import annotations

from typing import Final

STEP_LABELS: Final[dict[str, str]] = {
    "pending": "Begun",
    "source_pin": "Source",
    "mark": "Marks",
    "cutplan": "Plan",
    "pre_write_backup": "Backup",
    "grant_probe": "Grants",
    "SG_1": "SG_1",
    "cut_leg_a": "Write",
    "structural_verify": "Structure",
    "leg_b_record": "Record",
    "write_verify": "Verify",
    "SG_2": "SG_2",
    "lifecycle_enact": "Enact",
    "closeout": "Report",
}
"""One short word for each state of the rail."""

BUTTONS: Final[dict[str, str]] = {
    "approve": "Approve or refuse",
    "reject": "Refuse",
    "resume": "Go on with the run",
    "retry": "Try the failed phase again",
    "void": "End the run",
    "cut": "Cut anew",
}
"""What a button says for each verb."""

STEP_TITLES: Final[dict[str, str]] = {
    "source_pin": "Pin the source",
    "mark": "Find the units",
    "cutplan": "Plan what will be written",
    "pre_write_backup": "Back up and rehearse",
    "grant_probe": "Probe the grants",
    "cut_leg_a": "Write the drafts",
    "structural_verify": "Verify their structure",
    "leg_b_record": "Record and seal the manifest",
    "write_verify": "Verify again, by another role",
    "lifecycle_enact": "Put them in force",
    "closeout": "Close out and report",
}
"""What each phase does, for its line of the time line."""

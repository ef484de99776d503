"""What a screen was asked for and is not there; no stop of a run, since no run did anything."""

from __future__ import annotations


class NothingThereError(LookupError):
    """There is nothing of this name; the sentence may be shown."""

    def __init__(
        self, code: str, fact: str, *, expected: str, remedy: str, run_id: str | None = None
    ) -> None:
        """Say what was looked for, what there could have been, and what shows it."""
        super().__init__(fact)
        self.code = code
        self.expected = expected
        self.remedy = remedy
        self.run_id = run_id


def no_such_unit(name: str, run_id: str) -> NothingThereError:
    """The plan of the run has no unit of this name."""
    return NothingThereError(
        "UNIT_UNKNOWN",
        f"the plan has no unit {name[:80]!a}",
        expected="an address of the plan, or its last part",
        remedy=f"cutter runs show {run_id}",
        run_id=run_id,
    )

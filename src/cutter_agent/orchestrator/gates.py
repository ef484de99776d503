"""Gates: hold every invariant of a phase's evidence against it. Fail closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cutter_agent.errors import STOPS, Stop, StopInvariantFailed
from cutter_agent.evidence.canonical import canonical_bytes
from cutter_agent.evidence.codec import to_json
from cutter_agent.evidence.invariant import Evidence, Invariant
from cutter_agent.orchestrator.states import EVIDENCE_BYTES_MAX

_VALUE_CHARS_MAX = 48


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one invariant, as the gate report prints it."""

    id: str
    sentence: str
    held: bool
    because: str
    stop_code: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Every finding of one gate; it passes only if there are some and all held."""

    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """True if the gate has invariants and every one of them held."""
        return bool(self.findings) and all(finding.held for finding in self.findings)


def judge(evidence: Evidence, earlier: Mapping[type, object]) -> Verdict:
    """Hold all invariants, never only the first that fails, against the evidence."""
    found = tuple(_hold(invariant, evidence, earlier) for invariant in evidence.invariants)
    size = len(canonical_bytes(to_json(evidence)))
    if size > EVIDENCE_BYTES_MAX:
        because = f"{size} bytes, over {EVIDENCE_BYTES_MAX}"
        sentence = "The evidence is small: digests, counts and pins."
        found += (Finding("evidence_is_small", sentence, False, because, "STOP_INVARIANT_FAILED"),)  # noqa: FBT003
    return Verdict(found)


def _hold(invariant: Invariant, evidence: Evidence, earlier: Mapping[type, object]) -> Finding:
    because = ""
    try:
        held = invariant.check(evidence, *(earlier[kind] for kind in invariant.reads)) is True
    except Exception as error:  # noqa: BLE001 - a check that cannot be made is not passed
        held, because = False, f"the check could not be made: {error!r}"
    if not held and not because:
        because = _shown(evidence)
    return Finding(invariant.name, invariant.sentence, held, because, invariant.stop.code)


def _shown(evidence: Evidence) -> str:
    parts = []
    for name, value in to_json(evidence).items():
        text = str(value)
        short = text if len(text) <= _VALUE_CHARS_MAX else text[:_VALUE_CHARS_MAX] + "…"
        parts.append(f"{name}={short}")
    return ", ".join(parts)[:600]


def stop_for(
    gate: str, verdict: Verdict, evidence: Evidence, *, run_id: str, document_id: str
) -> Stop:
    """Return the stop of a gate that did not hold: the first failed invariant's own."""
    failed = [finding for finding in verdict.findings if not finding.held]
    kinds = {stop.code: stop for stop in STOPS}
    kind = kinds[failed[0].stop_code] if failed else StopInvariantFailed
    names = ", ".join(finding.id for finding in failed) or "no invariant at all"
    fact = f"{gate} found {names} not holding"
    held_by = getattr(evidence, "held_by", None)
    if held_by:
        fact = f"run {held_by} is in flight for {document_id}"
    return kind(
        fact,
        expected="; ".join(finding.sentence for finding in failed) or "at least one invariant",
        run_id=run_id,
        document_id=document_id,
        findings=_sentences(failed),
        remedy=f"cutter why {held_by}" if held_by else None,
    )


def _sentences(failed: Sequence[Finding]) -> tuple[str, ...]:
    return tuple(f"{finding.id}: {finding.sentence} {finding.because}" for finding in failed)

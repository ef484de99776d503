"""The runner: take the next step of the line until it ends, pauses or stops. One loop for all."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from cutter_agent.errors import (
    ApprovalConsumedAlready,
    ProductionExecutionNotAuthorized,
    Stop,
    StopApprovalExpired,
    StopApprovalInvalid,
    StopApprovalRequired,
    StopDocumentUnknown,
    StopEvidenceMismatch,
    StopRefusedInput,
    StopRunUnknown,
)
from cutter_agent.orchestrator import execution_enabled
from cutter_agent.orchestrator.clock import run_id_of, utc_text
from cutter_agent.orchestrator.drive import Drive
from cutter_agent.orchestrator.dry_site import DrySite, SidecarStore
from cutter_agent.orchestrator.history import EventKind, RunEvent, RunHeader
from cutter_agent.orchestrator.policy import TrustPolicy, refuse_user_args
from cutter_agent.orchestrator.ports import KBReporter, RehearsalDiscoverer, Site
from cutter_agent.orchestrator.reading import Elsewhere
from cutter_agent.orchestrator.result import RunResult, result_of
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.states import CANDIDATE_CAP, Mode, OrchestratorState

_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_CUT_TAKES: Final = "the document's code and a mode"
_SHOWN_CHARS_MAX: Final = 100
_REFUSALS = (
    StopApprovalRequired,
    StopApprovalInvalid,
    StopApprovalExpired,
    ApprovalConsumedAlready,
    ProductionExecutionNotAuthorized,
)
"""Stops that refuse the call itself: they are raised, not returned (Contract 4)."""


def _no_policy() -> TrustPolicy | None:
    return None


def _never() -> bool:
    return False


def _silent(name: str) -> None:
    del name


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What a deployment's settings give a runner.

    Attributes:
        starter: the person whom the settings name as operator; may never approve.
        candidate_cap: how many units a document may have.
        execution_setting: read at each call: do the settings allow live execution?
        switch_armed: read at each call: is the database's execution switch armed?
        policy: read at each call: the trust policy that counts now.
        on_step: told the name of each step as it begins, for progress.
        elsewhere: cuts texts in other processes; None cuts them in this one.
    """

    starter: str = "operator"
    candidate_cap: int = CANDIDATE_CAP
    execution_setting: Callable[[], bool] = _never
    switch_armed: Callable[[], bool] = _never
    policy: Callable[[], TrustPolicy | None] = _no_policy
    on_step: Callable[[str], None] = _silent
    elsewhere: Elsewhere | None = None


def _check_code(document_id: object) -> None:
    """Return only for what can be a document's code: nothing else ever becomes a run.

    Raises:
        StopDocumentUnknown: it is no text of a code's form.
    """
    if not (isinstance(document_id, str) and _CODE.fullmatch(document_id)):
        raise StopDocumentUnknown(
            f"{document_id!r} is no document's code", expected="a code such as ICX-CONST"
        )


def _no_code(document_id: object, mode: Mode) -> bool:
    """Say whether a dry run was asked for by a text that can be no document's code."""
    return (
        mode == Mode.DRYRUN
        and isinstance(document_id, str)
        and _CODE.fullmatch(document_id) is None
    )


def _shown(document_id: str) -> str:
    """Return the text as a run may carry it in place of a code: printable, short, and never a code."""
    return f"?{ascii(document_id)[1:-1]}"[:_SHOWN_CHARS_MAX]


def _refuse_others(
    others: Mapping[str, object], *, expected: str, document_id: str | None = None
) -> None:
    """Return only if nothing else was given.

    Raises:
        StopRefusedInput: naming what was.
    """
    refuse_user_args(others, document_id=document_id)
    if others:
        raise StopRefusedInput(
            f"{', '.join(sorted(others))} is not known here",
            expected=expected,
            document_id=document_id,
        )


class OrchestratorRunner:
    """Drives runs: `cut` begins one, `resume` goes on with one (Contract 8)."""

    def __init__(
        self,
        *,
        store: SidecarStore,
        kb: KBReporter,
        discoverer: RehearsalDiscoverer,
        live: Site | None = None,
        deployment: Deployment | None = None,
    ) -> None:
        """Bind the stores; a runner without a live site can never write into a database."""
        self._dry = DrySite(store, discoverer)
        self._live = live
        self._kb = kb
        self._deployment = deployment or Deployment()

    def cut(self, document_id: str, mode: Mode = Mode.DRYRUN, **others: object) -> RunResult:
        """Begin a run of the document and drive it to its first pause, its end or a stop.

        Raises:
            StopRefusedInput: anything but a document and a mode was given.
            ProductionExecutionNotAuthorized: live, while one of the locks is closed.
        """
        if _no_code(document_id, mode):
            # No document has it, and the run says so: an unknown document is a result (Contract 4).
            document_id = _shown(document_id)
            _refuse_others(others, expected=_CUT_TAKES, document_id=document_id)
            run_id, _ = self._open(self._dry, document_id)
            return self._drive(self._dry, run_id, None, raises=())
        site = self._begun_at(document_id, mode, others)
        done = self._enacted_already(site, document_id)
        if done is not None:
            return done
        run_id, _ = self._open(site, document_id)
        return self._drive(site, run_id, None, raises=(ProductionExecutionNotAuthorized,))

    def hand_over(self, document_id: str, mode: Mode = Mode.LIVE, **others: object) -> RunResult:
        """Begin a run of the document that others drive: nothing of it is done here.

        A document that another run holds is nobody's work: that is found and recorded at once.

        Raises:
            StopRefusedInput: anything but a document was given.
            ProductionExecutionNotAuthorized: one of the locks is closed.
        """
        site = self._begun_at(document_id, mode, others)
        done = self._enacted_already(site, document_id)
        if done is not None:
            return done
        run_id, holder = self._open(site, document_id)
        if holder is not None:
            return self._drive(site, run_id, None, raises=(ProductionExecutionNotAuthorized,))
        return result_of(RunContext(site.load(run_id)), self._kb)

    def resume(self, run_id: str, approval_kb_id: object = None, **others: object) -> RunResult:
        """Go on with a run, with an approval if it waits for one.

        Args:
            run_id: the run.
            approval_kb_id: `sha256:<digest of the request>`, or the path of the approval's file.
            **others: whatever else was given; it is refused.

        Raises:
            StopRefusedInput: anything but a run and an approval was given.
            StopRunUnknown: there is no such run.
            StopApprovalRequired: it waits and no approval was named.
            StopApprovalInvalid, StopApprovalExpired, ApprovalConsumedAlready: the approval named
                does not count.
            ProductionExecutionNotAuthorized: live, while one of the locks is closed.
        """
        _refuse_others(others, expected="the run's id and an approval")
        if not isinstance(run_id, str):
            raise StopRunUnknown(f"{run_id!r} is no run's id")
        site = self._site_of(run_id)
        context = RunContext(site.load(run_id))
        if context.over:
            return self._at_rest(site, context, approval_kb_id)
        if site.mode is Mode.LIVE:
            self._check_locks(run_id=run_id, document_id=context.document_id)
        reference = None if approval_kb_id is None else str(approval_kb_id)
        return self._drive(site, run_id, reference, raises=_REFUSALS)

    def show(self, run_id: str) -> RunResult:
        """Return where a run stands; nothing is driven.

        Raises:
            StopRunUnknown: there is no such run.
        """
        return result_of(RunContext(self._site_of(run_id).load(run_id)), self._kb)

    def escalate(self, run_id: str, decision: str) -> RunResult:
        """Request, or carry out once signed, a decision on a failed run: retry it or void it (SG_3).

        A dry run has nothing to protect: its decision counts as simulated and at once.

        Raises:
            StopRunUnknown: there is no such run.
            StopApprovalRequired: the request is written and waits for its signatures.
            StopRefusedInput: the decision is neither retry nor void, or the run is over.
        """
        site = self._site_of(run_id)
        driver = Drive(site, self._kb, self._deployment.policy(), self._deployment.on_step)
        stop = driver.escalate(run_id, decision)
        if isinstance(stop, (*_REFUSALS, StopRefusedInput)):
            raise stop
        return result_of(RunContext(site.load(run_id)), self._kb, stop)

    def _begun_at(self, document_id: str, mode: Mode, others: dict[str, object]) -> Site:
        """Return where a run of this document begins.

        Raises:
            StopRefusedInput, StopDocumentUnknown: more was given than may be, or what is no code.
            ProductionExecutionNotAuthorized: live, while one of the locks is closed.
        """
        _refuse_others(others, expected=_CUT_TAKES, document_id=document_id)
        _check_code(document_id)
        if mode not in set(Mode):
            raise StopRefusedInput(f"{mode!r} is no mode", expected="dryrun or live")
        return self._site(Mode(mode), document_id=document_id)

    def _open(self, site: Site, document_id: str) -> tuple[str, str | None]:
        """Open a run; return its id, and the run that holds the document if it is another."""
        now = site.now_utc()
        header = RunHeader(
            run_id=run_id_of(now, site.nonce()),
            document_id=document_id,
            mode=site.mode,
            starter=self._deployment.starter,
            created_utc=utc_text(now),
            candidate_cap=self._deployment.candidate_cap,
        )
        opened = RunEvent(1, EventKind.OPENED, header.created_utc, {})
        return header.run_id, site.open_run(header, opened)

    def _site(self, mode: Mode, *, document_id: str) -> Site:
        if mode is Mode.DRYRUN:
            return self._dry
        self._check_locks(document_id=document_id)
        if self._live is None:
            raise ProductionExecutionNotAuthorized(
                "this runner has no live site", document_id=document_id
            )
        return self._live

    def _site_of(self, run_id: str) -> Site:
        if self._live is None:
            return self._dry
        try:
            return self._dry if self._dry.knows(run_id) else self._live
        except StopEvidenceMismatch:
            # A live run's sidecar is a projection: unreadable, it is written again.
            if self._live.knows(run_id):
                return self._live
            raise

    def _check_locks(self, *, document_id: str, run_id: str | None = None) -> None:
        """Refuse unless execution is enabled and the database's switch is armed (Contract 5)."""
        if not execution_enabled(setting=self._deployment.execution_setting()):
            raise ProductionExecutionNotAuthorized(
                "execution is off in the deployment's settings",
                expected="execution_enabled = true in settings.toml",
                run_id=run_id,
                document_id=document_id,
                remedy="cutter init --execution-enabled",
            )
        if not self._deployment.switch_armed():
            raise ProductionExecutionNotAuthorized(
                "the database's execution switch is disarmed",
                expected="an armed switch",
                run_id=run_id,
                document_id=document_id,
                remedy="cutter switch arm --reason TEXT",
            )

    def _enacted_already(self, site: Site, document_id: str) -> RunResult | None:
        if site.mode is not Mode.LIVE:
            return None
        version = site.facts.latest_source_version(document_id)
        if version is None:
            return None
        run_id = site.enacted_by(version.source_version_id)
        if run_id is None:
            return None
        result = result_of(RunContext(site.load(run_id)), self._kb)
        return result.saying(
            f"Nothing to do: version {version.version_no} of {document_id} is in force by {run_id}."
        )

    def _at_rest(self, site: Site, context: RunContext, approval: object) -> RunResult:
        reference = "" if approval is None else str(approval)
        if reference.startswith("sha256:") and context.state is not (
            OrchestratorState.CLOSEOUT_REPORTED
        ):
            spent_by = site.consumed_by(reference.removeprefix("sha256:"))
            if spent_by is not None:
                raise ApprovalConsumedAlready(f"run {spent_by} has used it", run_id=context.run_id)
        driver = Drive(site, self._kb, None, self._deployment.on_step)
        driver.publish(context)
        if site.mode is Mode.LIVE:
            # A process that died after its last commit left the sidecar of the step before.
            driver.project(context.run_id)
        return result_of(context, self._kb)

    def _drive(
        self, site: Site, run_id: str, reference: str | None, *, raises: tuple[type[Stop], ...]
    ) -> RunResult:
        given = self._deployment
        driver = Drive(site, self._kb, given.policy(), given.on_step, given.elsewhere)
        before = RunContext(site.load(run_id)).state
        stop = driver.run(run_id, reference)
        context = RunContext(site.load(run_id))
        if isinstance(stop, raises) and context.state is before:
            raise stop
        return result_of(context, self._kb, stop)

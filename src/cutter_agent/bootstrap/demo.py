"""The demo: a deployment of its own, three people, a charter cut dry and then live, signed twice."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from cutter_agent.bootstrap import people, sources, trust
from cutter_agent.bootstrap.approvals import (
    person_signer,
    sign_request,
    simulated_approval,
    waiting,
)
from cutter_agent.bootstrap.desk import Desk, open_desk
from cutter_agent.bootstrap.founding import DEMO_MARK, Founding, found_alone, founding_lock
from cutter_agent.bootstrap.home import DATABASE_VARIABLE, HOME_VARIABLE, Home, home_of
from cutter_agent.bootstrap.sample import CHARTER, CHARTER_CODE, CHARTER_PROFILE, sample_path
from cutter_agent.bootstrap.settings import read_settings
from cutter_agent.errors import (
    STOP_BY_CODE,
    StopDatabaseAway,
    StopInvariantFailed,
    StopRefusedInput,
    StopStorage,
)
from cutter_agent.evidence.sshsig import POLICY_NAMESPACE
from cutter_agent.orchestrator.policy import TrustPolicy
from cutter_agent.orchestrator.result import RunResult
from cutter_agent.orchestrator.runner import OrchestratorRunner
from cutter_agent.orchestrator.states import Gate, Mode, OrchestratorState

OPERATOR: Final = "carol"
APPROVERS: Final = ("alice", "bob")
STOP_WAIT_S: Final = 15.0


class Audience(Protocol):
    """Whoever watches the demo."""

    def scene(self, sentence: str) -> None:
        """A new part of the story begins."""

    def step(self, name: str) -> None:
        """Within it, this begins."""

    def finished(self, result: RunResult) -> None:
        """A run came to its closeout."""


@dataclass(frozen=True, slots=True)
class Played:
    """What the demo leaves behind."""

    home: Home
    policy: TrustPolicy
    dry: RunResult
    live: RunResult
    switch_armed: bool


def play(environ: Mapping[str, str], audience: Audience) -> Played:
    """The demo's deployment is made anew, and the sample charter is cut in it, dry and live.

    Raises:
        StopRefusedInput: the home is a real deployment's, or an outside server is named.
        StopLockBusy: another demo is being played there.
        Stop: a run did not come to its closeout.
    """
    if environ.get(DATABASE_VARIABLE):
        raise StopRefusedInput(
            f"the demo makes a server of its own, and {DATABASE_VARIABLE} names another",
            expected=f"{DATABASE_VARIABLE} unset",
            remedy=f"env -u {DATABASE_VARIABLE} cutter demo",
        )
    home = home_of(environ)
    _refuse_real(home)
    with founding_lock(home, "cutter demo"):
        _refuse_real(home)
        audience.scene(f"A deployment of its own in {home.root}")
        _clear(home, audience)
        wanted = Founding(operator=OPERATOR, execution_enabled=True, demo=True)
        found_alone(home, environ, wanted, on_progress=audience.step)
        _mark(home)
        with open_desk(environ, on_progress=audience.step) as desk:
            return _play(desk, audience)


def _play(desk: Desk, audience: Audience) -> Played:
    audience.scene(
        f"Three people: {OPERATOR} starts runs; {' and '.join(APPROVERS)} may approve them"
    )
    policy = _gather(desk, audience)
    audience.scene(f"The sample charter becomes {CHARTER_CODE}")
    body = sample_path(CHARTER).read_bytes()
    from cutter_agent.document.profiles import shipped

    offer = sources.Offer(code=CHARTER_CODE, body=body, profile_toml=shipped(CHARTER_PROFILE))
    stored = sources.add_source(desk, offer)
    audience.step(f"{len(body)} bytes stored as version {stored.added.version_no}")
    runner = desk.runner(on_step=audience.step)
    audience.scene("Dry run: every step in a world in memory, with simulated approvals")
    dry = _rehearse(desk, runner)
    audience.finished(dry)
    audience.scene("Live cut: the execution switch is armed")
    desk.turn_switch(armed=True, reason="the demo cuts its charter")
    try:
        live = _cut_live(desk, runner, audience)
    finally:
        audience.scene("The execution switch is disarmed again")
        desk.turn_switch(armed=False, reason="the demo is over")
    audience.finished(live)
    return Played(desk.home, policy, dry, live, desk.switch_armed())


def _gather(desk: Desk, audience: Audience) -> TrustPolicy:
    """Everybody has a key, and the policy that all of them signed counts."""
    names = (*APPROVERS, OPERATOR)
    keys = [(name, people.new_key(desk.home, name, None)) for name in names]
    policy = people.next_policy(
        None,
        database=desk.facts().database_identity().text,
        keys=keys,
        gates=dict.fromkeys(Gate, (APPROVERS, 1)),
    )
    trust.propose(desk, policy)
    for name in names:
        signer = person_signer(desk.home, name)
        trust.add_signature(desk, name, signer.sign_request(policy.canonical, POLICY_NAMESPACE))
    audience.step("trust policy 1 is signed by all three and accepted by the database")
    return policy


def _rehearse(desk: Desk, runner: OrchestratorRunner) -> RunResult:
    result = runner.cut(document_id=CHARTER_CODE, mode=Mode.DRYRUN)
    for state in (
        OrchestratorState.AWAITING_CUT_AUTHORIZATION,
        OrchestratorState.AWAITING_LIFECYCLE_AUTHORIZATION,
    ):
        _expect(result, state)
        approval = simulated_approval(result.context, desk.store().now_utc())
        result = runner.resume(result.run_id, approval_kb_id=approval)
    return _expect(result, OrchestratorState.CLOSEOUT_REPORTED)


def _cut_live(desk: Desk, runner: OrchestratorRunner, audience: Audience) -> RunResult:
    result = runner.cut(document_id=CHARTER_CODE, mode=Mode.LIVE)
    for state, approver in zip(
        (
            OrchestratorState.AWAITING_CUT_AUTHORIZATION,
            OrchestratorState.AWAITING_LIFECYCLE_AUTHORIZATION,
        ),
        APPROVERS,
        strict=True,
    ):
        _expect(result, state)
        asked = waiting(result.context)
        signer = person_signer(desk.home, approver)
        sign_request(desk.runs_dir, result.context, person=approver, signer=signer)
        audience.scene(f"{approver} signs {asked.request.gate}: {asked.request.document}")
        result = runner.resume(result.run_id, approval_kb_id=asked.reference)
    return _expect(result, OrchestratorState.CLOSEOUT_REPORTED)


def _expect(result: RunResult, state: OrchestratorState) -> RunResult:
    if result.state is state:
        return result
    kind = STOP_BY_CODE.get(result.stop_code or "", StopInvariantFailed)
    raise kind(
        f"the demo's run is at {result.state}: {result.sentence}",
        expected=state.value,
        run_id=result.run_id,
        document_id=result.document_id,
    )


def _refuse_real(home: Home) -> None:
    """Return only if everything in the home, and its server's data, may be thrown away."""
    from cutter_agent.postgres.cluster import ClusterFiles, cluster_root

    remedy = f"{HOME_VARIABLE}=ANOTHER_FOLDER cutter demo"
    if home.exists:
        if not read_settings(home).demo:
            raise StopRefusedInput(
                f"{home.root} is a real deployment, and a demo never touches one",
                expected="a home of the demo's own",
                remedy=remedy,
            )
        return
    cluster = cluster_root(home.root)
    if (cluster / DEMO_MARK).exists():
        return
    left = [path for path in home.folders if path.is_dir() and any(path.iterdir())]
    if left or ClusterFiles(cluster).data.exists():
        raise StopRefusedInput(
            f"there is something of a deployment without settings: {(*left, cluster)[0]}",
            expected="an empty home, or an earlier demo's",
            remedy=remedy,
        )


def _clear(home: Home, audience: Audience) -> None:
    """Nothing of an earlier demo is left; its settings go last, so that a half-done work is known."""
    from cutter_agent.postgres.cluster import cluster_root
    from cutter_agent.postgres.embedded import await_stopped

    cluster = cluster_root(home.root)
    if not (home.exists or cluster.exists()):
        return
    audience.step("removing the demo that was here before")
    try:
        await_stopped(cluster, timeout_s=STOP_WAIT_S)
    except StopDatabaseAway as stop:
        raise StopDatabaseAway(
            "somebody still uses the database of the demo that was here before",
            expected="nobody",
            remedy="end the other cutter commands of this home; cutter demo",
        ) from stop
    try:
        for folder in (cluster, *home.folders):
            if folder.exists():
                shutil.rmtree(folder)
        home.settings.unlink(missing_ok=True)
    except OSError as error:
        raise StopStorage(
            f"the demo that was here before cannot be removed: {error.strerror}: {error.filename}",
            remedy="cutter demo",
        ) from error


def _mark(home: Home) -> None:
    from cutter_agent.postgres.cluster import cluster_root

    (cluster_root(home.root) / DEMO_MARK).touch(mode=0o600)

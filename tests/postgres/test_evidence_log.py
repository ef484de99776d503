"""The log in the transaction that spends an approval; refusals kept; one winner among sixteen."""

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.audit import audit, rows
from tests.live import Deployed, approver_of, deploy, finish, sql_as_owner
from tests.runs import CHARTER
from tests.stages import SG_1, SG_2, Stages, staged

from clusters.databases import Database
from cutter_agent.bootstrap.approvals import waiting
from cutter_agent.bootstrap.evidence import export_run
from cutter_agent.errors import (
    ApprovalConsumedAlready,
    Stop,
    StopApprovalInvalid,
    StopApprovalRequired,
    StopEvidenceMismatch,
    StopLockBusy,
    StopRejected,
)
from cutter_agent.evidence.canonical import parse_canonical
from cutter_agent.evidence.sshsig import REJECT_NAMESPACE, verify
from cutter_agent.orchestrator.orders import Refusal
from cutter_agent.orchestrator.states import Gate
from cutter_agent.postgres import history
from cutter_agent.postgres.embedded import Server
from postgres.acts import KEYS, LINES, Cut, log_head, open_cut, session

LOG = "cutter_governance.transparency_log"
WRITTEN = ("cutter_governance.approval_use", "iu.unit_version", "iu.unit_in_force", LOG)
CONSUMERS = 16


@pytest.fixture(scope="module")
def stages(cluster: Server) -> Iterator[Stages]:
    with staged(cluster) as made:
        yield made


@pytest.fixture
def cut(database: Database) -> Cut:
    return open_cut(database, LINES)


def around_the_walls(database: Database, statement: str) -> None:
    """A superuser edits the log and leaves every wall as it stood.

    Turning a trigger off by ALTER TABLE would wait for a write that is under way; the catalogue's own rows
    do not, and each connection reads them anew.
    """
    walls = f"UPDATE pg_trigger SET tgenabled = '%s' WHERE tgrelid = '{LOG}'::regclass AND NOT tgisinternal"
    for each in (walls % "D", statement, walls % "A"):
        sql_as_owner(database, each)


CHEATS = {
    "an entry edited": f"UPDATE {LOG} SET payload = payload || '\\x20' WHERE seq = 0",
    "an entry taken out": f"DELETE FROM {LOG} WHERE seq = 0",
    "an entry moved": f"UPDATE {LOG} SET seq = 1000 WHERE seq = 0",
}
MOMENTS = {
    "before the approval is spent": dict.fromkeys((SG_1, SG_2), "before consume"),
    "after it is spent, before the write": dict.fromkeys((SG_1, SG_2), "after consume"),
    "after the write": {SG_1: "after create_drafts", SG_2: "after enact"},
    "before the commit": dict.fromkeys((SG_1, SG_2), "before commit"),
}


class Cheat:
    """Rewrites the log at one moment of one call, once the approval is on its way."""

    def __init__(self, deployed: Deployed, moment: str, statement: str) -> None:
        self.deployed, self.moment, self.statement = deployed, moment, statement
        self.spending = self.done = False

    def __call__(self, name: str) -> None:
        self.spending = self.spending or name == "before consume"
        if self.spending and name == self.moment and not self.done:
            self.done = True
            around_the_walls(self.deployed.database, self.statement)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("pause", [SG_1, SG_2])
def test_a_log_rewritten_while_an_approval_is_spent_takes_the_write_back(
    stages: Stages, pause: str, moment: str
) -> None:
    statement = CHEATS["an entry edited"]
    with stages.at(pause) as deployed:
        reference = deployed.sign(stages.run_id, approver_of(deployed.context(stages.run_id)))
        before = {name: held[0] for name, held in deployed.content().items() if name in WRITTEN}
        cheat = Cheat(deployed, MOMENTS[moment][pause], statement)
        with deployed.runner(cheat) as runner:
            result = runner.resume(stages.run_id, approval_kb_id=reference)
        assert cheat.done
        assert (result.stop_code, result.exit_status) == (StopEvidenceMismatch.code, 16)
        assert "the log of the database does not extend the head" in result.sentence
        after = {name: held[0] for name, held in deployed.content().items() if name in WRITTEN}
        assert after == before


@pytest.mark.parametrize("cheat", CHEATS)
def test_no_approval_is_spent_over_a_log_that_is_not_the_one_it_names(
    database: Database, cut: Cut, cheat: str
) -> None:
    cut.approve(Gate.SG_3, decision="retry")
    request = cut.request(Gate.SG_1)
    around_the_walls(database, CHEATS[cheat])
    with (
        session(database, "cutter_exec") as connection,
        pytest.raises(StopEvidenceMismatch, match="does not extend the head"),
    ):
        history.consume(connection, cut.fence, cut.consumption(Gate.SG_1, request))


@pytest.mark.parametrize("head", ["none", "", "1", "1:", "01:" + "0" * 64, "-1:" + "0" * 64])
def test_a_request_that_names_no_head_is_not_spent(cut: Cut, head: str) -> None:
    with pytest.raises(StopApprovalInvalid, match="names no head of the log"):
        cut.approve(Gate.SG_1, log_checkpoint=head)


def test_a_head_of_a_log_that_is_longer_or_another_is_refused(database: Database, cut: Cut) -> None:
    size, _, root = log_head(database).partition(":")
    for head in (f"{int(size) + 1}:{root}", f"{size}:{'0' * 64}"):
        with pytest.raises(StopEvidenceMismatch):
            cut.approve(Gate.SG_1, log_checkpoint=head)


def test_a_log_that_only_grew_since_the_request_is_taken(database: Database, cut: Cut) -> None:
    request = cut.request(Gate.SG_1)
    cut.approve(Gate.SG_3, decision="retry")
    with session(database, "cutter_exec") as connection:
        history.consume(connection, cut.fence, cut.consumption(Gate.SG_1, request))


FORGOTTEN = ("approval_use", "signature", "approval")
"""The rows that a superuser takes away who wants an approval to count twice."""


def test_an_approval_whose_use_was_deleted_is_still_spent(database: Database, cut: Cut) -> None:
    request = cut.request(Gate.SG_1)
    with session(database, "cutter_exec") as connection:
        history.consume(connection, cut.fence, cut.consumption(Gate.SG_1, request))
    for table in FORGOTTEN:
        name = f"cutter_governance.{table}"
        sql_as_owner(database, f"ALTER TABLE {name} DISABLE TRIGGER ALL", f"DELETE FROM {name}")
    with session(database, "cutter_exec") as connection, pytest.raises(ApprovalConsumedAlready):
        history.consume(connection, cut.fence, cut.consumption(Gate.SG_1, request))


def test_a_run_whose_use_was_deleted_names_it_and_is_not_exported(
    database: Database, tmp_path: Path
) -> None:
    deployed = deploy(database, tmp_path, source=CHARTER)
    run = finish(deployed).run_id
    (first, _) = rows(
        deployed, "SELECT request_sha256 FROM cutter_governance.approval ORDER BY gate"
    )
    uses = "cutter_governance.approval_use"
    sql_as_owner(database, f"ALTER TABLE {uses} DISABLE TRIGGER ALL", f"DELETE FROM {uses}")
    with deployed.desk() as desk:
        assert desk.live_site.consumed_by(bytes(first[0]).hex()) == run
        with pytest.raises(StopEvidenceMismatch, match="does not agree"):
            export_run(desk, deployed.context(run))


def test_of_sixteen_who_spend_one_approval_one_wins(database: Database, cut: Cut) -> None:
    consumption = cut.consumption(Gate.SG_1, cut.request(Gate.SG_1))
    together = threading.Barrier(CONSUMERS)
    ends: Counter[str] = Counter()

    def spend() -> None:
        with session(database, "cutter_exec") as connection:
            together.wait(timeout=60)
            try:
                history.consume(connection, cut.fence, consumption)
            except Stop as stop:
                ends[stop.code] += 1
            else:
                ends["won"] += 1

    racers = [threading.Thread(target=spend) for _ in range(CONSUMERS)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(timeout=120)
    assert ends == {"won": 1, ApprovalConsumedAlready.code: CONSUMERS - 1}
    with session(database) as connection:
        (uses,) = connection.execute(
            "SELECT count(*) FROM cutter_governance.approval_use"
        ).fetchone()
        logged = connection.execute(f"SELECT count(*) FROM {LOG}").fetchone()
    assert (uses, logged) == (1, (1,))


@pytest.mark.parametrize(("pause", "person"), [(SG_1, "bob"), (SG_2, "alice")])
def test_a_refusal_is_on_record_with_its_signature_and_in_the_log(
    stages: Stages, pause: str, person: str, tmp_path: Path
) -> None:
    with stages.at(pause) as deployed:
        asked = waiting(deployed.context(stages.run_id))
        reference = deployed.sign(stages.run_id, person, reject=True)
        with deployed.runner() as runner:
            result = runner.resume(stages.run_id, approval_kb_id=reference)
        assert result.stop_code == StopRejected.code
        ((request, key_id, who, armor, gate),) = rows(
            deployed, "SELECT request, key_id, person, armour, gate FROM cutter_governance.refusal"
        )
        assert (bytes(request), who, gate) == (asked.body, person, asked.request.gate)
        signed = verify(bytes(armor), asked.body, namespace=REJECT_NAMESPACE)
        assert signed.public_key.fingerprint == key_id
        ((entry,),) = rows(deployed, f"SELECT payload FROM {LOG} WHERE kind = 'refusal'")
        assert parse_canonical(bytes(entry)) == {
            "document_id": "ICX-CONST",
            "gate": gate,
            "kind": "refusal",
            "request_sha256": asked.request.request_sha256,
            "run_id": stages.run_id,
        }
        audit(deployed, None)


def test_a_refusal_to_void_is_on_record_and_the_run_goes_on(stages: Stages) -> None:
    with stages.at(SG_1) as deployed, deployed.runner() as runner:
        with pytest.raises(StopApprovalRequired):
            runner.escalate(stages.run_id, "void")
        deployed.sign(stages.run_id, "bob", reject=True)
        with pytest.raises(StopApprovalInvalid, match="the run stays as it is"):
            runner.escalate(stages.run_id, "void")
        found = rows(deployed, "SELECT person, gate FROM cutter_governance.refusal")
        assert found == [("bob", Gate.SG_3.value)]


def refusal(cut: Cut, request: bytes, gate: Gate = Gate.SG_1) -> Refusal:
    made = cut.consumption(gate, request)
    (signed,) = made.signatures
    return Refusal(
        made.request_sha256, gate, cut.run_id, request, "bob", made.key_ids[0], signed.armor
    )


class TestTheDatabaseRefuses:
    def test_a_refusal_of_what_the_run_never_asked(self, database: Database, cut: Cut) -> None:
        with (
            session(database, "cutter_exec") as connection,
            pytest.raises(StopApprovalInvalid, match="has written no such request"),
        ):
            history.refuse(connection, cut.fence, refusal(cut, cut.request(Gate.SG_1)))

    def test_a_refusal_of_what_was_spent(self, database: Database, cut: Cut) -> None:
        request = cut.request(Gate.SG_1)
        with session(database, "cutter_exec") as connection:
            history.consume(connection, cut.fence, cut.consumption(Gate.SG_1, request))
            with pytest.raises(ApprovalConsumedAlready):
                history.refuse(connection, cut.fence, refusal(cut, request))

    def test_an_older_driver_s_refusal(self, database: Database, cut: Cut) -> None:
        late = cut.fence
        cut.claim()
        with (
            session(database, "cutter_exec") as connection,
            pytest.raises(StopLockBusy),
        ):
            history.refuse(connection, late, refusal(cut, cut.request(Gate.SG_1)))

    def test_and_takes_the_same_refusal_again(self, stages: Stages) -> None:
        with stages.at(SG_1) as deployed, deployed.desk() as desk:
            asked = waiting(deployed.context(stages.run_id))
            key = KEYS[Gate.SG_1]
            no = Refusal(
                asked.request.request_sha256,
                Gate.SG_1,
                stages.run_id,
                asked.body,
                "bob",
                "SHA256:bob",
                key.sign(asked.body, namespace=REJECT_NAMESPACE).armor,
            )
            for given in (no, no, replace(no, key_id="SHA256:other")):
                with desk.live_site.claim(stages.run_id) as claim:
                    history.refuse(claim.connection, claim.fence, given)
            kept = rows(deployed, "SELECT key_id FROM cutter_governance.refusal ORDER BY key_id")
            logged = rows(deployed, f"SELECT count(*) FROM {LOG} WHERE kind = 'refusal'")
        assert kept == [("SHA256:bob",), ("SHA256:other",)]
        assert logged == [(2,)]

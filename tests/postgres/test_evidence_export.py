"""A run's bundle: made from a real database, checked without it, by us and by the tools of a stranger."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from tests.live import Deployed, accept_policy, cut_live, deploy, finish, sql_as_owner
from tests.people import signature

from clusters.databases import Database
from cutter_agent.bootstrap.evidence import check_bundle, export_run, gather, known_here
from cutter_agent.crypto.machine_keys import ensure_machine_key
from cutter_agent.errors import (
    StopApprovalInvalid,
    StopApprovalRequired,
    StopEvidenceMismatch,
    StopRefusedInput,
)
from cutter_agent.evidence.archive import unpack
from cutter_agent.evidence.bundle import BundleContents, SignatureFile, read_bundle, write_bundle
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.evidence.sshsig import APPROVAL_NAMESPACE
from cutter_agent.orchestrator import Mode
from cutter_agent.orchestrator.states import Gate
from deployments import Deployment
from runs import CHARTER, CHARTER_2, CODE

EDIT_ONE_LETTER = """
UPDATE iu.text_blob SET body = overlay(body placing 'x' from length(body) - 1) WHERE sha256 = (
  SELECT v.body_sha256 FROM iu.unit_version AS v WHERE v.address = 'ICX-CONST/DIEU-7')
"""


def edit(database: Database, table: str, statement: str) -> None:
    """A superuser takes the table's triggers and checks away and edits it."""
    sql_as_owner(
        database,
        f"ALTER TABLE {table} DISABLE TRIGGER ALL",
        f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {table.split('.')[1]}_digest_is_true",
        statement,
    )


@pytest.fixture
def deployed(database: Database, tmp_path: Path) -> Deployed:
    return deploy(database, tmp_path, source=CHARTER)


@pytest.fixture
def at(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Deployment:
    for name, value in deployed.environ.items():
        monkeypatch.setenv(name, value)
    return Deployment(deployed.home, deployed.environ, capsys)


def failed(contents: BundleContents | bytes) -> set[str]:
    data = contents if isinstance(contents, bytes) else write_bundle(contents)
    return {check.id for check in check_bundle(data) if not check.held}


def exported(deployed: Deployed, run_id: str) -> bytes:
    with deployed.desk() as desk:
        return export_run(desk, deployed.context(run_id))


def gathered(deployed: Deployed, run_id: str) -> BundleContents:
    with deployed.desk() as desk:
        return gather(desk, deployed.context(run_id))


def run_readme(data: bytes, folder: Path) -> list[int]:
    """Unpack the bundle and run each block of its README; the exit status of each."""
    for tool in ("bash", "ssh-keygen", "openssl", "sha256sum"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    for name, body in unpack(data).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    blocks = re.findall(r"```sh\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    assert len(blocks) >= 7
    return [
        subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=folder,
            capture_output=True,
            check=False,
            timeout=60,
        ).returncode
        for block in blocks
    ]


def test_a_live_run_convinces_a_stranger_and_outlives_an_edit_of_the_database(
    at: Deployment, deployed: Deployed, tmp_path: Path
) -> None:
    run = cut_live(deployed).run_id
    file = tmp_path / "run.zip"
    said = at.json("evidence", "export", run, "-o", str(file))
    assert said["sha256"] == sha256_hex(file.read_bytes())
    assert at.json("verify", run)["ok"] is True
    contents = read_bundle(file.read_bytes())
    assert len([name for name in contents.documents if re.match(r"\d\d-|SG", name)]) == 13
    assert [each.signatures[0].person for each in contents.requests] == ["alice", "bob"]
    assert [each.person for each in contents.policy_signatures] == ["alice", "bob", "carol"]
    assert (len(contents.unit_records), contents.simulated) == (60, False)
    assert [entry.name.split("-")[1] for entry in contents.log_entries] == [
        *("trust_policy", "approval_use", "approval_use", "enactment")
    ]
    assert exported(deployed, run) == file.read_bytes()
    known = tmp_path / "keys.txt"
    known.write_text(at.cutter("evidence", "keys").out)

    edit(deployed.database, "iu.text_blob", EDIT_ONE_LETTER)
    edited = at.cutter("verify", run, "--json")
    assert edited.status == 16
    assert [fault["address"] for fault in edited.document["differing"]] == ["ICX-CONST/DIEU-7"]
    checked = at.json("evidence", "verify", str(file), "--offline", "--known", str(known))
    assert (checked["schema"], checked["ok"]) == ("cutter.evidence-check/1", True)
    assert checked["trusted"] == checked["keys"]
    assert set(checked["keys"]) == {"executor", "verifier", "policy", "log"}
    policy = at.home.policy
    assert at.json("evidence", "verify", str(file), "--policy", str(policy))["ok"] is True
    assert run_readme(file.read_bytes(), tmp_path / "stranger") == [0] * 9


def test_a_second_version_s_bundle_has_the_plan_of_its_time(deployed: Deployed) -> None:
    first = cut_live(deployed).run_id
    early = exported(deployed, first)
    deployed.add(CHARTER_2)
    second = finish(deployed).run_id
    late = read_bundle(exported(deployed, second))
    assert b'["kept","' in late.plan
    assert failed(write_bundle(late)) == set()
    assert exported(deployed, first) == early


def test_a_rehearsal_s_bundle_says_what_it_is_and_passes_for_nothing_else(
    at: Deployment, deployed: Deployed, tmp_path: Path
) -> None:
    at.cutter("run", CODE)
    run = at.json("runs", "list")["runs"][0]["run_id"]
    file = tmp_path / "run.zip"
    assert at.json("evidence", "export", run, "-o", str(file))["simulated"] is True
    data = file.read_bytes()
    assert exported(deployed, run) == data
    answered = at.cutter("evidence", "verify", str(file))
    assert answered.status == 0
    assert "SIMULATED" in answered.out
    assert "SIMULATED" in unpack(data)["README.md"].decode()
    shown_as_live = failed(replace(read_bundle(data), simulated=False))
    assert {"executor_signed", "verifier_signed", "approvals_are_there"} <= shown_as_live
    assert set(run_readme(data, tmp_path / "stranger")) == {0}
    # A later live cut changes what is in force, and not the rehearsal.
    cut_live(deployed)
    assert exported(deployed, run) == data


def test_a_rehearsal_of_a_change_has_its_bundle_after_later_cuts_too(
    at: Deployment, deployed: Deployed
) -> None:
    cut_live(deployed)
    deployed.add(CHARTER_2)
    at.cutter("run", CODE)
    rehearsal = at.json("runs", "list")["runs"][0]["run_id"]
    data = exported(deployed, rehearsal)
    finish(deployed)
    assert exported(deployed, rehearsal) == data
    deployed.add(CHARTER)
    finish(deployed)
    assert exported(deployed, rehearsal) == data


def test_a_run_that_is_not_closed_out_has_no_bundle(at: Deployment, tmp_path: Path) -> None:
    run = at.cutter("cut", CODE, "--live", "--json").document["run_id"]
    file = tmp_path / "run.zip"
    answered = at.cutter("evidence", "export", run, "-o", str(file), "--json")
    assert (answered.status, answered.document["code"]) == (22, "STOP_REFUSED_INPUT")
    assert not file.exists()
    assert at.cutter("evidence", "export", "nothing", "-o", str(file)).status == 17


def cheats(good: BundleContents) -> list[tuple[str, BundleContents]]:
    """Bundles whose signatures all fit, and whose persons may not have decided so."""
    first, second = good.requests

    def by(*persons: str) -> BundleContents:
        made = tuple(
            SignatureFile(person, signature(person, second.body, APPROVAL_NAMESPACE))
            for person in persons
        )
        return replace(good, requests=(first, replace(second, signatures=made)))

    return [
        ("one person at both gates", by("alice")),
        ("the starter", by("carol")),
        ("nobody", by()),
        ("no request of the second gate", replace(good, requests=(first,))),
    ]


def test_persons_whom_the_policy_does_not_let_decide_are_found(deployed: Deployed) -> None:
    good = gathered(deployed, cut_live(deployed).run_id)
    assert failed(good) == set()
    for name, cheat in cheats(good):
        # The log tells of every answer, so that a request which is left out is missed there too.
        assert failed(cheat) - {"log_tells_of_it"} == {"policy_was_followed"}, name
    for place, entry in enumerate(good.log_entries):
        rest = (*good.log_entries[:place], *good.log_entries[place + 1 :])
        assert failed(replace(good, log_entries=rest)) == {"log_tells_of_it"}, entry.name
    for place, growth in enumerate(good.log_growth):
        assert f"log_checkpoint: {place + 1}:".encode() in good.requests[place].body, growth.name
        rest = (*good.log_growth[:place], *good.log_growth[place + 1 :])
        assert failed(replace(good, log_growth=rest)) == {"log_tells_of_it"}, growth.name
    other = replace(good, signers=good.signers[:-1])
    assert "signers_are_the_policys" in failed(other)


def test_a_third_policy_shows_how_it_came_to_count(deployed: Deployed, tmp_path: Path) -> None:
    with deployed.desk() as desk:
        accept_policy(desk, dict.fromkeys(Gate, (("alice", "bob"), 1)))
        accept_policy(desk)
    run = cut_live(deployed).run_id
    data = exported(deployed, run)
    good = read_bundle(data)
    assert failed(data) == set()
    assert [len(each.signatures) for each in good.earlier_policies] == [3, 1]
    kinds = [entry.name.split("-")[1] for entry in good.log_entries]
    assert kinds == [*["trust_policy"] * 3, "approval_use", "approval_use", "enactment"]
    folder = tmp_path / "stranger"
    assert run_readme(data, folder) == [0] * 10
    first, second = good.earlier_policies
    for earlier in ((), (second,), (first,), (second, first)):
        cheat = replace(good, earlier_policies=earlier)
        assert "policy_chain_is_signed" in failed(cheat)
    unsigned = replace(good, earlier_policies=(first, replace(second, signatures=())))
    assert failed(unsigned) == {"policy_chain_is_signed"}
    rest = replace(good, log_entries=good.log_entries[1:])
    assert failed(rest) == {"log_tells_of_it"}
    table = "cutter_governance.trust_policy"
    edit(deployed.database, table, f"DELETE FROM {table} WHERE version = 2")
    with pytest.raises(StopEvidenceMismatch, match="policy_chain_is_signed"):
        exported(deployed, run)


@pytest.mark.parametrize(
    ("table", "change", "found"),
    [
        (
            "cutter_governance.manifest_envelope",
            "UPDATE {} SET dsse = convert_to(convert_from(dsse, 'UTF8') || ' ', 'UTF8')",
            "executor's envelope is not the one",
        ),
        ("cutter_governance.verify_result", "DELETE FROM {}", "is not in the database"),
        (
            "cutter_governance.trust_policy",
            "UPDATE {} SET body = '{{}}'",
            "trust policy of the run",
        ),
        ("iu.source_version", "UPDATE {} SET body = body || '\\x20'", "were edited"),
        (
            "cutter_governance.transparency_log",
            "DELETE FROM {} WHERE kind = 'enactment'",
            "is not the one that SG1-|log_tells_of_it",
        ),
        (
            "cutter_governance.transparency_log",
            "UPDATE {} SET payload = payload || '\\x20' WHERE seq = 0",
            "is not the one that SG1-",
        ),
        ("cutter_governance.signature", "DELETE FROM {} WHERE person = 'bob'", "chain_is_signed"),
        (
            "cutter_governance.signature",
            (
                "DELETE FROM {} WHERE person = 'bob'"
                " AND subject_sha256 NOT IN (SELECT sha256 FROM cutter_governance.trust_policy)"
            ),
            "was_followed",
        ),
    ],
)
def test_evidence_that_was_edited_is_not_exported(
    deployed: Deployed, table: str, change: str, found: str
) -> None:
    run = cut_live(deployed).run_id
    context = deployed.context(run)
    edit(deployed.database, table, change.format(table))
    with deployed.desk() as desk, pytest.raises(StopEvidenceMismatch, match=found):
        export_run(desk, context)


def test_a_run_is_shown_with_the_key_that_sealed_it_whatever_the_home_has_now(
    deployed: Deployed,
) -> None:
    run = cut_live(deployed).run_id
    before = exported(deployed, run)
    for key in (deployed.home.verifier_key, deployed.home.executor_key):
        key.unlink()
        ensure_machine_key(key)
    assert exported(deployed, run) == before
    assert failed(before) == set()
    with deployed.desk() as desk:
        other = known_here(desk)
    assert [c.id for c in check_bundle(before, other) if not c.held] == ["keys_are_the_known_ones"]


def decided_on_after_a_failure(deployed: Deployed) -> str:
    """A live run whose backup failed; bob said no to going on, alice yes, and it came to its end."""
    folder, aside = deployed.home.backups, deployed.home.backups.with_name("aside")
    folder.rename(aside)
    folder.write_text("no folder")
    with deployed.runner() as runner:
        run = runner.cut(document_id=CODE, mode=Mode.LIVE).run_id
        folder.unlink()
        aside.rename(folder)
        with pytest.raises(StopApprovalRequired):
            runner.escalate(run, "retry")
        deployed.sign(run, "bob", reject=True)
        with pytest.raises(StopApprovalInvalid, match="the run stays as it is"):
            runner.escalate(run, "retry")
        with pytest.raises(StopApprovalRequired):
            runner.escalate(run, "retry")  # a request that was refused is asked anew
        deployed.sign(run, "alice")
        runner.escalate(run, "retry")
    return finish(deployed, run).run_id


def test_decisions_on_a_failure_are_checked_with_the_rest(
    deployed: Deployed, tmp_path: Path
) -> None:
    data = exported(deployed, decided_on_after_a_failure(deployed))
    good = read_bundle(data)
    assert failed(data) == set()
    answered = {
        (request.name.partition("-")[0], request.refused): request for request in good.requests
    }
    assert set(answered) == {("SG1", False), ("SG2", False), ("SG3", False), ("SG3", True)}
    assert set(run_readme(data, tmp_path / "stranger")) == {0}
    yes, no = answered["SG3", False], answered["SG3", True]
    rest = tuple(request for request in good.requests if request not in (yes, no))
    assert failed(replace(good, requests=(*rest, no, replace(yes, signatures=())))) == {
        "policy_was_followed"
    }
    by_carol = signature("carol", yes.body, APPROVAL_NAMESPACE)
    forged = replace(yes, signatures=(SignatureFile("carol", by_carol),))
    assert failed(replace(good, requests=(*rest, no, forged))) == {"policy_was_followed"}
    as_yes = replace(no, refused=False)
    assert "signatures_verify" in failed(replace(good, requests=(*rest, yes, as_yes)))
    assert failed(replace(good, requests=rest)) == {"log_tells_of_it"}


def test_a_run_without_a_trust_policy_has_no_bundle(
    at: Deployment, deployed: Deployed, tmp_path: Path, database: Database
) -> None:
    table = "cutter_governance.trust_policy"
    edit(database, table, f"DELETE FROM {table}")
    shutil.rmtree(deployed.home.trust)
    at.cutter("run", CODE)
    run = at.json("runs", "list")["runs"][0]["run_id"]
    with deployed.desk() as desk, pytest.raises(StopRefusedInput, match="without a trust policy"):
        export_run(desk, deployed.context(run))

"""The trust policy at a real database: proposed, signed, accepted, edited, explained."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from clusters.databases import Database
from cutter_agent.orchestrator.policy import parse_policy
from deployments import Deployment, rows, sign_proposal, write_public_key


def propose(deployment: Deployment, folder: Path, *persons: str) -> dict[str, object]:
    words = [f"--person={name}={write_public_key(folder, name)}" for name in persons]
    return deployment.json("policy", "propose", *words)


class TestPolicy:
    def test_counts_once_all_its_persons_have_signed(
        self, deployment: Deployment, database: Database, tmp_path: Path
    ) -> None:
        proposed = propose(deployment, tmp_path, "alice", "bob")["proposed"]
        assert isinstance(proposed, dict)
        assert proposed["missing"] == ["alice has not signed", "bob has not signed"]
        sign_proposal(deployment.home, ["alice"])
        waiting = deployment.json("policy", "sign")
        assert waiting["accepted"] is None
        assert waiting["proposed"]["missing"] == ["bob has not signed"]
        assert deployment.json("policy", "show")["proposed"]["signed"] == ["alice"]
        sign_proposal(deployment.home, ["bob"])
        assert deployment.json("policy", "sign")["accepted"]["sha256"] == proposed["sha256"]
        assert not deployment.home.proposal.exists()
        stored = rows(database, "SELECT version, body FROM cutter_governance.trust_policy")
        assert stored == [(1, deployment.home.policy.read_bytes())]
        signers = rows(
            database,
            "SELECT s.person FROM cutter_governance.signature AS s"
            " JOIN cutter_governance.trust_policy AS p ON p.sha256 = s.subject_sha256",
        )
        assert sorted(signers) == [("alice",), ("bob",)]

    def test_stock_ssh_keygen_signs_it_and_checks_approvals_by_it(
        self, deployment: Deployment, tmp_path: Path
    ) -> None:
        if shutil.which("ssh-keygen") is None:
            pytest.skip("no ssh-keygen on this machine")
        key = tmp_path / "id"
        make = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
        subprocess.run(make, check=True)
        deployment.json("policy", "propose", f"--person=alice={key}.pub")
        home = deployment.home
        words = ("ssh-keygen", "-Y", "sign", "-f", str(key), "-n", "policy@iu-cutter.v1")
        done = subprocess.run(
            words, input=home.proposal.read_bytes(), capture_output=True, check=True
        )
        (home.trust / f"{home.proposal.name}.alice.sig").write_bytes(done.stdout)
        assert deployment.json("policy", "sign")["accepted"]["version"] == 1
        signature = home.trust / "policy.json.alice.sig"
        words = ("ssh-keygen", "-Y", "verify", "-f", str(home.trust / "allowed_signers"))
        words += ("-I", "alice", "-n", "policy@iu-cutter.v1", "-s", str(signature))
        subprocess.run(words, input=home.policy.read_bytes(), capture_output=True, check=True)

    def test_the_next_version_needs_the_old_and_the_new_thresholds(
        self, deployment: Deployment, tmp_path: Path
    ) -> None:
        words = [f"--person={name}={write_public_key(tmp_path, name)}" for name in ("ann", "ben")]
        deployment.json("policy", "propose", *words, "--gate=SG_1=ann:1", "--gate=SG_2=ben:1")
        sign_proposal(deployment.home, ["ann", "ben"])
        deployment.json("policy", "sign")
        new = f"--person=cleo={write_public_key(tmp_path, 'cleo')}"
        second = deployment.json("policy", "propose", new, "--gate=SG_1=cleo:1")["proposed"]
        assert second["version"] == 2
        sign_proposal(deployment.home, ["cleo"])
        assert deployment.json("policy", "sign")["accepted"]["version"] == 1
        sign_proposal(deployment.home, ["ann"])
        assert deployment.json("policy", "sign")["accepted"]["version"] == 1
        sign_proposal(deployment.home, ["ben"])
        assert deployment.json("policy", "sign")["accepted"]["version"] == 2

    def test_a_key_made_here_signs_by_its_person_s_name(self, deployment: Deployment) -> None:
        public = deployment.json("keys", "new", "alice")["public_file"]
        deployment.json("keys", "new", "bob")
        deployment.json("policy", "propose", f"--person=alice={public}")
        wrong = deployment.home.person_key("bob")
        answered = deployment.cutter("policy", "sign", "--person=alice", f"--key={wrong}", "--json")
        assert (answered.status, answered.document["code"]) == (11, "STOP_APPROVAL_INVALID")
        assert deployment.json("policy", "sign", "--person=alice")["accepted"]["version"] == 1

    def test_nobody_signs_under_another_s_name(
        self, deployment: Deployment, tmp_path: Path
    ) -> None:
        keys = [deployment.json("keys", "new", name)["public_file"] for name in ("ann", "ben")]
        deployment.json("policy", "propose", f"--person=ann={keys[0]}", f"--person=ben={keys[1]}")
        words = ("policy", "sign", "--person=ann", f"--key={deployment.home.person_key('ben')}")
        answered = deployment.cutter(*words)
        assert answered.status == 11
        assert deployment.json("policy", "show")["proposed"]["signed"] == []

    def test_a_signature_that_does_not_count_is_named_by_its_file(
        self, deployment: Deployment, tmp_path: Path
    ) -> None:
        propose(deployment, tmp_path, "alice")
        sign_proposal(deployment.home, ["mallory"])
        answered = deployment.cutter("policy", "show", "--json")
        assert (answered.status, answered.document["code"]) == (11, "STOP_APPROVAL_INVALID")
        assert answered.document["remedy"].endswith("policy.proposed.json.mallory.sig")

    def test_an_edited_file_stops_whoever_reads_it(
        self, deployment: Deployment, tmp_path: Path
    ) -> None:
        propose(deployment, tmp_path, "alice")
        sign_proposal(deployment.home, ["alice"])
        deployment.json("policy", "sign")
        body = deployment.home.policy.read_bytes()
        deployment.home.policy.write_bytes(body.replace(b'"threshold":1', b'"threshold":2', 1))
        for words in (("policy", "show"), ("policy", "explain", "SG_1")):
            answered = deployment.cutter(*words, "--json")
            assert (answered.status, answered.document["code"]) == (16, "STOP_EVIDENCE_MISMATCH")
        assert deployment.cutter("doctor").status == 20

    def test_a_file_that_the_database_never_accepted_counts_for_nothing(
        self, deployment: Deployment, tmp_path: Path
    ) -> None:
        propose(deployment, tmp_path, "alice")
        deployment.home.proposal.rename(deployment.home.policy)
        answered = deployment.cutter("policy", "show", "--json")
        assert (answered.status, answered.document["code"]) == (16, "STOP_EVIDENCE_MISMATCH")
        assert "database has accepted none" in answered.document["fact"]

    def test_a_new_proposal_forgets_the_signatures_of_the_old_one(
        self, deployment: Deployment, tmp_path: Path
    ) -> None:
        propose(deployment, tmp_path, "alice", "bob")
        sign_proposal(deployment.home, ["alice"])
        proposed = propose(deployment, tmp_path, "alice", "cleo")["proposed"]
        assert isinstance(proposed, dict)
        assert proposed["signed"] == []

    def test_explains_who_may_and_why_another_may_not(
        self, deployment: Deployment, tmp_path: Path
    ) -> None:
        propose(deployment, tmp_path, "alice", "carol")
        sign_proposal(deployment.home, ["alice", "carol"])
        deployment.json("policy", "sign")
        explained = deployment.json("policy", "explain", "SG_1")
        assert explained["may"] == ["alice"]
        assert explained["may_not"] == [{"person": "carol", "because": "started the run"}]
        assert deployment.cutter("policy", "explain", "SG_9").status == 22

    @pytest.mark.parametrize(
        "words",
        [
            ["--gate=SG_1=nobody:1", "--person=alice={key}"],
            ["--gate=SG_1=alice:2", "--person=alice={key}"],
            ["--person=alice={key}", "--person=bob={key}"],
            ["--person=alice={folder}"],
            ["--person=alice={folder}/missing.pub"],
            ["--without=alice"],
        ],
        ids=["unknown", "threshold", "one-key", "folder", "missing", "without"],
    )
    def test_refuses_a_policy_that_is_not_sound(
        self, deployment: Deployment, tmp_path: Path, words: list[str]
    ) -> None:
        key = write_public_key(tmp_path, "alice")
        filled = [word.format(key=key, folder=tmp_path) for word in words]
        answered = deployment.cutter("policy", "propose", *filled, "--json")
        assert (answered.status, answered.document["code"]) == (22, "STOP_REFUSED_INPUT")
        assert not deployment.home.proposal.exists()

    @pytest.mark.parametrize(
        "words", [[], ["--person=alice"], ["--gate=SG_1"], ["--gate=SG_1=a:x"]]
    )
    def test_words_that_say_nothing_are_wrong_usage(
        self, deployment: Deployment, words: list[str]
    ) -> None:
        assert deployment.cutter("policy", "propose", *words).status == 2

    @pytest.mark.parametrize("words", [["--person=alice"], []])
    def test_signing_nothing_says_what_to_do(
        self, deployment: Deployment, words: list[str]
    ) -> None:
        answered = deployment.cutter("policy", "sign", *words, "--json")
        assert answered.status == 22
        assert "cutter policy propose" in answered.document["remedy"]

    def test_puts_a_lost_policy_file_back(self, deployment: Deployment, tmp_path: Path) -> None:
        propose(deployment, tmp_path, "alice")
        sign_proposal(deployment.home, ["alice"])
        deployment.json("policy", "sign")
        body = deployment.home.policy.read_bytes()
        deployment.home.policy.unlink()
        assert deployment.cutter("policy", "show").status == 16
        assert deployment.cutter("init").status == 0
        assert deployment.home.policy.read_bytes() == body

    def test_a_policy_made_for_another_database_is_not_accepted(
        self, deployment: Deployment, database: Database, tmp_path: Path
    ) -> None:
        propose(deployment, tmp_path, "alice")
        proposal = deployment.home.proposal
        proposal.write_bytes(
            replace(parse_policy(proposal.read_bytes()), deployment="9/9").canonical
        )
        sign_proposal(deployment.home, ["alice"])
        answered = deployment.cutter("policy", "sign", "--json")
        assert (answered.status, answered.document["code"]) == (22, "STOP_REFUSED_INPUT")
        assert "9/9" in answered.document["fact"]
        assert rows(database, "SELECT FROM cutter_governance.trust_policy") == []

    def test_a_policy_that_was_accepted_and_not_yet_renamed_counts(
        self, deployment: Deployment, tmp_path: Path
    ) -> None:
        """The process died between the database's yes and the renaming of the file."""
        propose(deployment, tmp_path, "alice")
        sign_proposal(deployment.home, ["alice"])
        kept = {path: path.read_bytes() for path in deployment.home.trust.glob("*.proposed.*")}
        accepted = deployment.json("policy", "sign")["accepted"]
        deployment.home.policy.unlink()
        for path, data in kept.items():
            path.write_bytes(data)
        shown = deployment.json("policy", "show")
        assert (shown["accepted"], shown["proposed"]) == (accepted, None)
        assert deployment.home.policy.exists()
        assert not deployment.home.proposal.exists()

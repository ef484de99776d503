"""The administrator's commands on a real database: init, source, keys, policy, switch, doctor."""

import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from clusters.databases import Database
from clusters.fixtures import chosen_binaries, fresh_database, quick_folder
from cutter_agent.bootstrap import Home
from cutter_agent.bootstrap.approvals import person_signer
from cutter_agent.bootstrap.founding import Founding, found
from cutter_agent.orchestrator.grants import LOGIN_ROLES
from cutter_agent.postgres.cluster import cluster_root
from cutter_agent.postgres.embedded import Server, await_stopped, throwaway_server
from deployments import EXAMPLES, Deployment, outside_home, sign_proposal, write_public_key

WORD = "hunter2"
CHARTER = str(EXAMPLES / "icx-const-v1.md")
CHARTER_2 = str(EXAMPLES / "icx-const-v2.md")


@pytest.fixture
def bare(
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Deployment:
    """A home that is not founded yet, for a database on somebody else's server."""
    home, environ = outside_home(database, tmp_path)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return Deployment(home, environ, capsys)


@pytest.fixture(scope="module")
def founded(cluster: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that was founded once, for tests to have copies of."""
    with fresh_database(cluster) as database:
        home, environ = outside_home(database, tmp_path_factory.mktemp("founded"))
        found(home, environ, Founding(operator="carol"))
    return home.root


@pytest.fixture
def deployment(bare: Deployment, founded: Path) -> Deployment:
    """A deployment of the operator carol."""
    shutil.copytree(founded, bare.home.root, dirs_exist_ok=True)
    return bare


def rows(database: Database, sql: str) -> list[tuple[object, ...]]:
    with database.connect() as connection:
        return connection.execute(sql.encode()).fetchall()


class TestInit:
    def test_makes_a_deployment_and_a_second_time_changes_nothing(self, bare: Deployment) -> None:
        first = bare.json("init", "--operator", "carol", "--execution-enabled")
        assert first["operator"] == "carol"
        assert first["execution_enabled"] is True
        assert first["database"]["server"] == "outside"
        files = {path: path.read_bytes() for path in bare.home.root.rglob("*") if path.is_file()}
        second = bare.json("init")
        assert not [each for each in second["done"] if each["new"]]
        assert (second["operator"], second["execution_enabled"]) == ("carol", True)
        assert files == {p: p.read_bytes() for p in bare.home.root.rglob("*") if p.is_file()}

    def test_says_what_it_made_and_what_comes_next(self, bare: Deployment) -> None:
        said = bare.cutter("init", "--operator", "carol").out
        assert "made   settings" in said
        assert "live execution is disabled" in said
        assert "cutter policy propose" in said

    def test_keeps_secrets_from_everybody_else(self, deployment: Deployment) -> None:
        home = deployment.home
        secret = [*home.secrets.iterdir(), home.executor_key, home.verifier_key]
        secret += [home.settings, home.backup_identity]
        assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}
        assert {stat.S_IMODE(path.stat().st_mode) for path in home.folders} == {0o700}

    def test_closes_a_folder_that_somebody_opened(self, deployment: Deployment) -> None:
        deployment.home.keys.chmod(0o755)
        assert deployment.cutter("init").status == 0
        assert stat.S_IMODE(deployment.home.keys.stat().st_mode) == 0o700

    def test_never_changes_passwords_that_another_deployment_uses(self, bare: Deployment) -> None:
        for role in LOGIN_ROLES[:2]:
            bare.home.password(role).unlink()
        answered = bare.cutter("init", "--json")
        assert answered.status == 22
        assert "--new-passwords" in answered.document["remedy"]
        assert not bare.home.password(LOGIN_ROLES[0]).exists()

    def test_refuses_a_folder_that_holds_something_else(self, bare: Deployment) -> None:
        (bare.home.root / "letters").mkdir()
        answered = bare.cutter("init", "--json")
        assert (answered.status, answered.document["code"]) == (22, "STOP_REFUSED_INPUT")
        assert "letters" in answered.document["fact"]
        assert not bare.home.exists

    def test_refuses_a_demo_s_deployment(self, bare: Deployment) -> None:
        found(bare.home, bare.environ, Founding(operator="carol", demo=True))
        answered = bare.cutter("init", "--operator", "mallory")
        assert answered.status == 22
        assert "ANOTHER_FOLDER cutter init" in answered.err
        assert 'operator = "carol"' in bare.home.settings.read_text()
        assert bare.cutter("init", "--demo").status == 0

    def test_refuses_a_name_that_could_not_stand_in_a_request(self, bare: Deployment) -> None:
        assert bare.cutter("init", "--operator", "carol\nstarter: bob").status == 22
        assert not bare.home.exists

    def test_refuses_a_connection_string_without_showing_it(
        self, bare: Deployment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CUTTER_DATABASE_URL", f"postgresql://u:{WORD}@h/d?nonsense=1")
        answered = bare.cutter("init")
        assert answered.status == 22
        assert WORD not in answered.out + answered.err

    def test_says_that_the_server_is_away(
        self, bare: Deployment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CUTTER_DATABASE_URL", f"postgresql://u:{WORD}@127.0.0.1:1/d")
        answered = bare.cutter("init", "--json")
        assert (answered.status, answered.document["code"]) == (75, "STOP_DATABASE_AWAY")
        assert WORD not in answered.out + answered.err

    def test_puts_a_lost_policy_file_back(self, deployment: Deployment, tmp_path: Path) -> None:
        propose(deployment, tmp_path, "alice")
        sign_proposal(deployment.home, ["alice"])
        deployment.json("policy", "sign")
        body = deployment.home.policy.read_bytes()
        deployment.home.policy.unlink()
        assert deployment.cutter("policy", "show").status == 16
        assert deployment.cutter("init").status == 0
        assert deployment.home.policy.read_bytes() == body

    def test_without_one_every_command_points_to_it(self, bare: Deployment) -> None:
        for words in (("switch", "show"), ("source", "list"), ("keys", "list"), ("doctor",)):
            answered = bare.cutter(*words, "--json")
            assert (answered.status, answered.document["code"]) == (22, "STOP_REFUSED_INPUT")
            assert "cutter init" in answered.document["remedy"]


class TestSource:
    def test_keeps_the_exact_bytes_once(self, deployment: Deployment, database: Database) -> None:
        words = ("source", "add", CHARTER, "--code", "ICX-CONST", "--effective", "2026-01-01")
        first = deployment.json(*words)
        assert (first["created"], first["version_no"]) == (True, 1)
        assert (first["candidate_count"], first["excluded_count"]) == (60, 4)
        assert (first["profile"], first["unaccounted_bytes"]) == ("vn-charter", 0)
        again = deployment.json(*words)
        assert (again["created"], again["version_no"]) == (False, 1)
        stored = rows(database, "SELECT body, effective_date::text FROM iu.source_version")
        assert stored == [(Path(CHARTER).read_bytes(), "2026-01-01")]

    def test_a_changed_text_is_the_next_version(self, deployment: Deployment) -> None:
        for path in (CHARTER, CHARTER_2, CHARTER):
            deployment.json("source", "add", path, "--code", "ICX-CONST")
        shown = deployment.json("source", "show", "ICX-CONST")
        assert [each["version_no"] for each in shown["versions"]] == [3, 2, 1]
        first, _, third = (each["source_version_id"] for each in reversed(shown["versions"]))
        assert first != third
        assert len(deployment.json("source", "list")["sources"]) == 3

    def test_takes_the_title_that_is_given_and_else_the_heading(
        self, deployment: Deployment
    ) -> None:
        added = deployment.json("source", "add", CHARTER, "--code", "A")
        assert added["title"].startswith("HIẾN CHƯƠNG")
        named = deployment.json("source", "add", CHARTER, "--code", "B", "--title", "Charter")
        assert named["title"] == "Charter"
        listed = deployment.cutter("source", "list").out
        assert "Charter" in listed

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (b"", "STOP_SOURCE_UNREADABLE"),
            (b"%PDF-1.7\n", "STOP_SOURCE_UNREADABLE"),
            (b"# 1 One\n\ntext\x00text\n", "STOP_SOURCE_UNREADABLE"),
            (b"# 1 One\n\n\xff\xfe\n", "STOP_SOURCE_UNREADABLE"),
            (b"no heading at all\n", "STOP_OVER_SIZE"),
            (b"".join(b"# Part %d\n\ntext\n\n" % n for n in range(1001)), "STOP_OVER_SIZE"),
        ],
        ids=["empty", "pdf", "nul", "utf8", "no-units", "too-many"],
    )
    def test_refuses_what_could_not_be_cut_and_writes_nothing(
        self, deployment: Deployment, database: Database, tmp_path: Path, body: bytes, code: str
    ) -> None:
        path = tmp_path / "text.md"
        path.write_bytes(body)
        answered = deployment.cutter("source", "add", str(path), "--code", "BAD", "--json")
        assert (answered.status, answered.document["code"]) == (22, code)
        assert rows(database, "SELECT FROM iu.source_document") == []

    @pytest.mark.parametrize("code", ["icx", "-A", "A/B", "A B", "Ă", "A" * 64, "'; DROP"])
    def test_refuses_a_code_that_cannot_begin_an_address(
        self, deployment: Deployment, code: str
    ) -> None:
        answered = deployment.cutter("source", "add", CHARTER, f"--code={code}", "--json")
        assert (answered.status, answered.document["code"]) == (22, "STOP_REFUSED_INPUT")

    def test_an_unknown_document_is_said(self, deployment: Deployment) -> None:
        answered = deployment.cutter("source", "show", "NOBODY", "--json")
        assert (answered.status, answered.document["code"]) == (17, "STOP_DOCUMENT_UNKNOWN")

    def test_only_the_administrator_s_login_is_used(
        self, deployment: Deployment, database: Database
    ) -> None:
        deployment.json("source", "add", CHARTER, "--code", "ICX-CONST")
        assert rows(database, "SELECT added_by FROM iu.source_version") == [("cutter_admin",)]

    def test_a_broken_date_is_wrong_usage(self, deployment: Deployment) -> None:
        words = ("source", "add", CHARTER, "--code", "A", "--effective", "2026-02-30")
        assert deployment.cutter(*words).status == 2


class TestSwitch:
    def test_is_off_until_armed_and_keeps_who_and_why(
        self, deployment: Deployment, database: Database
    ) -> None:
        before = deployment.json("switch", "show")
        assert (before["armed"], before["set_utc"]) == (False, None)
        armed = deployment.json("switch", "arm", "--reason", "a cut")
        assert (armed["armed"], armed["actor"], armed["reason"]) == (True, "carol", "a cut")
        assert deployment.json("switch", "arm", "--reason", "again")["reason"] == "a cut"
        assert deployment.json("switch", "disarm", "--reason", "done")["armed"] is False
        turned = rows(
            database,
            "SELECT armed, reason, actor FROM cutter_governance.execution_switch ORDER BY seq",
        )
        assert turned == [(True, "a cut", "carol"), (False, "done", "carol")]

    @pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "x" * 2001])
    def test_is_not_turned_without_a_reason(
        self, deployment: Deployment, database: Database, reason: str
    ) -> None:
        assert deployment.cutter("switch", "arm", "--reason", reason).status == 22
        assert rows(database, "SELECT FROM cutter_governance.execution_switch") == []

    def test_says_which_lock_is_still_closed(self, deployment: Deployment) -> None:
        deployment.json("switch", "arm", "--reason", "a cut")
        said = deployment.cutter("switch", "show").out
        assert "Nothing can be written live." in said
        assert "cutter init --execution-enabled" in said
        deployment.json("init", "--execution-enabled")
        assert "Live runs may write" in deployment.cutter("switch", "show").out


class TestKeys:
    def test_makes_a_key_that_stock_tools_read(
        self, deployment: Deployment, tmp_path: Path
    ) -> None:
        made = deployment.json("keys", "new", "alice")
        path = Path(made["private_file"])
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert Path(made["public_file"]).read_text().split()[2] == "alice"
        assert deployment.cutter("keys", "new", "alice").status == 22
        assert path.read_bytes().startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----")
        owners = {each["owner"] for each in deployment.json("keys", "list")["keys"]}
        assert owners == {"alice", "executor", "verifier", "recipient"}

    def test_a_passphrase_comes_from_a_private_file_only(
        self, deployment: Deployment, tmp_path: Path
    ) -> None:
        secret = tmp_path / "pass"
        secret.write_bytes(b"open sesame\nand more\n")
        secret.chmod(0o644)
        words = ("keys", "new", "alice", "--passphrase-file", str(secret))
        assert deployment.cutter(*words).status == 22
        assert not deployment.home.person_key("alice").exists()
        secret.chmod(0o600)
        made = deployment.json(*words)
        signer = person_signer(deployment.home, "alice", passphrase=lambda _name: b"open sesame")
        assert signer.public_key.fingerprint == made["fingerprint"]

    @pytest.mark.parametrize("person", ["../x", "a b", "", "é", "1a", "a" * 65])
    def test_a_name_cannot_leave_its_folder(self, deployment: Deployment, person: str) -> None:
        assert deployment.cutter("keys", "new", "--", person).status == 22
        assert list(deployment.home.persons.iterdir()) == []


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

    def test_signing_nothing_says_what_to_do(self, deployment: Deployment) -> None:
        answered = deployment.cutter("policy", "sign", "--person=alice", "--json")
        assert answered.status == 22
        assert "cutter policy propose" in answered.document["remedy"]


class TestDoctor:
    def test_finds_a_sound_deployment_sound(self, deployment: Deployment) -> None:
        found = deployment.json("doctor")
        assert found["ok"] is True
        levels = {each["id"]: each["level"] for each in found["checks"]}
        assert levels["logins"] == levels["clock"] == levels["schema_is_ours"] == "ok"
        assert levels["policy"] == levels["backup_key"] == "weaker"
        said = deployment.cutter("doctor").out
        assert re.search(r"\d+ checks, 0 broken, 2 weaker", said)

    def test_names_a_secret_that_others_may_read(self, deployment: Deployment) -> None:
        key = deployment.home.executor_key
        key.chmod(0o644)
        answered = deployment.cutter("doctor", "--json")
        assert answered.status == 20
        broken = {c["id"]: c for c in answered.document["checks"] if c["level"] == "broken"}
        assert set(broken) == {"private_files", "machine_keys"}
        assert str(key) in broken["private_files"]["sentence"]
        assert broken["private_files"]["remedy"] == f"chmod -R go= {key}"

    def test_names_two_machines_with_one_key(self, deployment: Deployment) -> None:
        deployment.home.verifier_key.write_bytes(deployment.home.executor_key.read_bytes())
        answered = deployment.cutter("doctor", "--json")
        assert answered.status == 20
        broken = [c["id"] for c in answered.document["checks"] if c["level"] == "broken"]
        assert broken == ["machine_keys"]

    def test_names_a_wall_that_fell(self, deployment: Deployment, database: Database) -> None:
        with database.connect(autocommit=True) as connection:
            connection.execute("SET cutter.migration = 'on'")
            connection.execute("GRANT INSERT ON iu.source_version TO cutter_exec")
        answered = deployment.cutter("doctor", "--json")
        assert answered.status == 20
        broken = {c["id"]: c for c in answered.document["checks"] if c["level"] == "broken"}
        assert "nobody_changes_tables" in broken
        assert broken["nobody_changes_tables"]["remedy"] == "cutter init"

    def test_names_a_role_that_cannot_log_in(self, deployment: Deployment) -> None:
        deployment.home.password("cutter_exec").write_text("not it")
        answered = deployment.cutter("doctor", "--json")
        assert answered.status == 20
        broken = {c["id"]: c for c in answered.document["checks"] if c["level"] == "broken"}
        assert "cutter_exec" in broken["logins"]["sentence"]
        assert "not it" not in answered.out

    def test_reports_a_database_that_is_away(
        self, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("CUTTER_DATABASE_URL")
        answered = deployment.cutter("doctor", "--json")
        assert answered.status == 20
        broken = {c["id"] for c in answered.document["checks"] if c["level"] == "broken"}
        assert broken == {"database"}

    def test_refuses_settings_that_say_something_unknown(self, deployment: Deployment) -> None:
        text = deployment.home.settings.read_text()
        deployment.home.settings.write_text("surprise = 1\n" + text)
        answered = deployment.cutter("doctor", "--json")
        assert answered.status == 22
        assert "surprise is unknown" in answered.document["fact"]


class TestOwnServer:
    """A deployment with a server of its own, in a home that nothing else shares."""

    @pytest.fixture
    def own(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> Iterator[Deployment]:
        folder = Path(tempfile.mkdtemp(prefix="cutter-init-"))
        home = Home(folder / "home")
        monkeypatch.setenv("CUTTER_HOME", str(home.root))
        yield Deployment(home, {"CUTTER_HOME": str(home.root)}, capsys)
        await_stopped(cluster_root(home.root))
        shutil.rmtree(cluster_root(home.root), ignore_errors=True)
        shutil.rmtree(folder)

    def test_is_made_once_and_never_quietly_again(
        self, own: Deployment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = own.json("init", "--operator", "carol")
        assert made["database"] == {"server": "embedded", "name": "cutter"}
        assert not [each for each in own.json("init")["done"] if each["new"]]
        own.json("source", "add", CHARTER, "--code", "ICX-CONST")
        assert own.json("doctor")["ok"] is True
        assert own.cutter("demo").status == 22
        assert len(own.json("source", "list")["sources"]) == 1
        monkeypatch.setenv("CUTTER_DATABASE_URL", "postgresql:///other")
        assert own.cutter("source", "list").status == 22
        monkeypatch.delenv("CUTTER_DATABASE_URL")
        await_stopped(cluster_root(own.home.root))
        shutil.rmtree(cluster_root(own.home.root))
        answered = own.cutter("source", "list", "--json")
        assert (answered.status, answered.document["code"]) == (75, "STOP_DATABASE_AWAY")
        assert not cluster_root(own.home.root).exists()


def test_a_managed_server_is_usable_and_its_missing_walls_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Nobody is a superuser there: the URL's login may make roles, and owns its database."""
    started = throwaway_server(bin_dir=chosen_binaries().bin_dir, parent=quick_folder())
    with started as server:
        with psycopg.connect(server.conninfo(dbname="postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE ROLE boss LOGIN CREATEROLE PASSWORD '{WORD}'")
            connection.execute("CREATE DATABASE managed OWNER boss TEMPLATE template0")
        url = server.conninfo(dbname="managed", user="boss", password=WORD)
        environ = {"CUTTER_HOME": str(tmp_path / "home"), "CUTTER_DATABASE_URL": url}
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        managed = Deployment(Home(tmp_path / "home"), environ, capsys)
        assert managed.json("init", "--operator", "carol")["database"]["name"] == "managed"
        managed.json("source", "add", CHARTER, "--code", "ICX-CONST")
        found = managed.json("doctor")
        weaker = {each["id"] for each in found["checks"] if each["level"] == "weaker"}
        assert weaker == {"backup_key", "policy", "shape_is_frozen", "builtins_write_nothing"}
        assert managed.cutter("run", "ICX-CONST").status == 0
        for path in managed.home.root.rglob("*"):
            assert not path.is_file() or WORD.encode() not in path.read_bytes()

"""The administrator's commands on a real database: init, source, keys, policy, switch, doctor."""

import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from clusters.databases import Database
from clusters.fixtures import chosen_binaries, quick_folder
from cutter_agent.bootstrap import Home
from cutter_agent.bootstrap.approvals import person_signer
from cutter_agent.bootstrap.founding import Founding, found
from cutter_agent.bootstrap.settings import read_settings, write_settings
from cutter_agent.bootstrap.working import install_queue
from cutter_agent.orchestrator.grants import LOGIN_ROLES
from cutter_agent.postgres.cluster import cluster_root
from cutter_agent.postgres.embedded import await_stopped, throwaway_server
from deployments import EXAMPLES, Deployment, rows

WORD = "hunter2"
CHARTER = str(EXAMPLES / "icx-const-v1.md")
CHARTER_2 = str(EXAMPLES / "icx-const-v2.md")


class TestInit:
    def test_makes_a_deployment_and_a_second_time_changes_nothing(
        self, bare_deployment: Deployment
    ) -> None:
        first = bare_deployment.json("init", "--operator", "carol", "--execution-enabled")
        assert first["operator"] == "carol"
        assert first["execution_enabled"] is True
        assert first["database"]["server"] == "outside"
        files = {
            path: path.read_bytes()
            for path in bare_deployment.home.root.rglob("*")
            if path.is_file()
        }
        second = bare_deployment.json("init")
        assert not [each for each in second["done"] if each["new"]]
        assert (second["operator"], second["execution_enabled"]) == ("carol", True)
        assert files == {
            p: p.read_bytes() for p in bare_deployment.home.root.rglob("*") if p.is_file()
        }

    def test_says_what_it_made_and_what_comes_next(self, bare_deployment: Deployment) -> None:
        said = bare_deployment.cutter("init", "--operator", "carol").out
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

    def test_never_changes_passwords_that_another_deployment_uses(
        self, bare_deployment: Deployment
    ) -> None:
        for role in LOGIN_ROLES[:2]:
            bare_deployment.home.password(role).unlink()
        answered = bare_deployment.cutter("init", "--json")
        assert answered.status == 22
        assert "--new-passwords" in answered.document["remedy"]
        assert not bare_deployment.home.password(LOGIN_ROLES[0]).exists()

    def test_refuses_a_folder_that_holds_something_else(self, bare_deployment: Deployment) -> None:
        (bare_deployment.home.root / "letters").mkdir()
        answered = bare_deployment.cutter("init", "--json")
        assert (answered.status, answered.document["code"]) == (22, "STOP_REFUSED_INPUT")
        assert "letters" in answered.document["fact"]
        assert not bare_deployment.home.exists

    def test_refuses_a_demo_s_deployment(self, bare_deployment: Deployment) -> None:
        found(bare_deployment.home, bare_deployment.environ, Founding(operator="carol", demo=True))
        answered = bare_deployment.cutter("init", "--operator", "mallory")
        assert answered.status == 22
        assert "ANOTHER_FOLDER cutter init" in answered.err
        assert 'operator = "carol"' in bare_deployment.home.settings.read_text()
        assert bare_deployment.cutter("init", "--demo").status == 0

    def test_refuses_a_name_that_could_not_stand_in_a_request(
        self, bare_deployment: Deployment
    ) -> None:
        assert bare_deployment.cutter("init", "--operator", "carol\nstarter: bob").status == 22
        assert not bare_deployment.home.exists

    def test_refuses_a_connection_string_without_showing_it(
        self, bare_deployment: Deployment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CUTTER_DATABASE_URL", f"postgresql://u:{WORD}@h/d?nonsense=1")
        answered = bare_deployment.cutter("init")
        assert answered.status == 22
        assert WORD not in answered.out + answered.err

    def test_says_that_the_server_is_away(
        self, bare_deployment: Deployment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CUTTER_DATABASE_URL", f"postgresql://u:{WORD}@127.0.0.1:1/d")
        answered = bare_deployment.cutter("init", "--json")
        assert (answered.status, answered.document["code"]) == (75, "STOP_DATABASE_AWAY")
        assert WORD not in answered.out + answered.err
        assert not bare_deployment.home.settings.exists()

    def test_without_one_every_command_points_to_it(self, bare_deployment: Deployment) -> None:
        for words in (("switch", "show"), ("source", "list"), ("keys", "list"), ("doctor",)):
            answered = bare_deployment.cutter(*words, "--json")
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
        assert owners == {"alice", "executor", "verifier", "log", "recipient"}

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


class TestDoctor:
    def test_finds_a_sound_deployment_sound(self, deployment: Deployment) -> None:
        assert "cutter init" in deployment.cutter("doctor").out.partition("queue of")[2]
        with deployment.desk() as desk:
            install_queue(desk.access)
        found = deployment.json("doctor")
        assert found["ok"] is True
        levels = {each["id"]: each["level"] for each in found["checks"]}
        assert levels["logins"] == levels["clock"] == levels["schema_is_ours"] == "ok"
        assert levels["workers"] == "ok"
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

    def test_mends_a_demo_s_deployment_by_its_own_command(self, deployment: Deployment) -> None:
        write_settings(deployment.home, replace(read_settings(deployment.home), demo=True))
        deployment.home.password("cutter_exec").unlink()
        answered = deployment.cutter("doctor", "--json")
        remedies = {c["remedy"] for c in answered.document["checks"] if c["level"] == "broken"}
        assert (answered.status, remedies) == (20, {"cutter init --demo"})

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

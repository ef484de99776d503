"""Where a deployment lies and what its people decided: found by the environment, read strictly."""

import os
import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutter_agent.bootstrap import Home, Settings, home_of
from cutter_agent.bootstrap.access import open_access, outside_database
from cutter_agent.bootstrap.settings import (
    BATCH_DOCUMENTS_MAX,
    CANDIDATE_CAP_MAX,
    OPERATOR,
    SETTINGS_BYTES_MAX,
    DatabaseSettings,
    ServerKind,
    check_operator,
    parse_settings,
    read_settings,
    render_settings,
    write_settings,
)
from cutter_agent.errors import StopDatabaseAway, StopRefusedInput, StopStorage

WORD = "hunter2"
TABLE = {"schema_version": 1, "operator": "carol"}


class TestHome:
    def test_is_the_named_folder_without_links(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(tmp_path / "real")
        assert home_of({"CUTTER_HOME": f"{tmp_path}/link/x"}).root == tmp_path / "real" / "x"

    def test_is_found_from_the_working_folder_if_it_is_relative(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert home_of({"CUTTER_HOME": "here"}).root == tmp_path.resolve() / "here"

    @pytest.mark.parametrize(
        ("environ", "expected"),
        [
            ({"XDG_DATA_HOME": "/data", "HOME": "/people/x"}, "/data/cutter"),
            ({"XDG_DATA_HOME": "data", "HOME": "/people/x"}, "/people/x/.local/share/cutter"),
            ({"CUTTER_HOME": "", "HOME": "/people/x"}, "/people/x/.local/share/cutter"),
        ],
    )
    def test_is_else_in_the_xdg_data_folder(self, environ: dict[str, str], expected: str) -> None:
        assert home_of(environ).root == Path(expected)

    @pytest.mark.parametrize("named", ["/a\0b", "/a\nb", "/a\x1b[2Jb"])
    def test_is_a_path_that_can_be_shown(self, named: str) -> None:
        with pytest.raises(StopRefusedInput, match="cannot be a home"):
            home_of({"CUTTER_HOME": named})


class TestSettings:
    def test_have_defaults_that_let_nothing_be_written(self) -> None:
        settings = parse_settings(TABLE)
        assert settings == Settings(operator="carol")
        assert not settings.execution_enabled
        assert settings.candidate_cap == 1_000
        assert settings.batch_documents == 100
        assert settings.database.server is ServerKind.EMBEDDED

    @given(
        st.builds(
            Settings,
            operator=st.from_regex(OPERATOR, fullmatch=True),
            execution_enabled=st.booleans(),
            candidate_cap=st.integers(1, CANDIDATE_CAP_MAX),
            batch_documents=st.integers(1, BATCH_DOCUMENTS_MAX),
            demo=st.booleans(),
            database=st.builds(
                DatabaseSettings,
                st.sampled_from(ServerKind),
                st.from_regex(r"[a-z_][a-z0-9_]{0,62}", fullmatch=True),
            ),
        )
    )
    def test_come_back_from_the_file_as_they_were(self, settings: Settings) -> None:
        assert parse_settings(tomllib.loads(render_settings(settings))) == settings

    @given(st.text(min_size=1).filter(str.isprintable))
    def test_of_an_outside_server_keep_any_database_s_name(self, name: str) -> None:
        settings = Settings(operator="x", database=DatabaseSettings(ServerKind.OUTSIDE, name))
        assert parse_settings(tomllib.loads(render_settings(settings))) == settings

    @pytest.mark.parametrize(
        ("change", "word"),
        [
            ({"schema_version": 2}, "schema_version is 1"),
            ({"schema_version": True}, "schema_version is 1"),
            ({"operator": ""}, "operator is a name"),
            ({"operator": "a b"}, "operator is a name"),
            ({"operator": 7}, "operator is a name"),
            ({"execution_enabled": 1}, "execution_enabled is true or false"),
            ({"execution_enabled": "true"}, "execution_enabled is true or false"),
            ({"demo": 0}, "demo is true or false"),
            ({"candidate_cap": 0}, "candidate_cap is a number"),
            ({"candidate_cap": True}, "candidate_cap is a number"),
            ({"candidate_cap": CANDIDATE_CAP_MAX + 1}, "candidate_cap is a number"),
            ({"batch_documents": 0}, "batch_documents is a number"),
            ({"batch_documents": BATCH_DOCUMENTS_MAX + 1}, "batch_documents is a number"),
            ({"database": []}, "database is a table"),
            ({"database": {"server": "cloud"}}, "database.server is one of"),
            ({"database": {"name": "no-dash"}}, "database.name is a lower-case word"),
            ({"database": {"server": "outside", "name": ""}}, "database.name is a printable"),
            ({"database": {"server": "outside", "name": "a\x7f"}}, "database.name is a printable"),
            ({"database": {"password": "x"}}, "database.password is unknown"),
            ({"Operator": "x"}, "Operator is unknown"),
        ],
    )
    def test_that_say_anything_else_are_refused(self, change: dict[str, object], word: str) -> None:
        with pytest.raises(StopRefusedInput, match=word):
            parse_settings({**TABLE, **change})

    def test_are_refused_with_every_fault_at_once(self) -> None:
        with pytest.raises(StopRefusedInput) as stop:
            parse_settings({"operator": "", "x": 1})
        for fault in ("x is unknown", "schema_version", "operator"):
            assert fault in stop.value.fact

    def test_lie_in_a_file_of_their_owner_alone(self, tmp_path: Path) -> None:
        home = Home(tmp_path / "home")
        write_settings(home, Settings(operator="carol"))
        write_settings(home, Settings(operator="dave"))
        assert stat.S_IMODE(home.settings.stat().st_mode) == 0o600
        assert read_settings(home).operator == "dave"

    @pytest.mark.parametrize("data", [b"\xff", b"operator =", b"x" * (64 * 1024 + 1)])
    def test_that_are_no_toml_are_refused(self, tmp_path: Path, data: bytes) -> None:
        (tmp_path / "settings.toml").write_bytes(data)
        with pytest.raises(StopRefusedInput, match=r"settings\.toml: "):
            read_settings(Home(tmp_path))

    def test_have_a_limit_of_size(self, tmp_path: Path) -> None:
        text = render_settings(Settings(operator="carol"))
        long = text + "#" * (SETTINGS_BYTES_MAX - len(text.encode()))
        (tmp_path / "settings.toml").write_text(long)
        assert read_settings(Home(tmp_path)).operator == "carol"
        (tmp_path / "settings.toml").write_text(long + "#")
        with pytest.raises(StopRefusedInput, match="over 65536 bytes"):
            read_settings(Home(tmp_path))

    def test_behind_a_link_are_not_read(self, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").write_text(render_settings(Settings(operator="mallory")))
        (tmp_path / "settings.toml").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(StopStorage, match="symbolic link"):
            read_settings(Home(tmp_path))

    def test_that_are_missing_point_to_init(self, tmp_path: Path) -> None:
        with pytest.raises(StopRefusedInput) as stop:
            read_settings(Home(tmp_path / "nothing"))
        assert stop.value.remedy.startswith("cutter init")

    @pytest.mark.parametrize("name", ["carol\n", "a: b", "", "é", "x" * 65])
    def test_take_no_operator_who_could_change_a_request_s_header(self, name: str) -> None:
        with pytest.raises(StopRefusedInput):
            check_operator(name)


class TestAccess:
    def test_an_outside_deployment_needs_its_url(self, tmp_path: Path) -> None:
        outside = DatabaseSettings(ServerKind.OUTSIDE, "d")
        with pytest.raises(StopRefusedInput, match="nothing says where"):
            open_access(Home(tmp_path), outside, {})

    def test_a_url_never_takes_the_place_of_the_own_server(self, tmp_path: Path) -> None:
        with pytest.raises(StopRefusedInput, match="has its own server"):
            open_access(
                Home(tmp_path), DatabaseSettings(), {"CUTTER_DATABASE_URL": "postgresql:///d"}
            )

    def test_a_lost_data_folder_is_not_quietly_made_anew(self, tmp_path: Path) -> None:
        with pytest.raises(StopDatabaseAway, match="is gone"):
            open_access(Home(tmp_path), DatabaseSettings(), {})
        assert list(tmp_path.iterdir()) == []

    def test_a_role_s_login_holds_no_password_and_no_other_role_s(self, tmp_path: Path) -> None:
        home = Home(tmp_path)
        home.secrets.mkdir()
        home.password("cutter_reader").write_text("secret of the reader")
        url = f"postgresql://boss:{WORD}@h/d?sslmode=require"
        outside = DatabaseSettings(ServerKind.OUTSIDE, "d")
        access = open_access(home, outside, {"CUTTER_DATABASE_URL": url})
        login = access.login("cutter_reader")
        assert login.role == "cutter_reader"
        assert "sslmode=require" in login.conninfo
        for word in ("boss", WORD, "secret of the reader"):
            assert word not in repr(login)
        with pytest.raises(StopRefusedInput, match="no password of cutter_exec"):
            access.login("cutter_exec")

    @pytest.mark.parametrize(
        "url", [f"postgresql://u:{WORD}@h/d?x=y", f"nonsense {WORD}", "host=h", "dbname='a\nb'"]
    )
    def test_a_url_that_cannot_be_read_is_not_repeated(self, url: str) -> None:
        with pytest.raises(StopRefusedInput) as stop:
            outside_database({"CUTTER_DATABASE_URL": url})
        assert WORD not in str(stop.value)
        assert stop.value.__cause__ is None
        assert stop.value.__suppress_context__ or WORD not in repr(stop.value.__context__)

    def test_no_url_is_no_outside_server(self) -> None:
        assert outside_database({}) is None
        assert outside_database({"CUTTER_DATABASE_URL": "postgresql:///charter"}) == "charter"


def test_the_environment_of_the_tests_names_no_home() -> None:
    assert "CUTTER_HOME" not in os.environ

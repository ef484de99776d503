"""The fixtures that other tests stand on."""

import psycopg
import pytest

from clusters.databases import Database
from clusters.fixtures import TEMPLATE, fresh_database
from cutter_agent.orchestrator.grants import LOGIN_ROLES
from cutter_agent.postgres.embedded import Server

TABLES = "SELECT count(*) FROM pg_tables WHERE tablename = 'of_one_test'"


@pytest.mark.parametrize("turn", [1, 2])
def test_every_test_has_a_database_of_its_own(database: Database, turn: int):
    with database.connect() as connection:
        assert connection.execute(TABLES).fetchone() == (0,)
        connection.execute("CREATE TABLE of_one_test ()")
    with database.connect() as connection:
        assert connection.execute(TABLES).fetchone() == (1,)


def test_a_database_is_dropped_though_somebody_still_uses_it(cluster: Server):
    with fresh_database(cluster) as fresh:
        left_open = fresh.connect()
    with left_open, pytest.raises(psycopg.OperationalError):
        left_open.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        fresh.connect()


def test_a_copy_has_the_grants_of_its_template(database: Database):
    asked = "SELECT datname, datacl::text FROM pg_database WHERE datname = ANY(%s)"
    with database.connect() as connection:
        found = dict(connection.execute(asked, [[database.name, TEMPLATE]]).fetchall())
    granted = {name: set((acl or "").strip("{}").split(",")) for name, acl in found.items()}
    assert granted[database.name] == granted[TEMPLATE]


def test_our_roles_can_log_in(database: Database):
    for role in LOGIN_ROLES:
        with database.connect(role) as connection:
            assert connection.execute("SELECT current_user").fetchone() == (role,)


def test_each_installed_server_orders_by_code_point_and_knows_vietnamese(any_database: Database):
    asked = "SELECT upper('điều'), 'Z' < 'a', 'z' < 'đ', current_setting('server_encoding')"
    with any_database.connect() as connection:
        assert connection.execute(asked).fetchone() == ("ĐIỀU", True, True, "UTF8")


def test_each_installed_server_keeps_checksums_and_takes_no_network(any_cluster: Server):
    asked = "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)"
    names = ["data_checksums", "listen_addresses", "password_encryption"]
    with psycopg.connect(any_cluster.conninfo(dbname="postgres")) as connection:
        assert dict(connection.execute(asked, [names]).fetchall()) == {
            "data_checksums": "on",
            "listen_addresses": "",
            "password_encryption": "scram-sha-256",
        }

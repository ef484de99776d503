"""A connection that only reads: whatever its role may do, each statement is one read-only snapshot."""

import psycopg
import pytest

from clusters.databases import Database
from cutter_agent.postgres.connect import Login, connect_reading, select_on


def test_each_statement_is_a_read_only_transaction_of_its_own(database: Database) -> None:
    with connect_reading(Login(database.conninfo()), application="cutter test") as connection:
        select = select_on(connection)
        shown = select(
            "SELECT current_setting('transaction_read_only') AS only,"
            " current_setting('transaction_isolation') AS level,"
            " pg_current_xact_id_if_assigned()::text AS xid",
            {},
        )
        assert shown == [{"only": "on", "level": "repeatable read", "xid": None}]
        assert connection.info.transaction_status is psycopg.pq.TransactionStatus.IDLE
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("CREATE TABLE public.written (n integer)")

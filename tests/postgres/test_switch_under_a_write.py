"""The switch and a write under way: one of them waits for the other."""

import pytest
from psycopg import errors

from clusters.databases import Database
from cutter_agent.errors import ProductionExecutionNotAuthorized
from cutter_agent.orchestrator.states import Gate
from postgres.acts import LINES, open_cut, session, turn_switch


def test_whoever_turns_the_switch_waits_for_the_write_under_way(database: Database):
    cut = open_cut(database, LINES)
    cut.approve(Gate.SG_1)
    with cut.writing() as (_, writer), session(database, "cutter_admin") as admin:
        writer.mint_change_set(cut.change_set())
        admin.execute("SET lock_timeout = '50ms'")
        admin.execute("SET statement_timeout = '500ms'")
        with pytest.raises(errors.QueryCanceled):
            admin.execute("SELECT cutter_governance.fn_switch_arm(false, 'a test', 'nina')")
    turn_switch(database, armed=False)
    with (
        pytest.raises(ProductionExecutionNotAuthorized, match="switch is off"),
        cut.writing() as (_, writer),
    ):
        writer.create_drafts(cut.change_set(), cut.drafts())

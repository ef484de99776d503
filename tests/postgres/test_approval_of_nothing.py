"""An approval is of something: of a document that the database holds."""

import pytest
from tests.live import sql_as_owner

from clusters.databases import Database
from cutter_agent.errors import StopApprovalInvalid
from cutter_agent.orchestrator.states import Gate
from postgres.acts import LINES, open_cut


def test_no_approval_is_used_for_a_document_that_is_not_there(database: Database):
    cut = open_cut(database, LINES)
    sql_as_owner(
        database,
        "ALTER TABLE cutter_governance.run DISABLE TRIGGER ALL",
        "UPDATE cutter_governance.run SET document_id = 'GHOST'",
        "ALTER TABLE cutter_governance.run ENABLE TRIGGER ALL",
    )
    for gate in (Gate.SG_1, Gate.SG_2):
        with pytest.raises(StopApprovalInvalid, match="no document GHOST"):
            cut.approve(gate, document_id="GHOST")
    cut.approve(Gate.SG_3, document_id="GHOST")

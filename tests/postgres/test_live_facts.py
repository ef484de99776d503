"""The live discoverer reads every fact of a real database, and a dry run rehearses on them."""

from clusters.databases import Database
from cutter_agent.evidence.canonical import canonical_bytes, sha256_hex
from cutter_agent.orchestrator.discover import LiveReadOnlyDiscoverer
from cutter_agent.orchestrator.facts import NonMutationLevel, non_mutation_level
from cutter_agent.orchestrator.grants import ROLE_READER
from cutter_agent.orchestrator.history import RunHeader
from cutter_agent.orchestrator.phases.grant_probe import grant_probe
from cutter_agent.orchestrator.states import Mode
from cutter_agent.postgres.connect import select_read_only
from cutter_agent.rehearsal import LiveDryRunDiscoverer
from postgres.acts import CODE, LINES, login, open_cut


def reader_of(database: Database) -> LiveReadOnlyDiscoverer:
    return LiveReadOnlyDiscoverer(
        select_read_only(login(database, ROLE_READER), application="test of the facts")
    )


def test_every_fact_is_read_with_its_type(database: Database):
    cut = open_cut(database, LINES)
    facts = reader_of(database)
    version = facts.latest_source_version(CODE)
    assert version is not None
    source = facts.source_bytes(version.source_version_id)
    assert (version.sha256, version.byte_len) == (sha256_hex(source), len(source))
    assert version.source_version_id == cut.source_version_id
    assert sha256_hex(version.profile_toml) == version.profile_sha256
    vocab = facts.vocab_snapshot()
    assert vocab.sha256 == sha256_hex(canonical_bytes(sorted(vocab.kinds)))
    probed = grant_probe(facts)
    assert probed.exec_missing == probed.verify_missing == probed.review_missing == ()
    assert probed.public_execute == probed.dml_held == ()
    assert facts.find_source_document("NOBODY") is None
    assert facts.database_identity().name == database.name
    assert facts.enacting_run(version.source_version_id) is None


def test_what_is_enacted_is_in_force_and_set_aside_for_a_rehearsal(database: Database):
    cut = open_cut(database, LINES)
    cut.draft()
    cut.seal()
    cut.verify()
    cut.enact()
    facts = reader_of(database)
    before = facts.mutation_reading()
    assert before.role_read_only
    assert facts.enacting_run(cut.source_version_id) == cut.run_id
    assert len(facts.in_force(CODE)) == facts.census(CODE).enacted == 7
    rows = facts.document_rows_sha256(CODE)
    discoverer = LiveDryRunDiscoverer.from_live(facts, doc_prefix=CODE)
    run = RunHeader(cut.run_id, CODE, Mode.DRYRUN, "operator", "2026-01-02T03:04:05Z", 1_000)
    assert discoverer.in_force(CODE) == ()
    assert set(discoverer.rehearsal(run).counters().values()) == {0, 1}
    assert facts.document_rows_sha256(CODE) == rows
    level = non_mutation_level(before, facts.mutation_reading())
    assert level in {
        NonMutationLevel.OWN_TX_NO_XID_AND_CONTENT_EQUAL,
        NonMutationLevel.CLUSTER_QUIET,
    }

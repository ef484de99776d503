"""Facts in memory: healthy when they begin, and every change of them is seen."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cutter_agent.errors import StopDocumentUnknown, StopRefusedInput, StopSourceUnreadable
from cutter_agent.evidence.canonical import canonical_bytes, sha256_hex
from cutter_agent.orchestrator import grants
from cutter_agent.orchestrator.facts import Census, NonMutationLevel, non_mutation_level
from cutter_agent.orchestrator.factsheet import differences, read_facts
from cutter_agent.orchestrator.phases.grant_probe import grant_probe
from cutter_agent.orchestrator.ports import Facts, RehearsalDiscoverer
from cutter_agent.rehearsal import InMemoryDiscoverer
from worlds.small import DOC, TEXT, facts_of, next_facts


def as_port(facts: InMemoryDiscoverer) -> RehearsalDiscoverer:
    """The discoverer as the runner takes it; the type checker holds the two together."""
    return facts


def test_a_text_is_a_source_with_its_digest() -> None:
    facts = InMemoryDiscoverer.from_text(
        "ICX", "# Điều\n", "markdown", 3, title="Title", effective_date="2026-01-02"
    )
    version = as_port(facts).latest_source_version("ICX")
    assert version is not None
    source = facts.source_bytes(version.source_version_id)
    assert source == "# Điều\n".encode()
    assert (version.sha256, version.byte_len) == (sha256_hex(source), len(source))
    assert (version.version_no, version.effective_date) == (3, "2026-01-02")
    assert sha256_hex(version.profile_toml) == version.profile_sha256
    document = facts.find_source_document("ICX")
    assert document is not None
    assert document.title == "Title"


def test_the_same_content_has_the_same_id() -> None:
    first, second = (facts_of().latest_source_version(DOC) for _ in range(2))
    assert first == second
    other = facts_of(TEXT + "more\n").latest_source_version(DOC)
    assert first is not None
    assert other is not None
    assert first.source_version_id != other.source_version_id


def test_what_is_not_there_is_none() -> None:
    facts = facts_of()
    assert facts.find_source_document("NOBODY") is None
    assert facts.latest_source_version("NOBODY") is None
    assert facts.in_force("NOBODY") == ()
    assert facts.census("NOBODY") == Census(0, 0, 0, 0, 0)
    with pytest.raises(StopDocumentUnknown):
        facts.source_bytes("nothing")


def test_a_profile_of_ones_own_is_taken_and_a_wrong_one_refused() -> None:
    toml = (
        Path(grants.__file__).parents[1] / "document" / "profiles" / "markdown.toml"
    ).read_bytes()
    facts = InMemoryDiscoverer.from_text(DOC, TEXT, profile_toml=toml)
    version = facts.latest_source_version(DOC)
    assert version is not None
    assert version.profile_toml == toml
    with pytest.raises(StopRefusedInput):
        InMemoryDiscoverer.from_text(DOC, TEXT, profile_toml=b"not toml [")
    with pytest.raises(StopRefusedInput):
        InMemoryDiscoverer.from_text(DOC, TEXT, "no-such-profile")
    with pytest.raises(StopSourceUnreadable):
        InMemoryDiscoverer.from_text(DOC, "a\ud800")


def test_a_healthy_catalogue_passes_the_grant_probe() -> None:
    probed = grant_probe(facts_of())
    assert probed.functions == len(grants.CANONICAL_FUNCTIONS)
    assert probed.entries > 0
    lacking = (
        probed.exec_missing,
        probed.verify_missing,
        probed.review_missing,
        probed.public_execute,
        probed.dml_held,
    )
    assert lacking == ((), (), (), (), ())


def test_a_missing_or_a_leaked_grant_is_probed() -> None:
    facts = facts_of()
    facts.revoke(grants.ROLE_EXEC, "EXECUTE", "iu.fn_iu_enact")
    facts.revoke(grants.ROLE_VERIFY, "SELECT", "cutter_governance.verify_result", kind="relation")
    facts.revoke(grants.ROLE_REVIEW, "SELECT", "cutter_governance.review_decision", kind="relation")
    facts.grant("PUBLIC", "EXECUTE", "iu.fn_iu_create")
    facts.grant(grants.ROLE_READER, "INSERT", "iu.unit_version", kind="relation")
    probed = grant_probe(facts)
    assert probed.exec_missing == ("iu.fn_iu_enact",)
    assert probed.verify_missing == ("SELECT cutter_governance.verify_result",)
    assert probed.review_missing == ("SELECT cutter_governance.review_decision",)
    assert probed.public_execute == ("iu.fn_iu_create()",)
    assert probed.dml_held == (f"{grants.ROLE_READER} INSERT iu.unit_version",)


DRIFTS: dict[str, tuple[set[str], Callable[[InMemoryDiscoverer], object]]] = {
    "source bytes": ({"source_sha256"}, lambda f: f.replace_source(DOC, "# Other\n")),
    "source bytes under their old checksum": (
        {"source_sha256"},
        lambda f: f.replace_source(DOC, "# Other\n", keep_checksum=True),
    ),
    "a new version": (
        {"source_sha256", "source_version_id"},
        lambda f: f.add_version(DOC, "# Other\n", "markdown"),
    ),
    "another profile": (
        {"profile_sha256", "source_version_id"},
        lambda f: f.add_version(DOC, TEXT, "vn-charter"),
    ),
    "the title": ({"document"}, lambda f: f.rename_document(DOC, "Other")),
    "no document": (
        {"document", "profile_sha256", "source_sha256", "source_version_id"},
        lambda f: f.remove_document(DOC),
    ),
    "a function": (
        {"functions_sha256"},
        lambda f: f.replace_function("iu.fn_iu_enact", "without a search_path"),
    ),
    "no function": ({"functions_sha256"}, lambda f: f.drop_function("iu.fn_iu_enact")),
    "a grant more": (
        {"grants_sha256"},
        lambda f: f.grant("PUBLIC", "EXECUTE", "iu.fn_iu_enact"),
    ),
    "a grant less": (
        {"grants_sha256"},
        lambda f: f.revoke(grants.ROLE_EXEC, "EXECUTE", "iu.fn_iu_enact"),
    ),
    "the vocabulary": ({"vocab_sha256"}, lambda f: f.replace_vocab(["section"])),
    "what is in force": (
        {"in_force_sha256"},
        lambda f: f.put_in_force(DOC, next_facts().in_force(DOC)),
    ),
}


@pytest.mark.parametrize("change", DRIFTS)
def test_every_change_is_seen_in_the_fact_sheet(change: str) -> None:
    names, act = DRIFTS[change]
    facts = facts_of()
    then = read_facts(facts, DOC, policy_sha256="none")
    assert read_facts(facts, DOC, policy_sha256="none") == then
    act(facts)
    now = read_facts(facts, DOC, policy_sha256="none")
    assert {each.name for each in differences(then, now)} == names


def test_a_kept_checksum_no_longer_fits_its_bytes() -> None:
    facts = facts_of()
    facts.replace_source(DOC, "# Other\n", keep_checksum=True)
    version = facts.latest_source_version(DOC)
    assert version is not None
    assert version.sha256 != sha256_hex(facts.source_bytes(version.source_version_id))


def test_the_witness_sees_content_and_no_more() -> None:
    facts: Facts = facts_of()
    before = facts.mutation_reading()
    assert (before.own_xid, before.snapshot_xmax, before.role_read_only) == (None, "", True)
    assert non_mutation_level(before, facts.mutation_reading()) is NonMutationLevel.CONTENT_EQUAL
    changed = facts_of(TEXT + "more\n").mutation_reading()
    assert non_mutation_level(before, changed) is NonMutationLevel.NOT_PROVEN


def test_the_census_counts_what_is_in_force() -> None:
    facts = next_facts()
    assert facts.census(DOC) == Census(3, 0, 3, 3, 6)
    kinds = facts.vocab_snapshot()
    assert kinds.sha256 == sha256_hex(canonical_bytes(sorted(kinds.kinds)))
    assert facts.database_identity().text == "memory/0"

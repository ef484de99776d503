"""A trial tells what each rule matched, and why a candidate was refused."""

from cutter_agent.document.grammar import parse_profile
from cutter_agent.document.marks import mark_text
from cutter_agent.document.profiles import shipped
from cutter_agent.document.trial import try_profile

LAW = parse_profile(shipped("vn-law"))
TEXT = (
    "QUY CHẾ\n\nĐiều 1. Một & hai\n1. Một.\na) A.\nĐiều 7 của Luật này.\n"
    "Điều 2. Hai\n“Điều 9. Trích\n1. Trích.”\n"
)


def test_a_trial_names_what_each_rule_matched_and_why_it_was_refused() -> None:
    trial = try_profile(TEXT.encode(), LAW, code="X")
    rules = {each.rule: each for each in trial.rules}
    assert rules["article"].matched == 4
    assert rules["article"].taken == 2
    assert sum(count for _, count in rules["article"].refused) == 2
    assert rules["point"].taken == 1
    assert rules["annex"].matched == 0


def test_every_place_has_its_line_its_byte_and_a_verdict() -> None:
    source = TEXT.encode()
    trial = try_profile(source, LAW, code="X")
    assert [match.line for match in trial.matches] == [3, 4, 5, 6, 7, 8, 9]
    lines = source.split(b"\n")
    for match in trial.matches:
        assert source[: match.start].count(b"\n") == match.line - 1
        assert lines[match.line - 1].decode() == match.text
        assert bool(match.taken_as) != bool(match.reason)
    verdicts = {match.line: match.reason for match in trial.matches if match.reason}
    assert verdicts == {
        6: "its number does not follow",
        8: "stands behind a quotation mark",
        9: "inside a quotation",
    }


def test_a_trial_has_the_very_marks_of_a_cut() -> None:
    trial = try_profile(TEXT.encode(), LAW, code="X")
    assert trial.marked == mark_text(TEXT.encode(), LAW, code="X")
    taken = [match.start for match in trial.matches if match.taken_as]
    assert taken == [unit.start for unit in trial.marked.units if unit.num]


def test_a_text_without_units_still_shows_what_matched() -> None:
    trial = try_profile("Điều 7 của Luật này.\nđiều khác\n".encode(), LAW, code="X")
    assert trial.marked is None
    assert "0 units" in trial.why_none
    assert [match.reason for match in trial.matches] == ["its number does not follow"]

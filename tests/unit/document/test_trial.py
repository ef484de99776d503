"""A trial tells what each rule matched, and why a candidate was refused."""

from cutter_agent.document.grammar import parse_profile
from cutter_agent.document.profiles import shipped
from cutter_agent.document.trial import try_profile

LAW = parse_profile(shipped("vn-law"))
TEXT = (
    "QUY CHẾ\n\nĐiều 1. Một & hai\n1. Một.\na) A.\nĐiều 7 của Luật này.\n"
    "Điều 2. Hai\n“Điều 9. Trích\n1. Trích.”\n"
)


def test_a_trial_names_what_each_rule_matched_and_why_it_was_refused() -> None:
    trials = {trial.rule: trial for trial in try_profile(TEXT.encode(), LAW)}
    assert trials["article"].matched == 4
    assert trials["article"].accepted == 2
    assert sum(count for _, count in trials["article"].refused) == 2
    assert trials["article"].samples[0].startswith("Điều 1.")
    assert trials["point"].accepted == 1
    assert trials["annex"].matched == 0

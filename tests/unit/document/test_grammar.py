"""A profile is read strictly, and a pattern whose cost has no limit is refused."""

import re

import pytest

from cutter_agent.document.grammar import parse_profile
from cutter_agent.document.pattern import lint_pattern
from cutter_agent.document.profiles import shipped, shipped_names
from cutter_agent.errors import StopRefusedInput

HEAD = 'schema = "cutter.profile/1"\nname = "mine"\ntitle = "Mine"\n'
RULE = '[[rule]]\nname = "a"\nkind = "article"\nlevel = 1\nwords = ["Art"]\nnumbering = "arabic"\n'
FORM = 'forms = ["<word><s><num><sep>"]\n'


@pytest.mark.parametrize("name", shipped_names())
def test_every_shipped_profile_is_well_formed_and_named_like_its_file(name: str) -> None:
    profile = parse_profile(shipped(name))
    assert profile.name == name
    assert len(profile.toml_sha256) == 64
    assert all(re.compile(rule.numbering.pattern).groups == 0 for rule in profile.rules)


def test_the_small_profile_of_these_tests_is_well_formed() -> None:
    assert parse_profile((HEAD + RULE + FORM).encode()).rules[0].alias == "a"


@pytest.mark.parametrize(
    ("toml", "word"),
    [
        (b"\xff", "not TOML"),
        (b"= 1", "not TOML"),
        (b'schema = "other/1"', "schema"),
        (HEAD.encode(), "0 rules"),
        ((HEAD.replace("mine", "Mine X") + RULE + FORM).encode(), "name"),
        ((HEAD + RULE).encode(), "no forms"),
        ((HEAD + "color = 1\n" + RULE + FORM).encode(), "not known: color"),
        ((HEAD + RULE + FORM + 'shade = "x"\n').encode(), "not known: shade"),
        ((HEAD + RULE.replace("article", "clauset") + FORM).encode(), "kind"),
        ((HEAD + RULE.replace("arabic", "abacus") + FORM).encode(), "abacus"),
        ((HEAD + RULE + 'role = "guest"\n' + FORM).encode(), "role"),
        ((HEAD + RULE + FORM + RULE + FORM).encode(), "two rules"),
        ((HEAD + RULE + 'role = "group"\n' + FORM).encode(), "no rule makes units"),
        ((HEAD + RULE + 'forms = ["<word>"]\n').encode(), "go together"),
        ((HEAD + RULE + 'token = "A/B"\n' + FORM).encode(), "token"),
        ((HEAD + RULE.replace("level = 1", 'level = "x"') + FORM).encode(), "whole number"),
        ((HEAD + 'quotes = ["abc"]\n' + RULE + FORM).encode(), "quotes"),
        ((HEAD + RULE + FORM + '[status]\ndefault = "x"\n').encode(), "default status"),
    ],
)
def test_a_wrong_profile_is_refused_with_the_reason(toml: bytes, word: str) -> None:
    with pytest.raises(StopRefusedInput) as stop:
        parse_profile(toml)
    assert word in stop.value.fact


def test_a_form_that_every_line_matches_is_refused() -> None:
    toml = HEAD + '[[rule]]\nname = "a"\nkind = "article"\nlevel = 1\nforms = ["x?"]\n'
    with pytest.raises(StopRefusedInput, match="nothing at all"):
        parse_profile(toml.encode())


@pytest.mark.parametrize(
    "pattern",
    [
        "a*",
        "a+",
        "a{2,}",
        "(a{0,9}){0,9}",
        "(?:a|b){0,9}",
        "(?:a{0,9}){0,9}",
        "(a)",
        "(?P<n>a)",
        "(?<=a)b",
        r"\d",
        r"\s",
        r"[\d]",
        "[^a]",
        "[a",
        "(?:a",
        "a)",
        "^a",
        r"(?:a)\1",
        "?",
        "a{0,9}{0,9}",
        "a{0,900}b{0,900}",
    ],
)
def test_a_pattern_outside_the_small_language_is_refused(pattern: str) -> None:
    with pytest.raises(StopRefusedInput):
        lint_pattern(pattern, "a test")


@pytest.mark.parametrize(
    "pattern", ["Art[.]?", r"(?:a|b)c{1,3}", r"[^\n]{0,80}", r"(?=x)x\.", "a{0,90}b{0,9}"]
)
def test_a_pattern_of_the_small_language_passes(pattern: str) -> None:
    lint_pattern(pattern, "a test")

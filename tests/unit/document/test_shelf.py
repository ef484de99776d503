"""Profiles by name: the shipped ones and a deployment's own."""

import pytest

from cutter_agent.document.profiles import shipped, shipped_names
from cutter_agent.document.shelf import OWN, SHIPPED, Shelf
from cutter_agent.errors import StopRefusedInput

OWN_TOML = b"""
schema = "cutter.profile/1"
name = "order"
title = "Orders of a house"
languages = ["en"]

[[rule]]
name = "order"
kind = "article"
token = "ORDER"
level = 40
words = ["Order"]
numbering = "arabic"
forms = ["<word><s><num>[.]"]
"""


def test_own_profiles_stand_beside_the_shipped_ones() -> None:
    shelf = Shelf({"order": OWN_TOML})
    assert set(shelf.names) == {*shipped_names(), "order"}
    assert (shelf.origin("order"), shelf.origin("vn-law")) == (OWN, SHIPPED)
    assert shelf.toml("order") == OWN_TOML
    assert shelf.toml("vn-law") == shipped("vn-law")
    assert [profile.name for profile in shelf.profiles()] == list(shelf.names)


def test_the_name_of_a_shipped_profile_is_taken() -> None:
    with pytest.raises(StopRefusedInput, match="name of a shipped one"):
        Shelf({"vn-law": OWN_TOML.replace(b'"order"', b'"vn-law"')})


@pytest.mark.parametrize("name", ["Order", "a b", "../x", "", "x" * 60, "ordеr"])
def test_a_name_is_a_plain_word(name: str) -> None:
    with pytest.raises(StopRefusedInput, match="cannot name a profile"):
        Shelf({name: OWN_TOML})


def test_a_profile_is_called_as_its_file() -> None:
    with pytest.raises(StopRefusedInput, match="calls itself order"):
        Shelf({"other": OWN_TOML}).profile("other")


def test_one_unsound_profile_stops_detection_but_no_other_name() -> None:
    shelf = Shelf({"order": OWN_TOML + b"colour = 1\n"})
    with pytest.raises(StopRefusedInput, match="not known: colour"):
        shelf.profiles()
    assert shelf.profile("vn-law").name == "vn-law"


def test_an_unknown_name_is_told_which_there_are() -> None:
    with pytest.raises(StopRefusedInput, match="vn-law"):
        Shelf().profile("nothing")


FORMS = b'forms = ["<word><s><num>[.]"]'
HOSTILE = {
    "no TOML": (b"= = =", "not TOML"),
    "not UTF-8": (b'schema = "\xff"', "not TOML"),
    "a NUL": (OWN_TOML + b"\0", "not TOML"),
    "a megabyte": (OWN_TOML + b"#" * 1_000_000, "longer than"),
    "deep lists": (b"a = " + b"[" * 50_000, "nests too deeply"),
    "deep tables": (b"a = " + b"{a=" * 50_000, "nests too deeply"),
    "a number of six thousand digits": (OWN_TOML + b"x = " + b"9" * 6000, "not TOML"),
    "a field twice": (OWN_TOML + b"level = 1\n", "not TOML"),
    "another schema": (OWN_TOML.replace(b"profile/1", b"profile/9"), "says schema"),
    "an unknown field": (OWN_TOML.replace(b"languages", b"lang"), "not known: lang"),
    "a field of another type": (OWN_TOML.replace(b"level = 40", b'level = "x"'), "a whole number"),
    "a truth value for a number": (OWN_TOML.replace(b"level = 40", b"level = true"), "whole number"),
    "a level out of range": (OWN_TOML.replace(b"level = 40", b"level = 400"), "has level 400"),
    "an unknown kind": (OWN_TOML.replace(b'"article"', b'"law"'), "names the kind"),
    "an unknown numbering": (OWN_TOML.replace(b'"arabic"', b'"elvish"'), "counts in"),
    "no rule": (OWN_TOML.partition(b"[[rule]]")[0], "0 rules"),
    "no forms": (OWN_TOML.replace(FORMS, b"forms = []"), "no forms"),
    "nested repetition": (OWN_TOML.replace(FORMS, b'forms = ["(?:a{1,9}){1,9}<num>"]'), "repeated group"),
    "an unbounded repetition": (OWN_TOML.replace(FORMS, b'forms = ["a*<num>"]'), "unbounded"),
    "too many ways": (OWN_TOML.replace(FORMS, b'forms = ["a{0,500}a{0,500}<num>"]'), "ways at one place"),
    "a back-reference": (OWN_TOML.replace(FORMS, rb'forms = ["\\1<num>"]'), "not allowed"),
    "a look-behind": (OWN_TOML.replace(FORMS, b'forms = ["(?<=a)<num>"]'), "groups are allowed"),
    "inline flags": (OWN_TOML.replace(FORMS, b'forms = ["(?i)a<num>"]'), "groups are allowed"),
    "every line": (OWN_TOML.replace(FORMS, b'forms = ["a?"]').replace(b'numbering = "arabic"\n', b""), "matches nothing at all"),
    "two numbers": (OWN_TOML.replace(FORMS, b'forms = ["<num>-<num>"]'), "one <num>"),
    "a line's end": (OWN_TOML.replace(FORMS, rb'forms = ["<num>\\n"]'), "look-ahead"),
    "other scripts' digits": (OWN_TOML.replace(FORMS, rb'forms = ["\\d<num>"]'), "write \\[0-9\\]"),
    "an odd pair of quotes": (OWN_TOML.replace(b"languages", b'quotes = ["x"]\nlanguages'), "an opening and a closing"),
    "a token with a slash": (OWN_TOML.replace(b'"ORDER"', b'"A/B"'), "has the token"),
    "too many rules": (OWN_TOML + (b"[[rule]]" + OWN_TOML.partition(b"[[rule]]")[2]) * 80, "81 rules"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_profile_is_refused_with_the_reason(name: str) -> None:
    toml, reason = HOSTILE[name]
    with pytest.raises(StopRefusedInput, match=reason):
        Shelf({"order": toml}).profile("order")

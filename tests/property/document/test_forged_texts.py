"""Thousands of texts made to break the cut: each is tiled or a stop, and the judge is no blind one."""

import os
from collections import Counter
from dataclasses import replace

from cutter_agent.document.marks import mark_text
from cutter_agent.document.profiles import shipped_names
from forge.texts import LAWS, Texts, faults, profile_of, share, verdict

INPUTS = int(os.environ.get("CUTTER_FUZZ_INPUTS", "4000"))
SOURCE = LAWS["vn-law"].replace("|", "\n").encode()


def test_every_forged_text_is_tiled_or_a_stop() -> None:
    told, bad = share(int(os.environ.get("CUTTER_FUZZ_SEED", "7")), INPUTS)
    assert bad == []
    assert told.total() == INPUTS
    assert told["tiled"] > INPUTS // 4
    assert told["tiled, with an error"] > INPUTS // 50
    assert told["STOP_OVER_SIZE"] > INPUTS // 50
    assert told["STOP_SOURCE_UNREADABLE"] > INPUTS // 100


def test_every_profile_has_a_law_that_it_cuts_and_the_forger_bends_it() -> None:
    drawn = Counter(name for name, _ in Texts(1).inputs(2_000))
    assert set(drawn) == set(shipped_names())
    for name, law in LAWS.items():
        word, wrong = verdict(name, law.replace("|", "\n").encode(), 0)
        assert (word.startswith("tiled"), wrong) == (True, []), name


def test_the_same_seed_forges_the_same_texts() -> None:
    assert list(Texts(3).inputs(50)) == list(Texts(3).inputs(50))
    assert list(Texts(3).inputs(50)) != list(Texts(4).inputs(50))


def test_the_judge_sees_each_fault() -> None:
    marked = mark_text(SOURCE, profile_of("vn-law"), code="DOC")
    assert faults(SOURCE, marked) == []
    first, second, *rest = marked.units
    coverage = replace(marked.coverage, unaccounted_bytes=1)
    wrong = {
        "do not tile": replace(marked, units=(second, *rest)),
        "not closed": replace(marked, coverage=coverage),
        "share an address": replace(
            marked, units=(first, second._replace(address=rest[0].address), *rest)
        ),
        "digest": replace(marked, units=(first._replace(text_sha256="0" * 64), second, *rest)),
        "no candidate": replace(
            marked, units=(first, second, *rest[:-1], rest[-1]._replace(parent="DOC/X"))
        ),
        "beyond itself": replace(
            marked, units=(first._replace(start=first.own_spans[0][0] + 1), second, *rest)
        ),
        "no unit, and no stop": replace(
            marked, units=tuple(u for u in marked.units if not u.is_content)
        ),
    }
    for sentence, broken in wrong.items():
        assert any(sentence in fault for fault in faults(SOURCE, broken)), sentence
    cut = SOURCE.index("ơ".encode()) + 1
    split = first._replace(own_spans=((0, cut),), end=cut)
    assert any(
        "inside of a character" in fault
        for fault in faults(SOURCE[:cut], replace(marked, units=(split,)))
    )

"""Documents, workers, kills: every phase once, every approval consumed once, whatever was killed.

The long form takes its size from the environment: CUTTER_STORM="2000 documents 4 workers 8 kills 2 server kills".
Up to a quarter of the documents are real texts, where there is a corpus.
"""

import os
import re
import secrets
import sys
from pathlib import Path

import pytest
from tests.audit import in_force, no_secret, planned
from tests.live import settle_backups
from tests.own_server import own_home, up

from worker.fleet import PROFILE, audit_fleet, small_law
from worker.real_laws import real_laws
from worker.storm import Storm, Weather

SHORT = "24 documents 2 workers 2 kills 1 server kill"
SHOWN = 50
"""Generated documents, beside all real ones, whose text in force is compared with their source, unit by unit."""


def test_a_storm_of_kills_leaves_every_document_cut_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], corpus_if_any: Path | None
) -> None:
    size = os.environ.get("CUTTER_STORM") or SHORT
    documents, workers, kills, server_kills = map(int, re.findall(r"\d+", size))
    seed = int(os.environ.get("CUTTER_STORM_SEED") or secrets.randbelow(10_000))
    real = real_laws(corpus_if_any, documents // 4) if corpus_if_any else {}
    laws = {code: law.body for code, law in real.items()}
    laws |= dict(small_law(number) for number in range(documents - len(laws)))
    profiles = {code: law.profile for code, law in real.items()}

    def tell(sentence: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{sentence}")
            sys.stdout.flush()

    tell(f"storm of seed {seed}: {size}, {len(real)} of them real texts")
    with own_home(tmp_path) as home:
        settle_backups(home)
        weather = Weather.drawn(seed, workers, kills, server_kills)
        storm = Storm(home, laws, profiles, weather, tell, tmp_path / "log")
        storm.blow()
        with up(home) as deployed:
            audit_fleet(deployed, list(laws))
            for code in [*real, *list(laws)[-SHOWN:]]:
                profile = profiles.get(code, PROFILE)
                assert in_force(deployed, code) == planned(laws[code], code, profile)
            no_secret(deployed)
    rate = documents / storm.took_s
    tell(
        f"{documents} documents in {storm.took_s:.0f} s: {rate:.2f} a second, both approvals of each included\n"
    )

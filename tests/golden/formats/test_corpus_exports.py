"""Real documents that are exported are valid, and give the same units when they are read again."""

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parents[3] / "benchmarks" / "exports.py"
SMALL_BYTES = 30_000
FILES_MIN = 100


def test_every_small_document_is_exported_whole(corpus: Path) -> None:
    words = (sys.executable, str(PROGRAM), str(corpus), str(SMALL_BYTES))
    done = subprocess.run(words, check=True, capture_output=True)
    told = json.loads(done.stdout)
    assert told["failed"] == []
    assert told["files"] >= FILES_MIN
    assert told["held"] == dict.fromkeys(told["checks"], told["files"])

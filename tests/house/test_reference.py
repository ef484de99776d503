"""The reference page is what the code says now."""

import subprocess
import sys

from cutter_agent.errors import STOPS
from cutter_agent.orchestrator.line import PHASES
from cutter_agent.orchestrator.states import OrchestratorState
from house.tree import PROJECT

PAGE = (PROJECT / "docs" / "reference" / "contract.md").read_text("utf-8")


def test_page_is_what_the_code_says() -> None:
    written = subprocess.run(
        [sys.executable, "-c", "import generate, sys; sys.stdout.write(generate.page())"],
        cwd=PROJECT / "docs",
        capture_output=True,
        check=True,
    ).stdout.decode()
    assert written == PAGE, "run: make docs"


def test_page_names_every_state_invariant_and_stop() -> None:
    names = [
        *OrchestratorState,
        *(one.name for phase in PHASES for one in phase.yields.invariants),
        *(stop.code for stop in STOPS),
    ]
    assert [name for name in names if f"`{name}`" not in PAGE] == []

"""`cutter selftest`: it passes here, and says no where something is broken."""

import json

import pytest

from cutter_agent.cli import selftest
from cutter_agent.cli.main import run
from cutter_agent.document import profiles


def test_this_installation_passes_without_a_deployment(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["selftest", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "cutter.selftest/1"
    assert document["ok"] is True
    outcomes = {check["id"]: check["because"] for check in document["checks"]}
    assert set(outcomes) == set(selftest.CHECKS)
    assert outcomes["sample"] == "60 units, 4 excluded, 0 bytes unaccounted, closeout_reported"


def test_a_broken_installation_exits_with_13_and_names_the_check(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiles, "shipped", lambda name: b"not a profile")
    assert run(["selftest"]) == 13
    assert "✗ profiles" in capsys.readouterr().out


def test_an_enabled_constant_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cutter_agent.orchestrator.__execution_enabled__", True)
    assert not selftest.held("locks", selftest.locks_are_closed).held

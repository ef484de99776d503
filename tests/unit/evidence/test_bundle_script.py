"""The console's script calls a bundle good where `cutter evidence verify --offline` does, and nowhere else."""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.evidence.test_bundle import CHANGES, CHEATS, simulated_bundle
from tests.unit.evidence.test_policy_chain import CHEATS as CHAIN_CHEATS
from tests.unit.evidence.test_policy_chain import ONE, THREE, TWO
from tests.unit.evidence.test_policy_chain import bundle as chained

import cutter_agent
from cutter_agent.bootstrap.evidence import check_bundle
from cutter_agent.evidence.archive import pack, unpack
from cutter_agent.evidence.bundle import BundleContents, write_bundle
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.evidence.ed25519 import key_id
from cutter_agent.web.statics import README_TEXTS, static_bytes
from forge.bundles import ANNA, DATA, GOOD, STRANGER, request_body, signed
from forge.whole import FORGERIES, REQUESTS, WHOLE, bundle

PACKAGE = Path(cutter_agent.__file__).parent
SCRIPTS = (
    PACKAGE / "evidence" / "citation.js",
    *(
        PACKAGE / "web" / "static" / name
        for name in (
            "bundle_forms.js",
            "bundle_policy.js",
            "bundle_readme.js",
            "bundle_checks.js",
        )
    ),
)
PROGRAM = """
const fs = require("fs");
globalThis.document = { getElementById: () => null };
const [known, texts, scripts, files] = JSON.parse(fs.readFileSync(0));
const source = texts + scripts.map((name) => fs.readFileSync(name, "utf-8")).join("\\n");
const check = new Function(`${source}; return bundles.check;`)();
(async () => {
  const found = [];
  for (const name of files) found.push(await check(new Uint8Array(fs.readFileSync(name)), known));
  process.stdout.write(JSON.stringify(found));
})();
"""
Failed = list[set[str]]
Script = Callable[..., Failed]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """The ids of the checks that fail in the script, for each of these bundles."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on this machine: apt install nodejs")

    def run(*bundles: BundleContents | bytes, known: dict[str, str] | None = None) -> Failed:
        names, texts = [], static_bytes(README_TEXTS).decode()
        for at, each in enumerate(bundles):
            names.append(str(tmp_path / f"{at}.zip"))
            Path(names[-1]).write_bytes(each if isinstance(each, bytes) else write_bundle(each))
        answer = subprocess.run(
            [node, "--no-warnings", "-e", PROGRAM],
            input=json.dumps([known, texts, [str(name) for name in SCRIPTS], names]),
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert answer.returncode == 0, answer.stderr
        return [
            {row["id"] for row in rows if not row["held"]} for rows in json.loads(answer.stdout)
        ]

    return run


def in_python(bundle: BundleContents | bytes) -> set[str]:
    data = bundle if isinstance(bundle, bytes) else write_bundle(bundle)
    return {check.id for check in check_bundle(data) if not check.held}


def test_a_whole_bundle_holds_in_both(script: Script) -> None:
    assert in_python(WHOLE) == set()
    assert script(WHOLE) == [set()]


def test_every_forgery_fails_in_the_check_that_is_for_it(script: Script) -> None:
    assert len(FORGERIES) >= 8
    found = script(*(each for each, _ in FORGERIES.values()))
    for (name, (forgery, check)), failed in zip(FORGERIES.items(), found, strict=True):
        assert check in failed, name
        assert check in in_python(forgery), name


def test_the_script_is_never_milder_than_the_command(script: Script) -> None:
    cheats: dict[str, BundleContents | bytes] = {name: made for name, made, _ in CHEATS}
    cheats |= {name: chained(*steps) for name, (steps, _) in CHAIN_CHEATS.items()}
    for name, change in CHANGES:
        files = unpack(DATA)
        change(files)
        cheats[name] = pack(files)
    found = script(*cheats.values())
    for (name, cheat), failed in zip(cheats.items(), found, strict=True):
        assert in_python(cheat), name
        assert failed, name


@pytest.mark.parametrize("steps", [(ONE,), (ONE, TWO), (ONE, TWO, THREE)])
def test_a_chain_of_policies_that_was_signed_holds(script: Script, steps: tuple) -> None:
    [failed] = script(chained(*steps))
    assert not failed & {"bundle_whole", "policy_chain_is_signed"}


def test_bundles_of_every_make_are_whole_as_the_program_writes_them(script: Script) -> None:
    asked = request_body()
    for failed in script(
        GOOD,
        replace(GOOD, requests=(signed(asked, refused=True, anna=ANNA),)),
        replace(
            GOOD, requests=(), policy_signatures=(), log_key=None, log_entries=(), log_growth=()
        ),
        replace(chained(ONE, TWO), log_entries=(), log_growth=()),
    ):
        assert "bundle_whole" not in failed


def test_no_bit_of_a_bundle_can_be_changed(script: Script) -> None:
    data = write_bundle(WHOLE)
    places = range(0, len(data), 199)
    changed = [data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] for at in places]
    assert all(failed == {"bundle_whole"} for failed in script(*changed))


def test_a_simulated_bundle_is_none_of_a_live_run(script: Script) -> None:
    simulated = simulated_bundle()
    live, shown_as_live = script(simulated, replace(simulated, simulated=False))
    assert not live & {"executor_signed", "verifier_signed", "units_are_the_manifests"}
    assert {"executor_signed", "verifier_signed", "approvals_are_there"} <= shown_as_live


def test_what_is_known_from_elsewhere_must_be_the_bundles(script: Script) -> None:
    known = {
        "run_id": WHOLE.run_id,
        "executor": key_id(WHOLE.executor_key),
        "verifier": key_id(WHOLE.verifier_key),
        "policy": sha256_hex(WHOLE.policy),
        "log": WHOLE.log_key.line if WHOLE.log_key else "",
    }
    assert script(WHOLE, known=known) == [set()]
    made_anew = bundle(REQUESTS, by=STRANGER)
    assert script(made_anew) == [set()], "whoever makes keys can make a bundle"
    assert script(made_anew, known=known) == [{"keys_are_the_known_ones"}]
    for name in known:
        assert script(WHOLE, known=known | {name: "other"}) == [{"keys_are_the_known_ones"}]

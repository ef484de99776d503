"""Evidence in the browser: a citation and a bundle hold, and turn red on one changed letter."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import Page, expect
from tests.browser.conftest import Console
from tests.runs import CODE

from cutter_agent.bootstrap.evidence import check_bundle
from cutter_agent.evidence.archive import pack
from cutter_agent.evidence.bundle import (
    BundleContents,
    bundle_files,
    read_bundle,
    write_bundle,
)
from cutter_agent.evidence.canonical import sha256_hex

HOLDS = "Checked here: everything holds"
BROKEN = "CHANGED OR FORGED: this does not hold"


def colour(page: Page, selector: str) -> str:
    """The colour that the reader sees there."""
    found: str = page.locator(selector).first.evaluate("e => getComputedStyle(e).stroke")
    return found


def test_a_citation_turns_red_on_one_changed_letter_and_back(console: Console) -> None:
    with console.visit("alice") as visit:
        page = visit.to(f"/units/{CODE}/DIEU-7")
        verdict = page.locator("#verdict")
        expect(verdict).to_have_text(HOLDS)
        assert page.locator("#checks li.held").count() == 4
        green = colour(page, ".merkle line.on")
        text = page.locator("#tried").input_value()
        page.locator("#tried").fill(text.replace("a", "e", 1))
        expect(verdict).to_have_text(BROKEN)
        assert page.locator("html").get_attribute("class") == "failed"
        assert page.locator("#checks li.failed").count() == 1
        assert colour(page, ".merkle line.on") != green, "the way to the root is drawn red"
        page.locator("#again").click()
        expect(verdict).to_have_text(HOLDS)
        assert colour(page, ".merkle line.on") == green
        assert visit.violations() == []


def test_the_way_is_drawn_with_a_box_for_each_hash(console: Console) -> None:
    with console.visit("alice") as visit:
        page = visit.to(f"/runs/{console.closed}/evidence?unit={CODE}/NT-1")
        expect(page.locator("#verdict")).to_have_text(HOLDS)
        steps = len(
            page.evaluate(
                "JSON.parse(document.getElementById('citation').textContent).proof.hashes"
            )
        )
        assert page.locator(".merkle rect").count() == 2 * steps + 1
        assert page.locator(".merkle rect.on").count() == steps + 1
        root = page.evaluate("JSON.parse(document.getElementById('citation').textContent).root")
        assert root[:8] in page.locator(".merkle text.path").last.text_content()


Forge = Callable[[BundleContents], BundleContents | bytes]


def relisted(name: str, body: bytes) -> Forge:
    """A file put in its place, and the list of digests made again."""

    def forged(contents: BundleContents) -> bytes:
        files = {**bundle_files(contents), name: body}
        del files["MANIFEST.sha256"]
        lines = [f"{sha256_hex(files[each])}  {each}\n" for each in sorted(files)]
        return pack({**files, "MANIFEST.sha256": "".join(lines).encode()})

    return forged


def swapped(contents: BundleContents) -> BundleContents:
    """Each gate's request with the other one's signatures."""
    first, second = contents.requests
    return replace(
        contents,
        requests=(
            replace(first, signatures=second.signatures),
            replace(second, signatures=first.signatures),
        ),
    )


FORGERIES: dict[str, tuple[Forge, str]] = {
    "a file more": (relisted("note.txt", b"x"), "bundle_whole"),
    "a payload for other tools": (relisted("statements/executor.json", b"{}"), "bundle_whole"),
    "another executor": (
        lambda good: replace(good, executor_key=good.verifier_key),
        "executor_signed",
    ),
    "a unit left out": (
        lambda good: replace(good, unit_records=good.unit_records[1:]),
        "units_are_the_manifests",
    ),
    "another plan": (lambda good: replace(good, plan=b"x"), "plan_is_the_signed_one"),
    "a policy that nobody signed": (
        lambda good: replace(good, policy_signatures=()),
        "policy_was_signed",
    ),
    "a signer left out": (
        lambda good: replace(good, signers=good.signers[1:]),
        "signers_are_the_policys",
    ),
    "signatures of the other gate": (swapped, "signatures_verify"),
    "no signature at one gate": (
        lambda good: replace(
            good, requests=(replace(good.requests[0], signatures=()), good.requests[1])
        ),
        "policy_was_followed",
    ),
    "a gate left out": (
        lambda good: replace(good, requests=good.requests[1:]),
        "approvals_are_there",
    ),
    "a log that tells of nothing": (
        lambda good: replace(good, log_entries=()),
        "log_tells_of_it",
    ),
    "another run's bundle": (
        lambda good: replace(good, run_id=good.run_id[:-1] + "z"),
        "keys_are_the_known_ones",
    ),
}


def test_a_bundle_holds_and_every_forgery_of_it_is_red(console: Console, downloads: Path) -> None:
    with console.visit("alice") as visit:
        page = visit.to(f"/runs/{console.closed}/evidence")
        page.locator("#check-bundle").click()
        verdict = page.locator("#bundle-verdict")
        expect(verdict).to_have_text(HOLDS)
        kept = downloads / "bundle.zip"
        with page.expect_download() as waiting:
            page.get_by_role("link", name="Download the bundle").click()
        waiting.value.save_as(kept)
        data = kept.read_bytes()
        shown = [line.split()[1].rstrip(":") for line in rows(page, "held")]
        assert shown == [*(check.id for check in check_bundle(data)), "keys_are_the_known_ones"]
        for name, (forge, check) in FORGERIES.items():
            forged = forge(read_bundle(data))
            kept.write_bytes(forged if isinstance(forged, bytes) else write_bundle(forged))
            page.reload()
            page.locator("#bundle-file").set_input_files(kept)
            expect(verdict).to_have_text(BROKEN)
            failed = {line.split()[1].rstrip(":") for line in rows(page, "failed")}
            assert check in failed, name
        assert visit.violations() == []


def rows(page: Page, verdict: str) -> list[str]:
    """The rows of the bundle's checks with this verdict."""
    found: list[str] = page.locator(f"#bundle-checks li.{verdict}").all_inner_texts()
    return found

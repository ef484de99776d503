"""Evidence in the browser: a citation and a bundle hold, and turn red on one changed letter."""

from pathlib import Path

from playwright.sync_api import Page, expect
from tests.browser.conftest import Console
from tests.runs import CODE

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


def test_a_bundle_holds_and_one_changed_letter_of_it_does_not(
    console: Console, downloads: Path
) -> None:
    with console.visit("alice") as visit:
        page = visit.to(f"/runs/{console.closed}/evidence")
        page.locator("#check-bundle").click()
        verdict = page.locator("#bundle-verdict")
        expect(verdict).to_have_text(HOLDS)
        assert page.locator("#bundle-checks li.held").count() == 5
        with page.expect_download() as waiting:
            page.get_by_role("link", name="Download the bundle").click()
        kept = downloads / "bundle.zip"
        waiting.value.save_as(kept)
        data = kept.read_bytes()
        for old, new, broken in (
            (b'"kind":"article"', b'"kind":"articlf"', {"files", "records"}),
            (
                b"-----BEGIN SSH SIGNATURE-----\nU1NIU0lH",
                b"-----BEGIN SSH SIGNATURE-----\nU1NIU0lI",
                {"files", "approvals"},
            ),
        ):
            assert old in data
            kept.write_bytes(data.replace(old, new, 1))
            page.locator("#bundle-file").set_input_files(kept)
            expect(verdict).to_have_text(BROKEN)
            failed = page.locator("#bundle-checks li.failed").all_inner_texts()
            assert {line.split()[1].rstrip(":") for line in failed} == broken
            page.reload()
        assert visit.violations() == []

"""News: what happens elsewhere appears on an open page."""

from playwright.sync_api import expect
from tests.browser.conftest import Console
from tests.runs import CHARTER

from cutter_agent.orchestrator import Mode


def test_a_run_that_begins_elsewhere_appears_without_loading_again(console: Console) -> None:
    with console.visit("alice") as visit:
        page = visit.to("/")
        expect(page.get_by_role("link", name="NEWS", exact=True)).to_have_count(0)
        page.evaluate("window.same = true")
        console.deployed.add(CHARTER, "NEWS")
        with console.deployed.runner() as runner:
            runner.cut(document_id="NEWS", mode=Mode.LIVE)
        expect(page.get_by_role("link", name="NEWS", exact=True)).to_be_visible()
        assert page.evaluate("window.same"), "the page was not loaded again"
        assert visit.violations() + visit.complaints == []


def test_what_a_reader_opened_stays_open_when_the_page_moves(console: Console) -> None:
    with console.visit("alice") as visit:
        page = visit.to(f"/runs/{console.waiting}")
        phase = page.locator("details[data-key=mark]")
        expect(phase).not_to_have_attribute("open", "")
        phase.locator("summary").click()
        expect(phase).to_have_attribute("open", "")
        with page.expect_response(lambda each: each.url.endswith(console.waiting)):
            page.evaluate(
                "htmx.ajax('GET', location.href, {target: '#live', select: '#live', swap: 'outerHTML'})"
            )
        expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)
        expect(page.locator("details[data-key=mark]")).to_have_attribute("open", "")
        expect(page.locator("details[data-key=cutplan]")).not_to_have_attribute("open", "")
        assert visit.violations() + visit.complaints == []

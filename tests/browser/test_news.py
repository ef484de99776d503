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

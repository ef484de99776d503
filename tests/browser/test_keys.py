"""The keyboard: j and k walk, a goes to the approve sheet; never while somebody types."""

from playwright.sync_api import expect
from tests.browser.conftest import Console

from cutter_agent.orchestrator import Mode


def test_j_and_k_walk_through_the_units_and_light_the_source(console: Console) -> None:
    with console.visit("alice") as visit:
        page = visit.to(f"/runs/{console.waiting}/plan")
        rows = page.locator(".tree a")
        here = page.locator(".tree a[aria-current] .name")
        assert rows.nth(0).get_attribute("aria-current") == "true"
        first, second = (rows.nth(n).locator(".name").inner_text().split()[0] for n in (0, 1))
        page.keyboard.press("j")
        expect(page.locator("#lit strong").first).to_have_text(second)
        assert here.inner_text().split()[0] == second
        assert "unit=" in page.url, "the place is in the address, for whoever it is sent to"
        page.keyboard.press("k")
        expect(page.locator("#lit strong").first).to_have_text(first)


def test_a_goes_to_the_approve_sheet_of_the_row_and_not_while_typing(console: Console) -> None:
    with console.visit("alice") as visit:
        page = visit.to("/")
        page.keyboard.press("j")
        page.keyboard.press("a")
        page.wait_for_url(f"**/runs/{console.waiting}/approve")
        box = page.locator("form[action$='/approve'] textarea")
        box.fill("")
        box.press("a")
        assert box.input_value() == "a"
        assert page.url.endswith("/approve")


def test_a_does_nothing_for_whoever_may_not_approve(console: Console) -> None:
    with console.visit("carol") as visit:
        page = visit.to(f"/runs/{console.waiting}")
        before = page.url
        page.keyboard.press("a")
        assert page.locator("[data-approve]").count() == 0
        assert page.url == before


def long_run(console: Console) -> str:
    """A dry run of a document with more units than a page of the tree shows."""
    body = "".join(f"# Section {n}\n\n{n}. A rule.\n\n" for n in range(1, 452)).encode()
    console.deployed.add(body, "LONG", profile="markdown")
    with console.deployed.runner() as runner:
        return runner.cut(document_id="LONG", mode=Mode.DRYRUN).run_id


def test_the_keys_go_on_beyond_a_page_and_a_unit_can_be_jumped_to(console: Console) -> None:
    run_id = long_run(console)
    with console.visit("alice") as visit:
        page = visit.to(f"/runs/{run_id}/plan")
        rows = page.locator(".tree a")
        here = page.locator(".tree a[aria-current] .name")
        assert rows.count() == 200
        last = rows.nth(199).locator(".name").evaluate("e => e.firstChild.textContent.trim()")
        page.locator(".tree a").nth(199).click()
        expect(page.locator("#lit strong").first).to_have_text(last)
        with page.expect_navigation():
            page.keyboard.press("j")
        assert page.locator(".pages", has_text="201–400").count()
        with page.expect_navigation():
            page.keyboard.press("k")
        assert here.evaluate("e => e.firstChild.textContent.trim()") == last
        page.keyboard.press("g")
        page.keyboard.type("not there")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert "the plan has no unit" in page.locator("main").inner_text()
        page.go_back()
        name = (
            page.locator(".tree a")
            .nth(5)
            .locator(".name")
            .evaluate("e => e.firstChild.textContent.trim()")
        )
        page.locator("[data-jump]").fill(name.lower())
        with page.expect_navigation():
            page.locator("[data-jump]").press("Enter")
        assert here.evaluate("e => e.firstChild.textContent.trim()") == name
        sheet = visit.to(f"/runs/{run_id}/approve")
        assert len(sheet.content()) < 150_000, "a page at a time, however many units"
        assert sheet.get_by_role("link", name="On →").count() == 1
        assert visit.violations() == []

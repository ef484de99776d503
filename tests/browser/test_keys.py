"""The keyboard: j and k walk, a goes to the approve sheet; never while somebody types."""

from tests.browser.conftest import Console


def test_j_and_k_walk_through_the_units_and_light_the_source(console: Console) -> None:
    with console.visit("alice") as visit:
        page = visit.to(f"/runs/{console.waiting}/plan")
        rows = page.locator(".tree a")
        here = page.locator(".tree a[aria-current] .name")
        assert rows.nth(0).get_attribute("aria-current") == "true"
        first, second = (rows.nth(n).locator(".name").inner_text().split()[0] for n in (0, 1))
        page.keyboard.press("j")
        page.wait_for_function(
            "name => document.querySelector('#lit strong').textContent.trim() === name", arg=second
        )
        assert here.inner_text().split()[0] == second
        assert "unit=" in page.url, "the place is in the address, for whoever it is sent to"
        page.keyboard.press("k")
        page.wait_for_function(
            "name => document.querySelector('#lit strong').textContent.trim() === name", arg=first
        )


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

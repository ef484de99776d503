"""Every screen: readable with and without a script, at both widths, in both lights, in both languages."""

import re
from itertools import product

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page
from tests.browser.conftest import PHONE, WIDE, Console

from cutter_agent.cli.main import run

SERIOUS = {"serious", "critical"}
ONLY_SCRIPTED = {"Check a citation that you have"}
"""What a browser without a script is not offered; the page names the command instead."""


COLOURS = ["color-contrast", "link-in-text-block"]
"""What light and dark can make different of the same page."""


def findings(page: Page, *, only: list[str] | None = None) -> list[str]:
    """What keeps people out of the page, serious or worse, with the first place of each."""
    options: dict[str, object] = {"resultTypes": ["violations"]}
    if only is not None:
        options["runOnly"] = {"type": "rule", "values": only}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{each['id']}: {each['help']}: {each['nodes'][0]['html'][:160]}"
        for each in found
        if each["impact"] in SERIOUS
    ]


def test_every_screen_is_open_to_everybody(console: Console) -> None:
    faults: dict[str, list[str]] = {}
    with console.visit("alice") as visit:
        for name, path in console.screens.items():
            page = visit.to(path)
            for size, light in product((WIDE, PHONE), ("light", "dark")):
                page.set_viewport_size(size)
                page.emulate_media(color_scheme=light)
                found = findings(page, only=COLOURS if light == "dark" else None)
                wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                if wider > 0:
                    found.append(f"{wider} px wider than the window")
                if found:
                    faults[f"{name}, {size['width']} px, {light}"] = found
            if complaints := visit.violations() + visit.complaints:
                faults[name] = complaints
                visit.complaints.clear()
    assert faults == {}


def headings(page: Page) -> list[str]:
    """The headings that a reader sees."""
    return page.locator("main h1:visible, main h2:visible").all_inner_texts()


def test_no_screen_needs_a_script_to_be_read(console: Console) -> None:
    with (
        console.visit("alice") as scripted,
        console.visit("alice", java_script_enabled=False) as plain,
    ):
        for name, path in console.screens.items():
            with_script = headings(scripted.to(path))
            page = plain.to(path)
            assert [each for each in with_script if each not in ONLY_SCRIPTED] == headings(page), (
                name
            )
            hidden = page.locator("[data-scripted]:visible, [data-copy]:visible")
            assert hidden.count() == 0, name
        text = plain.to(f"/runs/{console.waiting}/plan?unit=ICX-CONST/DIEU-12").locator("mark")
        assert "DIEU-12" in text.first.inner_text()
        form = plain.to(f"/runs/{console.waiting}/approve").locator("form[action$='/approve']")
        assert form.get_attribute("method") == "post"


def test_every_page_names_its_command_and_the_command_exists(console: Console) -> None:
    with console.visit("alice") as visit:
        for name, path in console.screens.items():
            if name in {"sign-in", "refusal"}:
                continue
            line = visit.to(path).locator(".twin code").inner_text().split()
            assert line[0] == "cutter", name
            words = [word for word in line[1:] if re.fullmatch("[a-z]+", word)][:2]
            assert run([*words, "--help"]) == 0 or run([words[0], "--help"]) == 0, line


def test_the_console_speaks_vietnamese_and_says_so(console: Console) -> None:
    with console.visit("alice") as visit:
        page = visit.to("/?lang=vi")
        assert page.locator("html").get_attribute("lang") == "vi"
        assert page.locator("h1").inner_text() == "Việc đang chờ"
        page = visit.to("/runs")
        assert page.locator("html").get_attribute("lang") == "vi", "the choice is kept"
        page = visit.to(f"/runs/{console.waiting}/plan?unit=ICX-CONST/DIEU-12")
        page.locator(".tongues a[lang=en]:visible").click()
        plan = page
        plan.wait_for_url("**lang=en**")
        assert "DIEU-12" in plan.locator("mark").first.inner_text(), "the place is kept"
        assert plan.locator("html").get_attribute("lang") == "en"
        assert plan.locator("ol.source").get_attribute("lang") == "vi", "the charter's own language"

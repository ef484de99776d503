"""One deployment, one server and one browser for the browser tests of a session."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from tests.live import Deployed, cut_live, deploy
from tests.runs import CHARTER, CHARTER_2, CODE

from clusters.fixtures import fresh_database
from cutter_agent.orchestrator import Mode
from cutter_agent.orchestrator.states import Gate
from cutter_agent.postgres.embedded import Server
from people import signature
from visitors import Served, served

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
WIDE = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}
PATIENCE_MS = 120_000
"""No test waits for a time; this only ends one that waits for what never comes."""
VIOLATIONS = "window.violations = []; addEventListener('securitypolicyviolation', e => violations.push(e.violatedDirective + ' ' + e.blockedURI));"


@dataclass
class Console:
    """The console as persons reach it."""

    deployed: Deployed
    server: Served
    browser: Browser
    closed: str
    waiting: str
    stopped: str

    @property
    def screens(self) -> dict[str, str]:
        """Every screen by name, each with something on it."""
        return {
            "inbox": "/",
            "runs": "/runs",
            "run": f"/runs/{self.waiting}",
            "closed run": f"/runs/{self.closed}",
            "stopped run": f"/runs/{self.stopped}",
            "plan": f"/runs/{self.waiting}/plan",
            "approve": f"/runs/{self.waiting}/approve",
            "evidence": f"/runs/{self.closed}/evidence",
            "documents": "/documents",
            "document": f"/documents/{CODE}",
            "unit": f"/units/{CODE}/DIEU-7",
            "batches": "/batches",
            "locks": f"/locks?document={CODE}",
            "policy": "/policy",
            "audit": "/audit",
            "system": "/system",
            "sign-in": "/sign-in?person=bob",
            "refusal": "/runs/ictr-20260101T000000Z-00000000",
        }

    def visit(self, person: str | None = None, **settings: object) -> "Visit":
        """A browser window of this person, or of a stranger."""
        window = self.browser.new_context(
            **{"viewport": WIDE, "locale": "en", "reduced_motion": "reduce", **settings}
        )
        window.set_default_timeout(PATIENCE_MS)
        window.add_init_script(VIOLATIONS)
        if person is not None:
            client = self.server.signed_in(person)
            cookies = [
                {"name": c.name, "value": c.value, "url": self.server.url}
                for c in client.cookies.jar
            ]
            window.add_cookies(cookies)
        return Visit(self, window, window.new_page(), [])


@dataclass
class Visit:
    """One person's window, and what its console complained of."""

    console: Console
    window: BrowserContext
    page: Page
    complaints: list[str]

    def __enter__(self) -> Self:
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return self

    def __exit__(self, *_: object) -> None:
        self.window.close()

    def _heard(self, message: object) -> None:
        if message.type in {"error", "warning"} and "status of 404" not in message.text:
            self.complaints.append(message.text)

    def to(self, path: str) -> Page:
        """The page at this path of the console."""
        self.page.goto(f"{self.console.server.url}{path}", wait_until="load")
        return self.page

    def violations(self) -> list[str]:
        """What the page's policy refused."""
        found: list[str] = self.page.evaluate("window.violations")
        return found

    def sign_in(self, person: str) -> None:
        """The person signs the challenge that the page shows, as with ssh-keygen."""
        page = self.to("/sign-in")
        page.get_by_role("link", name=person, exact=True).click()
        text = page.locator("pre.sheet").inner_text().strip() + "\n"
        page.locator("textarea[name=signature]").fill(
            signature(person, text.encode(), "signin@iu-cutter.v1").decode()
        )
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="Inbox").wait_for()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium of the system, if there is one.

    A module's, not a session's: while Playwright is started its event loop runs in this thread, and
    nothing else that wants a loop of its own can run here.
    """
    program = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("no Chromium on this machine: apt install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield started
        started.close()


Standing = tuple[Deployed, Served, str, str, str]


@pytest.fixture(scope="session")
def standing(cluster: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    """A deployment with a closed run, one that waits at SG_1 and one that was refused, served."""
    gates = {
        Gate.SG_1: (("alice", "bob"), 1),
        Gate.SG_2: (("alice", "bob"), 1),
        Gate.SG_3: (("alice", "bob"), 1),
    }
    with fresh_database(cluster) as database:
        deployed = deploy(database, tmp_path_factory.mktemp("console"), source=CHARTER, gates=gates)
        with deployed.runner() as runner:
            stopped = runner.cut(document_id="NO-SUCH", mode=Mode.LIVE).run_id
        closed = cut_live(deployed).run_id
        deployed.add(CHARTER_2)
        with deployed.runner() as runner:
            waiting = runner.cut(document_id=CODE, mode=Mode.LIVE).run_id
        with served(deployed.environ) as server:
            yield deployed, server, closed, waiting, stopped


@pytest.fixture(scope="module")
def console(browser: Browser, standing: Standing) -> Console:
    """The console that is served, and a browser to look at it."""
    deployed, server, closed, waiting, stopped = standing
    return Console(deployed, server, browser, closed, waiting, stopped)


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    """Where files from the console are kept for one test."""
    return tmp_path

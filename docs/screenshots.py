"""Pictures of every screen of the console, from a running one, into docs/screenshots.

A deployment is made and thrown away again: the sample charter is cut dry and live, its second version
waits at SG_1. A real browser signs in as its people do, and takes the pictures.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import sys
import tempfile
import threading
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import uvicorn

from cutter_agent.bootstrap import Desk, open_desk, sources
from cutter_agent.bootstrap.approvals import person_signer
from cutter_agent.bootstrap.batches import DeskLanes, batch_runner
from cutter_agent.bootstrap.console.desks import Desks
from cutter_agent.bootstrap.demo import play
from cutter_agent.bootstrap.sample import CHARTER_CODE, CHARTER_PROFILE, sample_path
from cutter_agent.document.profiles import shipped
from cutter_agent.orchestrator.batch_queue import Queue, QueueItem
from cutter_agent.orchestrator.result import RunResult
from cutter_agent.orchestrator.states import Mode
from cutter_agent.web.app import create_app
from cutter_agent.web.challenges import NAMESPACE

if TYPE_CHECKING:
    from playwright.sync_api import Page

FOLDER: Final = Path(__file__).resolve().parent / "screenshots"
WIDE: Final = {"width": 1360, "height": 900}
PHONE: Final = {"width": 390, "height": 844}
STARTS_S: Final = 30
SETTLES_MS: Final = 400
COLOURS_MAX: Final = 256
PLAIN_COLOURS: Final = 96
SHADE_BITS: Final = 0b1111_0000
SIDE_HIGH: Final = 560
"""Where the side of the shell ends."""
HEADS: Final = {"system": 410}
"""Screens whose rest tells of the machine that the picture was made on: only their head is shown."""
BATCH: Final = "small-laws"
LAWS: Final = (
    ("VN-LAW-SAMPLE", "vn-law-sample.md", "vn-law"),
    ("ACCESS-POLICY", "access-policy.md", "md-policy"),
)
"""Code, example and profile of what the batch takes along the line."""
SUB, UP, AVERAGE = 1, 2, 3
ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--font-render-hinting=none",
)


class Quiet:
    """Watches the demo and says nothing."""

    def scene(self, sentence: str) -> None:
        """Say nothing."""

    def step(self, name: str) -> None:
        """Say nothing."""

    def finished(self, result: RunResult) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Staged:
    """A deployment with something on every screen."""

    environ: dict[str, str]
    closed: str
    waiting: str


@contextmanager
def staged() -> Iterator[Staged]:
    """A deployment in a folder of its own, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="cutter-pictures-"))
    environ = {**os.environ, "CUTTER_HOME": str(folder / "home")}
    environ.pop("CUTTER_DATABASE_URL", None)
    try:
        played = play(environ, Quiet())
        with open_desk(environ) as desk:
            batch(desk, environ)
            waiting = second_version(desk)
        yield Staged(environ, played.live.run_id, waiting)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def second_version(desk: Desk) -> str:
    """The charter's second version waits at SG_1; returns its run."""
    sources.add_source(
        desk,
        sources.Offer(
            code=CHARTER_CODE,
            body=sample_path("icx-const-v2.md").read_bytes(),
            profile_toml=shipped(CHARTER_PROFILE),
        ),
    )
    desk.turn_switch(armed=True, reason="the second version of the charter")
    return desk.runner().cut(document_id=CHARTER_CODE, mode=Mode.LIVE).run_id


def batch(desk: Desk, environ: dict[str, str]) -> None:
    """A batch of small laws was run dry: two wait, one was never added."""
    for code, name, profile in LAWS:
        body = sample_path(name).read_bytes()
        offer = sources.Offer(code=code, body=body, profile_toml=shipped(profile))
        sources.add_source(desk, offer)
    queue = Queue(
        batch_id=BATCH,
        created_by="carol",
        created_utc="2026-01-31T12:00:00Z",
        default_scope="the small laws of the examples",
        default_actor="carol",
        items=tuple(QueueItem(code) for code in (*(law[0] for law in LAWS), "NOT-ADDED")),
    )
    with closing(DeskLanes(environ, 1)) as lanes:
        batch_runner(desk, queue, Mode.DRYRUN, lanes=lanes).run()


@contextmanager
def served(environ: dict[str, str]) -> Iterator[str]:
    """The console answers at this address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    desks = Desks(environ)
    config = uvicorn.Config(create_app(desks), port=port, log_level="warning", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + STARTS_S
    while not server.started:
        if time.monotonic() > until:
            raise SystemExit("the console does not start")
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def sign_in(page: Page, base: str, person: str, environ: dict[str, str]) -> None:
    """The person is signed in in this browser, by their own key."""
    page.goto(f"{base}/sign-in?person={person}")
    text = page.locator("pre.sheet").inner_text().strip() + "\n"
    with open_desk(environ) as desk:
        armor = person_signer(desk.home, person).sign_request(text.encode(), NAMESPACE)
    page.locator("textarea[name=signature]").fill(armor)
    page.locator("form[action='/sign-in'] button").click()
    page.wait_for_url(f"{base}/")


def screens(stage: Staged) -> dict[str, str]:
    """Every screen by the name of its picture."""
    return {
        "inbox": "/",
        "runs": "/runs",
        "run": f"/runs/{stage.waiting}",
        "plan": f"/runs/{stage.waiting}/plan?unit={CHARTER_CODE}/DIEU-12",
        "approve": f"/runs/{stage.waiting}/approve",
        "evidence": f"/runs/{stage.closed}/evidence",
        "documents": "/documents",
        "document": f"/documents/{CHARTER_CODE}",
        "unit": f"/units/{CHARTER_CODE}/DIEU-7",
        "batches": "/batches",
        "batch": f"/batches/{BATCH}",
        "policy": "/policy",
        "locks": f"/locks?document={CHARTER_CODE}",
        "audit": "/audit",
        "system": "/system",
    }


def draw(page: Page, base: str, stage: Staged, ending: str, names: set[str]) -> None:
    """A picture of each of these screens, as this browser shows it."""
    for name, path in screens(stage).items():
        if name not in names:
            continue
        page.goto(f"{base}{path}")
        page.wait_for_timeout(SETTLES_MS)
        if name == "unit":
            page.locator("#verdict", has_text="holds").wait_for()
        wide, high = page.viewport_size["width"], page.viewport_size["height"]
        end = page.evaluate("document.querySelector('.main').getBoundingClientRect().bottom")
        high = min(
            high, HEADS.get(name, high), max(SIDE_HIGH if wide > PHONE["width"] else 0, int(end))
        )
        shown = {"x": 0, "y": 0, "width": wide, "height": high}
        keep(FOLDER / f"{name}{ending}.png", page.screenshot(clip=shown))


def keep(path: Path, picture: bytes) -> None:
    """The picture lies at the path, small."""
    small = palette_png(picture)
    path.write_bytes(small)
    print(f"{path.relative_to(FOLDER.parent)}  {len(small) // 1024} KiB")


def pixels(picture: bytes) -> tuple[int, int, int, bytes]:
    """Width, height, bytes a pixel, and the pixels row by row (PNG, 8 bits, RGB or RGBA; RFC 2083)."""
    at, data, head = 8, b"", b""
    while at < len(picture):
        length = int.from_bytes(picture[at : at + 4])
        kind, body = picture[at + 4 : at + 8], picture[at + 8 : at + 8 + length]
        head = body if kind == b"IHDR" else head
        data += body if kind == b"IDAT" else b""
        at += 12 + length
    width, height = int.from_bytes(head[:4]), int.from_bytes(head[4:8])
    depth = {2: 3, 6: 4}[head[9]]
    raw, stride = zlib.decompress(data), width * depth
    before, rows = bytes(stride), bytearray()
    for row in range(height):
        start = row * (stride + 1)
        before = unfiltered(raw[start], raw[start + 1 : start + 1 + stride], before, depth)
        rows += before
    return width, height, depth, bytes(rows)


def unfiltered(kind: int, line: bytes, above: bytes, depth: int) -> bytes:
    """One row of pixels without its filter (RFC 2083, 6)."""
    if kind == 0:
        return line
    row = bytearray(line)
    for at in range(len(row)):
        left = row[at - depth] if at >= depth else 0
        corner = above[at - depth] if at >= depth else 0
        if kind == SUB:
            guess = left
        elif kind == UP:
            guess = above[at]
        elif kind == AVERAGE:
            guess = (left + above[at]) // 2
        else:
            guess = nearest(left, above[at], corner)
        row[at] = (row[at] + guess) & 0xFF
    return bytes(row)


def nearest(left: int, above: int, corner: int) -> int:
    """The neighbour that is nearest to what they foretell together (Paeth)."""
    guess = left + above - corner
    far = (abs(guess - left), abs(guess - above), abs(guess - corner))
    return (left, above, corner)[far.index(min(far))]


def palette_png(picture: bytes) -> bytes:
    """The same picture with at most 256 colours, one of each frequent shade, each pixel its nearest."""
    width, height, depth, rows = pixels(picture)
    flat = [rows[at : at + 3] for at in range(0, len(rows), depth)]
    counted, shades = Counter(flat), defaultdict[bytes, Counter[bytes]](Counter)
    for colour, count in counted.items():
        shades[bytes(part & SHADE_BITS for part in colour)][colour] = count
    shown = sorted(shades.values(), key=Counter.total, reverse=True)
    # The plain surfaces stay exactly as they are; of what is left, each shade gets one colour.
    wanted = [colour for colour, _ in counted.most_common(PLAIN_COLOURS)]
    wanted += [shade.most_common(1)[0][0] for shade in shown]
    often = list(dict.fromkeys(wanted))[:COLOURS_MAX]
    place = {colour: number for number, colour in enumerate(often)}
    for colour in counted.keys() - place.keys():
        near = (sum((a - b) ** 2 for a, b in zip(colour, other, strict=True)) for other in often)
        place[colour] = min(enumerate(near), key=lambda each: each[1])[0]
    index = bytes(place[colour] for colour in flat)
    lines = b"".join(b"\0" + index[at : at + width] for at in range(0, len(index), width))
    size = width.to_bytes(4) + height.to_bytes(4)
    chunks = (
        (b"IHDR", size + bytes((8, 3, 0, 0, 0))),
        (b"PLTE", b"".join(often)),
        (b"IDAT", zlib.compress(lines, 9)),
        (b"IEND", b""),
    )
    written = b"".join(
        len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)
        for kind, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + written


def main() -> int:
    """Write the pictures."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="only these screens")
    asked = set(parser.parse_args().names)
    program = shutil.which("chromium")
    if program is None:
        print("there is no chromium on this machine: apt install chromium", file=sys.stderr)
        return 1
    FOLDER.mkdir(exist_ok=True)
    with ExitStack() as stack:
        stage = stack.enter_context(staged())
        base = stack.enter_context(served(stage.environ))
        browser = stack.enter_context(sync_playwright()).chromium.launch(
            executable_path=program, args=list(ARGUMENTS)
        )
        stack.callback(browser.close)
        everything = set(screens(stage))
        for ending, size, light, names in (
            ("", WIDE, "light", everything),
            ("-dark", WIDE, "dark", {"plan", "run"}),
            ("-phone", PHONE, "light", {"plan", "run", "approve", "inbox"}),
        ):
            page = browser.new_page(viewport=size, color_scheme=light, locale="en")
            sign_in(page, base, "alice", stage.environ)
            draw(page, base, stage, ending, names & asked if asked else names)
            page.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""The console's pages, asked for one after the other, against a bare route that returns as many constant bytes."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
from ratios import Row

from cutter_agent.bootstrap import Home, open_desk, trust
from cutter_agent.bootstrap.approvals import person_signer
from cutter_agent.bootstrap.founding import Founding, found
from cutter_agent.bootstrap.people import new_key, next_policy
from cutter_agent.bootstrap.settings import read_settings, write_settings
from cutter_agent.bootstrap.sources import Offer, add_source
from cutter_agent.document.profiles import shipped
from cutter_agent.evidence.sshsig import POLICY_NAMESPACE
from cutter_agent.orchestrator import Mode
from cutter_agent.web.challenges import NAMESPACE

UNITS = 5_000
ASKED = 300
RUNS = 20
GOAL, GOAL_P99, GOAL_MEMORY = 60.0, 60.0, 6.0
PERSON = "bench"
BARE = """
import sys, uvicorn
from fastapi import FastAPI
from starlette.responses import HTMLResponse
app, page = FastAPI(), "x" * 20_000
@app.get("/")
def constant(): return HTMLResponse(page)
uvicorn.run(app, port=int(sys.argv[1]), log_config=None, access_log=False)
"""


def text() -> bytes:
    """A document whose every section is a unit."""
    words = "Whoever answers for this rule keeps a record of it. " * 5
    return "".join(f"# Section {n}\n\n{n}. {words}\n\n" for n in range(1, UNITS + 1)).encode()


def rows() -> Iterator[Row]:
    """Requests a second and the slowest of a hundred, of three pages; memory of the server after them."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "CUTTER_HOME": str(Path(folder) / "home")}
        run_id = deployed(Home(Path(folder) / "home"), environ)
        with serving(environ) as (url, server), bare() as (bare_url, peer):
            with httpx.Client(timeout=120) as client:
                client.headers["Authorization"] = f"Bearer {signed_in(client, url, environ)}"
                client.headers["Accept"] = "text/html"
                pages = {
                    f"inbox with {RUNS} runs": "/",
                    "run": f"/runs/{run_id}",
                    f"plan review at {UNITS:,} units": f"/runs/{run_id}/plan",
                }
                for name, path in pages.items():
                    yield from measured(name, client, f"{url}{path}", f"{bare_url}/")
            ours, theirs = resident(server), resident(peer)
            yield Row(
                f"memory of the server ({ours:.0f} MB)",
                f"a bare FastAPI server ({theirs:.0f} MB); the times stand for megabytes",
                ours / theirs,
                GOAL_MEMORY,
                "at most",
                ours / 1000,
                theirs / 1000,
            )


def measured(name: str, client: httpx.Client, page: str, constant: str) -> Iterator[Row]:
    """How long a page takes for each time that the constant one takes, at the median and at p99."""
    for each in (page, constant):
        assert client.get(each).status_code == 200, each
    ours, theirs = [], []
    for _ in range(ASKED):
        for times, address in ((ours, page), (theirs, constant)):
            began = time.perf_counter()
            client.get(address)
            times.append(time.perf_counter() - began)
    middle, bare_middle = statistics.median(ours), statistics.median(theirs)
    slow, bare_slow = (statistics.quantiles(each, n=100)[98] for each in (ours, theirs))
    against = "a bare FastAPI route, a constant page"
    rate = f"{name}, a request ({1 / middle:.0f} a second)"
    yield Row(rate, against, middle / bare_middle, GOAL, "at most", middle, bare_middle)
    yield Row(f"{name}, p99", against, slow / bare_slow, GOAL_P99, "at most", slow, bare_slow)


def deployed(home: Home, environ: dict[str, str]) -> str:
    """A deployment with a policy of one person, one large dry run that waits, and others beside it."""
    found(home, environ, Founding(operator="operator", demo=True))
    write_settings(home, replace(read_settings(home), candidate_cap=10 * UNITS))
    with open_desk(environ) as desk:
        key = new_key(home, PERSON, None)
        policy = next_policy(
            desk.policy(),
            database=desk.facts().database_identity().text,
            keys=[(PERSON, key)],
            gates={},
        )
        trust.propose(desk, policy)
        signer = person_signer(home, PERSON)
        trust.add_signature(desk, PERSON, signer.sign_request(policy.canonical, POLICY_NAMESPACE))
        profile = shipped("markdown")
        small = b"# One\n\n1. A rule.\n\n# Two\n\n2. Another.\n"
        add_source(desk, Offer(code="SMALL", body=small, profile_toml=profile))
        add_source(desk, Offer(code="LARGE", body=text(), profile_toml=profile))
        runner = desk.runner()
        for _ in range(RUNS - 1):
            runner.cut(document_id="SMALL", mode=Mode.DRYRUN)
        result = runner.cut(document_id="LARGE", mode=Mode.DRYRUN)
        assert result.stop_code == "STOP_APPROVAL_REQUIRED", result.sentence
        return result.run_id


def signed_in(client: httpx.Client, url: str, environ: dict[str, str]) -> str:
    """A bearer of the person."""
    signer = person_signer(Home(Path(environ["CUTTER_HOME"])), PERSON)
    given = client.post(f"{url}/api/v1/challenges", json={"person": PERSON}).json()
    armor = signer.sign_request(f"{given['text']}\n".encode(), NAMESPACE)
    answer = {key: given[key] for key in ("challenge_id", "binding")} | {"signature": armor}
    return str(client.post(f"{url}/api/v1/sessions", json=answer).json()["bearer"])


@contextmanager
def serving(environ: dict[str, str]) -> Iterator[tuple[str, int]]:
    """`cutter serve` in a process of its own: its address and its number."""
    cutter = Path(sys.executable).with_name("cutter")
    command = [str(cutter), "serve", "--port", "0", "--json"]
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            assert server.stdout is not None
            said = ""
            while not said.rstrip().endswith("}"):
                line = server.stdout.readline()
                assert line, "cutter serve did not come up"
                said += line
            yield json.loads(said)["url"].rstrip("/"), server.pid
        finally:
            server.terminate()


@contextmanager
def bare() -> Iterator[tuple[str, int]]:
    """The peer in a process of its own."""
    with httpx.Client() as client:
        port = 8451
        with subprocess.Popen(
            [sys.executable, "-c", BARE, str(port)], stderr=subprocess.DEVNULL
        ) as server:
            try:
                url = f"http://127.0.0.1:{port}"
                for _ in range(600):
                    try:
                        client.get(url)
                        break
                    except httpx.TransportError:
                        time.sleep(0.05)
                yield url, server.pid
            finally:
                server.terminate()


def resident(pid: int) -> float:
    """The process's memory in megabytes, as Linux counts it."""
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024

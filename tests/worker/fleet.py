"""A fleet for tests: worker processes that are started and killed, people who sign, and what they all came to."""

import os
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType

import psycopg
from tests.audit import CHAINS, PHASES, rows
from tests.live import Deployed, approver_of
from tests.people import signature

from cutter_agent.bootstrap import Desk
from cutter_agent.bootstrap.approvals import waiting
from cutter_agent.bootstrap.offers import offer, signature_name
from cutter_agent.bootstrap.sources import Offer, add_source
from cutter_agent.document.profiles import shipped
from cutter_agent.evidence.sshsig import APPROVAL_NAMESPACE
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.waiting import waiting_request
from cutter_agent.postgres.connect import Select
from cutter_agent.postgres.work import waiting_runs

HALTING = Path(__file__).with_name("halting.py")
CUTTER = "from cutter_agent.cli.main import main; main()"
PROFILE = "markdown"
WAITS = b"Waiting for runs"
PASSED_ON = ("PATH", "PYTHONPATH", "HOME", "TMPDIR")
TOLD_TWICE = """
SELECT run_id FROM cutter_governance.run_event
WHERE kind = 'phase' GROUP BY run_id, convert_from(payload, 'UTF8')::jsonb #>> '{body,phase}' HAVING count(*) > 1
"""


def small_law(number: int) -> tuple[str, bytes]:
    """Code and text of a generated law of a few articles."""
    articles = "".join(
        f"## Article {each}\n\nRule {number}.{each} holds for everybody and from the first day on.\n\n"
        for each in range(1, 4 + number % 5)
    )
    return f"LAW-{number:05}", f"# Law {number}\n\nWhat this law is for.\n\n{articles}".encode()


def add_laws(
    desk: Desk, laws: Mapping[str, bytes], profiles: Mapping[str, str] = MappingProxyType({})
) -> None:
    """The database has the sources, each with the profile named for it."""
    for code, body in laws.items():
        profile = shipped(profiles.get(code, PROFILE))
        add_source(desk, Offer(code=code, body=body, profile_toml=profile, title=code))


@contextmanager
def worker(
    environ: Mapping[str, str], *words: str, prefix: Sequence[str] = (), log: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process that waits for runs, asked to stop at the block's end if it has not ended before."""
    with tempfile.TemporaryDirectory() as folder:
        told = log or Path(folder, "worker.log")
        begins = told.stat().st_size if told.exists() else 0
        process = start_worker(environ, *words, prefix=prefix, log=told)
        try:
            until(
                "it waits for runs",
                lambda: process.poll() is not None or WAITS in told.read_bytes()[begins:],
            )
            yield process
            _stopped(process)
        finally:
            end(process)


def _stopped(process: subprocess.Popen[bytes]) -> None:
    """The worker was asked to stop, and ended well."""
    if process.poll() is None:
        process.terminate()
    assert process.wait(60) == 0


def passed_on() -> dict[str, str]:
    """What a worker inherits of these tests' environment."""
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ}


def start_worker(
    environ: Mapping[str, str], *words: str, prefix: Sequence[str] = (), log: Path | None = None
) -> subprocess.Popen[bytes]:
    """A worker process of its own."""
    with (log or Path(os.devnull)).open("ab") as output:
        return subprocess.Popen(
            [*prefix, sys.executable, "-c", CUTTER, "worker", *words],
            env={**passed_on(), **environ},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )


def halting_worker(
    environ: Mapping[str, str], effect: str, *, prefix: Sequence[str] = ()
) -> subprocess.Popen[bytes]:
    """A worker that stands still in the middle of this effect; see `await_halt`."""
    return subprocess.Popen(
        [*prefix, sys.executable, str(HALTING), effect],
        env={**passed_on(), **environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def await_halt(process: subprocess.Popen[bytes], limit_s: float = 60.0) -> None:
    """The worker stands in the middle of its effect."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], limit_s)
    assert ready, "the worker never came to its effect"
    assert process.stdout.readline().startswith(b"at ")


def go_on(process: subprocess.Popen[bytes]) -> None:
    """The worker that stood still works on."""
    assert process.stdin is not None
    process.stdin.write(b".")
    process.stdin.flush()


def end(process: subprocess.Popen[bytes]) -> None:
    """The process is over, whatever it was doing."""
    if process.poll() is None:
        process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()
    process.wait()


def sign_all(desk: Desk, reader: Select) -> int:
    """Everybody who is waited for has signed, on paper and to the database; how many signatures that made."""
    signed = 0
    for run_id in waiting_runs(reader, limit=10_000):
        context = RunContext(desk.load(run_id))
        if waiting_request(context) is None:
            continue  # it went on meanwhile
        asked = waiting(context)
        if desk.reporter().signatures(run_id, asked.request.document):
            continue
        person = approver_of(context)
        name = signature_name(asked.request.document, person, rejects=False)
        path = desk.runs_dir / run_id / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_bytes(signature(person, asked.body, APPROVAL_NAMESPACE))
        offer(desk, context, path)
        signed += 1
    return signed


def execute(deployed: Deployed, *statements: str) -> None:
    """A superuser has done this, statement by statement."""
    with psycopg.connect(deployed.database.conninfo(), autocommit=True) as connection:
        for each in statements:
            connection.execute(each.encode())


def closed(deployed: Deployed) -> int:
    """How many runs are closed out."""
    ((count,),) = rows(
        deployed, "SELECT count(*) FROM cutter_governance.run WHERE outcome = 'closed'"
    )
    return int(count)


def audit_fleet(deployed: Deployed, codes: Sequence[str]) -> None:
    """Every document has one run that closed out, each phase once, each approval consumed once."""
    runs = rows(deployed, "SELECT document_id, outcome FROM cutter_governance.run")
    assert Counter(runs) == Counter((code, "closed") for code in codes)
    assert rows(deployed, TOLD_TWICE) == []
    ((phases,),) = rows(
        deployed, "SELECT count(*) FROM cutter_governance.run_event WHERE kind = 'phase'"
    )
    assert phases == len(codes) * len(PHASES)
    uses = rows(
        deployed,
        "SELECT gate, count(*), count(DISTINCT request_sha256) FROM cutter_governance.approval_use"
        " GROUP BY gate",
    )
    expected = {
        (gate, len(codes), len(codes)) for gate in ("SG_1_cut_authz", "SG_2_lifecycle_authz")
    }
    assert set(uses) == expected
    assert rows(deployed, CHAINS) == [(0,)]


def until(what: str, holds: Callable[[], bool], limit_s: float = 60.0) -> float:
    """How many seconds it took until that was so."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < limit_s, f"not within {limit_s:.0f} s: {what}"
        time.sleep(0.02)
    return time.monotonic() - began

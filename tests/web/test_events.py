"""Live updates: what a stream tells, from where, and when it ends."""

import json
import threading
from collections.abc import Iterator

import httpx
from tests.live import Deployed
from tests.runs import CODE

from cutter_agent.orchestrator import Mode
from visitors import Served


def told(stream: httpx.Response) -> Iterator[tuple[str, str, dict[str, object]]]:
    """Yield kind, id and data of every event of a stream."""
    fields: dict[str, str] = {}
    for line in stream.iter_lines():
        if not line and "data" in fields:
            yield fields["event"], fields["id"], json.loads(fields["data"])
            fields = {}
        name, _, value = line.partition(": ")
        if name in {"event", "id", "data"}:
            fields[name] = value


def test_a_page_hears_of_a_run_that_another_process_moves(at: Served, deployed: Deployed) -> None:
    browser = at.signed_in("bob")
    with browser.stream("GET", "/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        heard: set[object] = set()

        def cut() -> None:
            with deployed.runner() as runner:
                runner.cut(document_id=CODE, mode=Mode.LIVE)

        other = threading.Timer(2.0, cut)
        other.start()
        for kind, _, data in told(stream):
            assert kind == "change"
            heard.add(data["run_id"])
            break
        other.join()
    assert heard <= set(deployed.run_ids())


def test_a_run_is_told_line_by_line_and_goes_on_where_a_reader_left(
    at: Served, deployed: Deployed
) -> None:
    with deployed.runner() as runner:
        run_id = runner.cut(document_id=CODE, mode=Mode.DRYRUN).run_id
    events = deployed.context(run_id).history.events
    browser = at.signed_in("bob")
    for last, wanted in ((None, events), (str(events[2].seq), events[3:])):
        headers = {} if last is None else {"Last-Event-ID": last}
        seqs = []
        with browser.stream("GET", f"/events?run={run_id}", headers=headers) as stream:
            for kind, name, data in told(stream):
                if kind == "standing":
                    break
                assert data["seq"] == int(name)
                seqs.append(data["seq"])
        assert seqs == [event.seq for event in wanted]


def test_a_stream_ends_with_the_session(at: Served, deployed: Deployed) -> None:
    browser = at.signed_in("bob")
    with browser.stream("GET", "/events") as stream:
        at.console.sessions.end(at.session(browser))
        with deployed.runner() as runner:
            runner.cut(document_id=CODE, mode=Mode.DRYRUN)
        assert not list(told(stream))


def test_a_stream_of_a_run_that_is_unknown_is_refused(at: Served) -> None:
    answered = at.signed_in("bob").get("/events?run=ictr-20260101T000000Z-00000000")
    assert (answered.status_code, answered.json()["code"]) == (404, "STOP_RUN_UNKNOWN")

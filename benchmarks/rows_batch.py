"""A batch planned to SG_1: one backup and one restored cluster for all documents, against one for each."""

import os
import tempfile
import time
from contextlib import closing
from pathlib import Path

from ratios import Row

from cutter_agent.bootstrap import Desk, Home, open_desk
from cutter_agent.bootstrap.batches import DeskLanes, batch_runner
from cutter_agent.bootstrap.founding import Founding, found
from cutter_agent.bootstrap.sources import Offer, add_source
from cutter_agent.document.profiles import shipped
from cutter_agent.orchestrator import Mode, Queue, QueueItem

DOCUMENTS = 12
LANES = 2
UNITS = 8
GOAL = 0.6
SECONDS_A_MINUTE = 60


def text(code: str) -> bytes:
    """A short document of a few units."""
    parts = "".join(f"## Article {n}\n\nText {n} of {code}.\n\n" for n in range(1, UNITS + 1))
    return f"# Law\n\nOf {code}.\n\n{parts}".encode()


def queue(name: str) -> Queue:
    """The documents of one batch, none of which another batch has."""
    return Queue(
        batch_id=f"bench-{name}",
        created_by="bench",
        created_utc="2026-01-31T12:00:00Z",
        default_scope="enacted_only",
        default_actor="bench",
        items=tuple(QueueItem(f"{name.upper()}-{number}") for number in range(1, DOCUMENTS + 1)),
    )


def planned_s(desk: Desk, environ: dict[str, str], name: str, *, shared: bool) -> float:
    """Seconds until every document of a new batch waits at SG_1, its write rehearsed."""
    batch = queue(name)
    for code in batch.document_ids:
        add_source(desk, Offer(code=code, body=text(code), profile_toml=shipped("markdown")))
    with closing(DeskLanes(environ, LANES, share=batch if shared else None)) as lanes:
        began = time.perf_counter()
        status = batch_runner(desk, batch, Mode.LIVE, lanes=lanes).run()
        took_s = time.perf_counter() - began
    stands = {item.waits_for for item in status.items}
    assert stands == {"SG_1"}, [item.sentence for item in status.items]
    return took_s


def rows() -> list[Row]:
    """The whole batch, backups and rehearsals among it."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "CUTTER_HOME": str(Path(folder) / "home")}
        home = Home(Path(folder) / "home")
        found(home, environ, Founding(operator="bench", execution_enabled=True, demo=True))
        with open_desk(environ) as desk:
            desk.turn_switch(armed=True, reason="a measurement")
            shared_s = planned_s(desk, environ, "shared", shared=True)
            each_s = planned_s(desk, environ, "each", shared=False)
    return [
        Row(
            work=f"{DOCUMENTS} documents planned to SG_1, one backup and cluster shared",
            against="a backup and a cluster for each",
            ratio=shared_s / each_s,
            goal=GOAL,
            bound="at most",
            work_s=shared_s,
            peer_s=each_s,
        )
    ]


if __name__ == "__main__":
    for row in rows():
        minute = DOCUMENTS * SECONDS_A_MINUTE
        print(
            f"documents a minute to SG_1: {minute / row.peer_s:.0f} with a backup each,"
            f" {minute / row.work_s:.0f} with one shared ({row.ratio:.2f} of the time)"
        )

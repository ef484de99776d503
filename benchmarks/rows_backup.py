"""A backup that was restored and rehearsed on, against the plain dump of the same database."""

import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from ratios import Row, seconds

from cutter_agent.bootstrap import Desk, Home, open_desk
from cutter_agent.bootstrap.founding import Founding, found
from cutter_agent.bootstrap.live import dump_program
from cutter_agent.bootstrap.sources import Offer, add_source
from cutter_agent.document.profiles import shipped
from cutter_agent.orchestrator import Mode
from cutter_agent.orchestrator.phases.pre_write_backup import BackupTaken

UNITS = 900
ROUNDS = 3
GOAL = 40.0
"""A cluster of its own is made for each backup, which costs a small database far more than its dump."""


def text(number: int) -> bytes:
    """A document whose every section is a unit."""
    words = f"Whoever answers for rule {number} keeps a record of it. " * 5
    return "".join(f"# Section {n}\n\n{n}. {words}\n\n" for n in range(1, UNITS + 1)).encode()


def plain_dump(desk: Desk) -> None:
    """What an administrator would type."""
    program = dump_program(desk.access.bin_dir)
    target = desk.access.admin().conninfo
    command = [program, "--format=custom", "--compress=1", f"--dbname={target}"]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def proven(desk: Desk, number: int) -> tuple[float, float]:
    """Seconds from the backup's beginning to the end of its rehearsal, and those of the rehearsal."""
    code = f"BENCH-{number}"
    profile = shipped("markdown")
    add_source(desk, Offer(code=code, body=text(number), profile_toml=profile, effective_date=None))
    began: dict[str, float] = {}
    runner = desk.runner(lambda step: began.setdefault(step, time.perf_counter()))
    run = runner.cut(document_id=code, mode=Mode.LIVE)
    backup = run.context.get(BackupTaken)
    assert backup is not None, run.sentence
    assert backup.rehearsed is not None, backup.level
    return began["grant_probe"] - began["pre_write_backup"], backup.rehearsed.took_ms / 1_000


def rows() -> list[Row]:
    """Backup, restore and rehearsal together, and the rehearsal alone."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "CUTTER_HOME": str(Path(folder) / "home")}
        home = Home(Path(folder) / "home")
        found(home, environ, Founding(operator="bench", execution_enabled=True, demo=True))
        with open_desk(environ) as desk:
            desk.turn_switch(armed=True, reason="a measurement")
            measured = [
                (*proven(desk, number), seconds(lambda: plain_dump(desk)))
                for number in range(1, ROUNDS + 1)
            ]
    return [
        Row(
            work=work,
            against="plain pg_dump of the same database",
            ratio=statistics.median(each[place] / each[2] for each in measured),
            goal=GOAL,
            bound="at most",
            work_s=statistics.median(each[place] for each in measured),
            peer_s=statistics.median(each[2] for each in measured),
        )
        for place, work in enumerate(
            (
                f"backup, restore and rehearsal of {UNITS} units",
                f"of it the rehearsal of {UNITS} units",
            )
        )
    ]

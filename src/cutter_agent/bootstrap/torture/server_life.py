"""The server itself dies at an effect, as at a failure of its machine; it is started again and the run goes on."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cutter_agent.bootstrap.desk import open_desk
from cutter_agent.bootstrap.founding import Founding, found
from cutter_agent.bootstrap.home import HOME_VARIABLE, Home
from cutter_agent.bootstrap.torture.live_audits import audit
from cutter_agent.bootstrap.torture.place import (
    CODE,
    STAGES,
    STARTER,
    Countdown,
    Place,
    gather,
)
from cutter_agent.bootstrap.torture.schedules import Wanted, spread
from cutter_agent.errors import Stop
from cutter_agent.orchestrator.states import OrchestratorState

SHORT_POINTS_MAX: Final = 2
WAIT_S: Final = 30.0
OF_FILES: Final = ("write ", "fsync ", "rename ")
PG_BIN: Final = "CUTTER_PG_BIN"


@dataclass(frozen=True, slots=True)
class OwnPlace(Place):
    """A place whose server the deployment starts itself."""

    bin_dir: Path | None = None

    @property
    def environ(self) -> dict[str, str]:
        """What a command would find in its environment."""
        named = os.environ.get(PG_BIN, "") if self.bin_dir is None else str(self.bin_dir)
        return {HOME_VARIABLE: str(self.home.root), PG_BIN: named}


class ServerKills:
    """SIGQUIT to the postmaster at each effect on the database."""

    name = "server"

    def __init__(self, bin_dir: Path | None, folder: Path) -> None:
        """Name the programs and a folder for the deployment; it is made when it is first needed."""
        self._bin_dir = bin_dir
        self._home = Home(folder / "own")
        self._documents = 0

    def clear(self) -> None:
        """Nothing of the deployment and its server is left."""
        from cutter_agent.postgres.cluster import cluster_root
        from cutter_agent.postgres.embedded import await_stopped

        if self._home.exists:
            cluster = cluster_root(self._home.root)
            await_stopped(cluster)
            shutil.rmtree(cluster, ignore_errors=True)
            shutil.rmtree(self._home.root, ignore_errors=True)

    def schedules(self, wanted: Wanted) -> Iterator[str]:
        """Every effect on the database, call by call; each with a document of its own."""
        effects = self._effects()
        count = len(effects)
        for point in spread(count, SHORT_POINTS_MAX if wanted.short else count):
            yield effects[point - 1]

    def run(self, schedule: str) -> str | None:
        """Kill the server there; started again, the run goes on to its end."""
        stage, _, number = schedule.partition(":")
        with self._deployed():
            code = self._new_document()
            with self._up() as place:
                for each in STAGES[: STAGES.index(stage)]:
                    place.call(each, code=code)
                hook = Countdown(int(number), lambda: kill_server(place))
                with suppress(Stop):
                    place.call(stage, hook, code)
            with self._up() as place:
                run_ids = place.run_ids(code)
                try:
                    run_id = place.finish(run_ids[-1] if run_ids else None, code=code)
                except Stop as stop:
                    return f"it does not come to its end: {stop.code}: {stop.fact}"
                if place.context(run_id).state is not OrchestratorState.CLOSEOUT_REPORTED:
                    return f"it rests at {place.context(run_id).state}"
                return audit(place, code)

    @property
    def _environ(self) -> dict[str, str]:
        return OwnPlace(self._home, "", self._bin_dir).environ

    def _effects(self) -> list[str]:
        found: list[str] = []
        with self._deployed():
            code = self._new_document()
            with self._up() as place:
                for stage in STAGES:
                    hook = Countdown()
                    place.call(stage, hook, code)
                    found += [
                        f"{stage}:{number}"
                        for number, name in enumerate(hook.names, 1)
                        if not name.split(" ", 1)[1].startswith(OF_FILES)
                    ]
        return found

    def _new_document(self) -> str:
        self._documents += 1
        code = f"{CODE}-{self._documents}"
        with self._up() as place:
            place.add(code)
        return code

    @contextmanager
    def _deployed(self) -> Iterator[None]:
        if not self._home.exists:
            wanted = Founding(operator=STARTER, execution_enabled=True)
            found(self._home, self._environ, wanted)
            with open_desk(self._environ) as desk:
                gather(desk)
                desk.turn_switch(armed=True, reason="a torture cuts")
        yield

    @contextmanager
    def _up(self) -> Iterator[OwnPlace]:
        """The deployment while its server runs, a new one if the last was killed."""
        with open_desk(self._environ) as desk:
            yield OwnPlace(self._home, desk.access.admin().conninfo, self._bin_dir)


def kill_server(place: Place) -> None:
    """The server ends at once."""
    (row,) = place.rows("SHOW data_directory")
    pid = int(Path(str(row[0]), "postmaster.pid").read_text("ascii").splitlines()[0])
    os.kill(pid, signal.SIGQUIT)
    until = time.monotonic() + WAIT_S
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        time.sleep(0.01)

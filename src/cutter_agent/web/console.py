"""The console of one server: what every request needs, made once."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING, Final

from cutter_agent.web.challenges import Challenges
from cutter_agent.web.counts import Counts
from cutter_agent.web.courier import Courier
from cutter_agent.web.drives import Drives
from cutter_agent.web.hub import Hub
from cutter_agent.web.limits import Tries
from cutter_agent.web.options import ServerOptions
from cutter_agent.web.sessions import Sessions

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from cutter_agent.bootstrap.console.desks import Desks
    from cutter_agent.bootstrap.settings import Settings
    from cutter_agent.orchestrator.policy import TrustPolicy

POLICY_KEPT_S: Final = 2.0
"""So long may somebody still read whom a newer policy has struck out; no decision rests on it."""


class Console:
    """Desks, sessions and challenges of one server."""

    def __init__(self, desks: Desks, options: ServerOptions) -> None:
        """Nobody is signed in, nothing is driven."""
        self.desks = desks
        self.options = options
        self.sessions = Sessions()
        self.challenges = Challenges()
        self.tries = Tries()
        self.counts = Counts(desks)
        self.hub = Hub(desks)
        self.drives = Drives(desks, self.counts.drive)
        self.courier = Courier(desks, told=self.counts.delivery)
        self._lock = Lock()
        self._known: tuple[float, TrustPolicy | None, Settings] | None = None

    def trust(self) -> tuple[TrustPolicy | None, Settings]:
        """The trust policy and the settings, at most two seconds old.

        Raises:
            StopDatabaseAway: the database does not answer.
        """
        with self._lock:
            known = self._known
            if known is not None and time.monotonic() - known[0] < POLICY_KEPT_S:
                return known[1], known[2]
        with self.desks.one() as desk:
            policy, settings = desk.policy(), desk.settings
        with self._lock:
            self._known = (time.monotonic(), policy, settings)
        return policy, settings

    def start(self) -> None:
        """Webhooks are told, if the deployment has any."""
        with self.desks.one() as desk:
            wanted = desk.settings.webhooks
        if wanted:
            self.hub.tell(self.courier.wake)
            self.courier.start()

    def close(self) -> None:
        """Nothing is driven any more, and every desk is closed."""
        self.hub.close()
        self.courier.close()
        self.drives.close()
        self.desks.close()


def console_of(connection: HTTPConnection) -> Console:
    """The console that answers this request."""
    console = connection.app.state.console
    if not isinstance(console, Console):
        raise TypeError("this app was not made by create_app")
    return console

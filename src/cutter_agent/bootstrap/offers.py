"""Signatures that reach a run over the database: offered by whoever signed, laid beside the request where it is driven."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cutter_agent.files.kb_reporter import FolderReporter
from cutter_agent.orchestrator.effects import Hook, no_effect
from cutter_agent.orchestrator.grants import ROLE_REVIEW
from cutter_agent.orchestrator.orders import OfferedSignature
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.states import Mode
from cutter_agent.orchestrator.waiting import waiting_request

if TYPE_CHECKING:
    from cutter_agent.bootstrap.desk import Desk
    from cutter_agent.postgres.connect import Select


class SharedReporter(FolderReporter):
    """The folder of a run's documents, and beside its requests also what was signed on other machines."""

    def __init__(self, runs_dir: Path, select: Select, *, on_effect: Hook = no_effect) -> None:
        """Bind the folder, and the way to what the database was given."""
        super().__init__(runs_dir, on_effect=on_effect)
        self._select = select

    def signatures(self, run_id: str, request_name: str) -> Sequence[OfferedSignature]:
        """Every signature beside the request; those that lie in the database are brought here first."""
        from cutter_agent.files.durable import Folder
        from cutter_agent.postgres.work import offered_signatures

        folder = Folder(Path(self.location(run_id)))
        for each in offered_signatures(self._select, run_id, request_name):
            name = signature_name(request_name, each.person, rejects=each.rejects)
            if folder.read(name, size_bytes_max=len(each.armor)) != each.armor:
                with folder.writing(name):
                    folder.replace(name, each.armor)
        return super().signatures(run_id, request_name)


def signature_name(request_name: str, person: str, *, rejects: bool) -> str:
    """The name of the file that holds this person's signature."""
    return f"{request_name}.{person}{'.reject' if rejects else ''}.sig"


def offer(desk: Desk, context: RunContext, path: Path) -> bool:
    """The signature in this file lies in the database too, and workers were told; true if they heard.

    A dry run is a matter of this machine alone: nothing of it goes to the database.

    Args:
        desk: the open deployment.
        context: the run that waits.
        path: the file that `sign_request` left beside its request.
    """
    from cutter_agent.postgres.work import offer_signature

    request = waiting_request(context)
    if request is None or context.history.header.mode is not Mode.LIVE:
        return False
    said = path.name.removeprefix(f"{request.document}.").removesuffix(".sig")
    rejects = said.endswith(".reject")
    signature = OfferedSignature(said.removesuffix(".reject"), rejects, path.read_bytes())
    login = desk.access.login(ROLE_REVIEW)
    return offer_signature(login, context.run_id, request.document, signature)

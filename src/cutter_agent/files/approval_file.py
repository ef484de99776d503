"""Approval files as a dry run takes them: lines of `key: value`, unsigned (Contract 6, 8)."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from cutter_agent.errors import StopApprovalInvalid, StopApprovalRequired
from cutter_agent.files.durable import read_regular, reason_of
from cutter_agent.orchestrator.approval import (
    APPROVAL_BYTES_MAX,
    ApprovalRecord,
    validate_approval_text,
)
from cutter_agent.orchestrator.states import Gate


def validate_sovereign_approval(
    path_or_text: str | os.PathLike[str],
    *,
    gate: Gate | str,
    run_id: str,
    now_utc: datetime,
    payload_sha256: str | None = None,
) -> ApprovalRecord:
    """The record of an approval that holds for this gate and run at `now_utc`.

    Args:
        path_or_text: the approval itself if it has a line break, else the path of its file.
        gate: the gate that waits.
        run_id: the run that waits.
        now_utc: the time that decides.
        payload_sha256: digest of the waiting request; an approval that names another is refused.

    Raises:
        StopApprovalRequired: there is no such file.
        StopApprovalInvalid: the file cannot be read or does not approve this.
        StopApprovalExpired: its life is over.
        StopRefusedInput: it carries a secret.
    """
    if not isinstance(path_or_text, str | os.PathLike):
        raise StopApprovalInvalid(
            f"the approval is a {type(path_or_text).__name__}",
            expected="its text or the path of its file",
            run_id=run_id,
        )
    if isinstance(path_or_text, str) and "\n" in path_or_text:
        text = path_or_text
    else:
        text = _read(Path(path_or_text), run_id)
    return validate_approval_text(
        text,
        gate=_gate(gate, run_id),
        run_id=run_id,
        now_utc=now_utc,
        payload_sha256=payload_sha256,
    )


def _gate(gate: Gate | str, run_id: str) -> Gate:
    try:
        return Gate(gate)
    except ValueError as error:
        raise StopApprovalInvalid(
            f"{gate!a} is not a gate", expected=", ".join(Gate), run_id=run_id
        ) from error


def _read(path: Path, run_id: str) -> str:
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    try:
        data = read_regular(os.open(path, flags), APPROVAL_BYTES_MAX)
        return data.decode("utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StopApprovalRequired(
            "the approval file that was named does not exist", run_id=run_id
        ) from error
    except OSError as error:
        raise StopApprovalInvalid(f"{path.name}: {reason_of(error)}", run_id=run_id) from error
    except ValueError as error:
        raise StopApprovalInvalid(
            "the approval is not the path of a file of UTF-8 text", run_id=run_id
        ) from error

"""What crosses the API's border: pydantic models of the values that the desk gives and takes."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cutter_agent.orchestrator.policy import refuse_user_args

Sha256 = str


class Given(BaseModel):
    """What a client sends: nothing that the program finds itself, and nothing unknown."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _refuse(cls, data: Any) -> Any:
        if isinstance(data, dict):
            refuse_user_args(str(name) for name in data)
        return data


class Shown(BaseModel):
    """What the server answers; made from the values of the desk."""

    model_config = ConfigDict(from_attributes=True)


class ProblemDocument(Shown):
    """A refusal: a stop with its own code, or a refusal of the server itself (exit_status null)."""

    type: str = Field(description="urn:iu-cutter:<code in lower case>")
    title: str
    status: int
    code: str = Field(description="A stop code such as STOP_DRIFT, or the server's own.")
    sentence: str
    expected: str
    next: str = Field(description="The command that goes on.")
    exit_status: int | None = Field(
        description="What `cutter` would exit with; null without a stop."
    )
    run_id: str | None
    document_id: str | None
    findings: list[str]


class ChallengeGiven(Given):
    """Who wants to sign in."""

    person: str = Field(max_length=64, description="A person of the trust policy.")


class ChallengeShown(Shown):
    """What to sign, and how."""

    challenge_id: str
    binding: str = Field(
        description="Comes back with the answer: it ties the challenge to its client."
    )
    namespace: str
    text: str = Field(description="The line to sign, with a line feed at its end.")
    command: str
    expires_utc: str


class SessionGiven(Given):
    """The answer to a challenge."""

    challenge_id: str = Field(max_length=64)
    binding: str = Field(max_length=200)
    signature: str = Field(max_length=8192, description="What `ssh-keygen -Y sign` wrote.")


class Me(Shown):
    """Who sends the requests."""

    person: str
    roles: list[str]


class SessionShown(Me):
    """A session; `bearer` goes into the header `Authorization: Bearer …` of every request."""

    bearer: str
    idle_s: int
    life_s: int


class RunGiven(Given):
    """Which document is to be cut, and whether for real."""

    document_id: str = Field(max_length=100)
    mode: Literal["dry", "live"] = "dry"


class SignatureGiven(Given):
    """A signature over the exact bytes of the request that waits."""

    signature: str = Field(max_length=8192)


class RefusalGiven(SignatureGiven):
    """A signed refusal, and why."""

    reason: str = Field(min_length=1, max_length=2000)


class PageShown(Shown):
    """Where a page stands in its list."""

    number: int
    count: int
    total: int
    first: int


class InboxItemShown(Shown):
    """One run that waits for somebody."""

    run_id: str
    document_id: str
    mode: str
    state: str
    waits_for: str
    cause: str
    who: list[str]
    signed: list[str]
    threshold: int
    expires_utc: str
    left_s: int | None
    mine: bool
    command: str


class InboxShown(PageShown):
    """What waits, what waits for this person first."""

    rows: list[InboxItemShown]


class RunRowShown(Shown):
    """One run in a list."""

    run_id: str
    document_id: str
    mode: str
    state: str
    terminal: str
    stop_code: str
    starter: str
    created_utc: str
    moved_utc: str
    steps_done: int
    units: int | None
    over: bool


class RunsShown(PageShown):
    """Runs, newest first."""

    rows: list[RunRowShown]


class StopShown(Shown):
    """The stop that a run stands at."""

    code: str
    sentence: str
    fact: str
    expected: str
    remedy: str
    exit_status: int
    differences: list[dict[str, str]]
    findings: list[str]


class RunShown(BaseModel):
    """A run as `cutter runs show --json` gives it: `cutter.run/1`, with the stop in full."""

    model_config = ConfigDict(populate_by_name=True)

    schema_name: Literal["cutter.run/1"] = Field(alias="schema")
    run_id: str
    document_id: str
    mode: str
    state: str
    terminal: str | None
    stop_code: str | None
    sentence: str
    remedy: str
    exit_status: int
    created_utc: str
    starter: str
    pins: dict[str, Any]
    phases: list[dict[str, Any]]
    approvals: list[dict[str, Any]]
    documents: list[dict[str, Any]]
    documents_dir: str
    non_mutation: dict[str, Any]
    stop: StopShown | None
    driven: bool = Field(description="True while this server moves it.")


class WhyShown(Shown):
    """Why a run stands still, who can move it, and the command that does."""

    run_id: str
    cause: str
    who: str
    command: str
    left_s: int | None


class LogLineShown(Shown):
    """One entry of a history."""

    seq: int
    kind: str
    at_utc: str
    phase: str
    what: str


class LogShown(PageShown):
    """A run's history, newest first."""

    rows: list[LogLineShown]


class FactShown(Shown):
    """One fact, as it was pinned and as it is now."""

    name: str
    then: str
    now: str
    changed: bool


class SignatoryShown(Shown):
    """One person and their part in a decision."""

    person: str
    status: str
    reason: str


class ApprovalSheetShown(Shown):
    """What one person decides on; `body` holds the exact text to sign."""

    run_id: str
    document_id: str
    mode: str
    starter: str
    gate: str
    question: str
    decision: str
    document: str
    request_sha256: Sha256
    number: int
    issued_utc: str
    expires_utc: str
    left_s: int
    threshold: int
    signed: list[str]
    rejected: list[str]
    persons: list[SignatoryShown]
    facts: list[FactShown]
    body: str
    may_approve: bool
    may_reject: bool
    refusal: str
    namespace: str
    reject_namespace: str
    command: str
    reject_command: str

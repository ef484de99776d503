"""One database of one test, and how to reach it."""

import secrets
from dataclasses import dataclass

import psycopg

from cutter_agent.orchestrator.grants import LOGIN_ROLES
from cutter_agent.postgres.embedded import Server

ROLE_PASSWORDS = {role: secrets.token_urlsafe(16) for role in LOGIN_ROLES}
"""The passwords of our roles on the servers of this session."""


@dataclass(frozen=True)
class Database:
    """A database that exists for one test.

    Attributes:
        server: the server that holds it.
        name: its name there.
    """

    server: Server
    name: str

    def conninfo(self, user: str | None = None, password: str | None = None) -> str:
        """How libpq reaches it; as the superuser unless a role is named, our roles with theirs."""
        if user is not None and password is None:
            password = ROLE_PASSWORDS.get(user)
        return self.server.conninfo(dbname=self.name, user=user, password=password)

    def connect(
        self, user: str | None = None, password: str | None = None, *, autocommit: bool = False
    ) -> psycopg.Connection:
        """A new connection to it; the caller closes it."""
        return psycopg.connect(self.conninfo(user, password), autocommit=autocommit)

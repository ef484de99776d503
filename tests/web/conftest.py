"""A deployment with the sample charter, and a server in front of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.live import Deployed, deploy

from clusters.databases import Database
from visitors import Served, served

CHARTER = (Path(__file__).parents[2] / "examples" / "icx-const-v1.md").read_bytes()


@pytest.fixture
def deployed(database: Database, tmp_path: Path) -> Deployed:
    return deploy(database, tmp_path, source=CHARTER)


@pytest.fixture
def at(deployed: Deployed) -> Iterator[Served]:
    with served(deployed.environ) as here:
        yield here

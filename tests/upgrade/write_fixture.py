"""Writes what a release leaves behind when it is upgraded while runs are paused.

    PYTHONPATH=src:tests:. python -m upgrade.write_fixture 0.1.0

A run at SG_1 and a run at SG_2, each as a dump of its database and the files of its home. Passwords and
private keys stay behind: whoever resumes the run brings new ones, as after a restore.
"""

import argparse
import gzip
import json
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from tests.stages import SG_1, SG_2, Stages, staged

from clusters.fixtures import DATABASE_GRANTS, chosen_binaries, create_template, quick_folder
from cutter_agent.postgres.embedded import Server, throwaway_server

HERE = Path(__file__).parent
KEPT = ("settings.toml", "runs", "trust")
IDENTITY = "SELECT system_identifier::text FROM pg_control_system()"


def dump(server: Server, database: str) -> bytes:
    """The database as SQL text that a superuser can run, its random marks left out."""
    written = subprocess.run(
        [
            *(str(server.bin_dir / "pg_dump"), "--format=plain", "--inserts", "--no-comments"),
            *("--rows-per-insert=100", f"--dbname={server.conninfo(dbname=database)}"),
        ],
        env={"LC_ALL": "C"},
        capture_output=True,
        check=True,
    ).stdout
    # psql's own words, which a newer pg_dump writes; everything else is SQL.
    return re.sub(rb"(?m)^\\(un)?restrict .*\n", b"", written)


def keep_home(home: Path, target: Path) -> None:
    """The files that a deployment cannot make again lie below the target."""
    target.mkdir()
    for name in KEPT:
        source = home / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns(".locks"))
        else:
            shutil.copy(source, target / name)


def keep(stages: Stages, stage: str, folder: Path) -> None:
    """The stage lies in the folder: dump, home, and what the new place must have in common."""
    folder.mkdir(parents=True)
    kept = stages.kept[stage]
    (folder / "database.sql.gz").write_bytes(
        gzip.compress(dump(stages.server, kept.database), mtime=0)
    )
    keep_home(kept.home, folder / "home")
    with psycopg.connect(stages.server.conninfo(dbname="postgres")) as connection:
        row = connection.execute(IDENTITY).fetchone()
        grants = connection.execute(DATABASE_GRANTS, [kept.database]).fetchall()
    place = {
        "run_id": stages.run_id,
        "database": stages.name,
        "database_oid": stages.oid,
        "system_identifier": row[0],
        "server_major": stages.server.version[0],
        "database_grants": sorted(grants),
        "written_utc": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    (folder / "place.json").write_text(json.dumps(place, indent=2) + "\n")


def main() -> int:
    """Both fixtures of one release lie in the folder of its name."""
    reader = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    reader.add_argument("release")
    target = HERE / reader.parse_args().release
    if target.exists():
        sys.stderr.write(f"{target} exists: a fixture is written once and then never changed\n")
        return 1
    with throwaway_server(bin_dir=chosen_binaries().bin_dir, parent=quick_folder()) as server:
        create_template(server)
        with staged(server) as stages:
            keep(stages, SG_1, target / "awaiting-sg1")
            keep(stages, SG_2, target / "awaiting-sg2")
    return 0


if __name__ == "__main__":
    sys.exit(main())

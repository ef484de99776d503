"""Extends the measured costs of a document to 1,000 machines: which part is full first, and how fast it is then.

    python benchmarks/scale_model.py            # reads build/scale.json, writes build/scale_model.json
    python benchmarks/scale_model.py --page     # and the tables of docs/concepts/scale.md

A closed network of queues, solved by mean value analysis: so many workers each take one document at a
time through stations that have a service time a document. A station of several servers counts as one
that is so many times as fast, with the rest of its service as a delay (Seidmann). Nothing is typed in
here but the machines that are asked about.
"""

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BUILD = Path(__file__).resolve().parent.parent / "build"
PAGE = BUILD.parent / "docs" / "concepts" / "scale.md"
MACHINES = (1, 2, 4, 8, 16, 64, 256, 1_000)
SERVER_CORES = (2, 16, 64)
MAX_CONNECTIONS = 100
"""What a server allows that nobody has told otherwise (max_connections)."""


@dataclass(frozen=True)
class Station:
    """One place where documents wait for one another.

    Attributes:
        name: what it is.
        service_s: how long it works for one document.
        servers: how many documents it works for at once.
    """

    name: str
    service_s: float
    servers: int

    @property
    def most(self) -> float:
        """Documents a second that it can work for at most."""
        return self.servers / self.service_s


def throughput(stations: list[Station], think_s: float, workers: int) -> float:
    """Documents a second of so many workers, by exact mean value analysis.

    Args:
        stations: where they wait for one another.
        think_s: what a worker does for a document by itself.
        workers: how many there are.
    """
    delay_s = think_s + sum(s.service_s * (s.servers - 1) / s.servers for s in stations)
    queued = [0.0] * len(stations)
    rate = 0.0
    for number in range(1, workers + 1):
        stays = [
            s.service_s / s.servers * (1 + before)
            for s, before in zip(stations, queued, strict=True)
        ]
        rate = number / (delay_s + sum(stays))
        queued = [rate * stay for stay in stays]
    return rate


def of_document(
    measured: dict[str, Any], cores: int, *, apart: bool
) -> tuple[list[Station], float]:
    """The stations of a fleet, and what each worker does alone.

    Args:
        measured: build/scale.json.
        cores: of the server's machine.
        apart: whether workers have machines of their own, or share the server's.
    """
    cost = measured["document"]
    together_s = cost["server_cpu_s"] + (0.0 if apart else cost["client_cpu_s"])
    # The work under the gate counts as processor time, too: the model errs towards the slow side.
    gate_s = gate_alone_s(measured)
    stations = [
        Station("the server's processors", together_s, cores),
        Station("the write gate", gate_s, 1),
    ]
    return stations, cost["client_cpu_s"] if apart else 0.0


def gate_alone_s(measured: dict[str, Any]) -> float:
    """How long the gate is held for a document where nothing else wants the processors."""
    cost = measured["document"]
    busy_s = cost["server_cpu_s"] + cost["client_cpu_s"]
    # The measured share of the whole, of the processor time that the whole takes.
    return float(cost["gate_s"] / cost["took_s"] * busy_s)


def answers(measured: dict[str, Any]) -> dict[str, Any]:
    """What the model says: the check against what was measured, then the machines nobody has."""
    here, think_s = of_document(measured, measured["cores"], apart=False)
    first = measured["levels"][0]
    alone = throughput(here, think_s, first["workers"])
    check = [
        {
            "workers": level["workers"],
            "rate": level["rate"],
            "sessions": level["sessions"],
            "measured": level["rate"] / first["rate"],
            "modelled": throughput(here, think_s, level["workers"]) / alone,
        }
        for level in measured["levels"]
    ]
    each = max(level["sessions"] / level["workers"] for level in measured["levels"])
    fleets = []
    for cores in SERVER_CORES:
        stations, think_s = of_document(measured, cores, apart=True)
        full = min(stations, key=lambda s: s.most)
        fleets.append(
            {
                "cores": cores,
                "rates": {str(n): throughput(stations, think_s, n) for n in MACHINES},
                "full_first": full.name,
                "most": full.most,
            }
        )
    return {
        "check": check,
        "fleets": fleets,
        "connections": {str(n): round(n * each) for n in MACHINES},
        "workers_within_default_connections": int(MAX_CONNECTIONS / each),
    }


def measured_table(measured: dict[str, Any]) -> str:
    """What one document costs, for people."""
    cost, peers = measured["document"], measured["peers_s"]
    rows = [
        ("load of the machine meanwhile", f"{measured['load']:.0f} on {measured['cores']} cores"),
        ("from its first step to its last", f"{cost['took_s'] * 1000:.0f} ms"),
        ("the same text in a plain loop", f"{peers['plain_loop'] * 1000:.0f} ms"),
        ("with a job of the queue for each phase", f"{peers['job_per_phase'] * 1000:.0f} ms"),
        ("processor time of the worker", f"{cost['client_cpu_s'] * 1000:.0f} ms"),
        ("processor time of the server", f"{cost['server_cpu_s'] * 1000:.0f} ms"),
        ("write gate held, of that", f"{gate_alone_s(measured) * 1000:.0f} ms"),
        ("sessions opened", f"{cost['sessions']:.0f}"),
        ("transactions committed", f"{cost['commits']:.0f}"),
        ("written ahead (WAL)", f"{cost['wal_bytes'] / 1024:.0f} KiB"),
        ("a look for work, beside", f"{cost['look_s'] * 1000:.1f} ms"),
    ]
    lines = ["| a document of a few units, both gates | measured |", "|---|---|"]
    return "\n".join(lines + [f"| {name} | {value} |" for name, value in rows])


def checked_table(found: dict[str, Any]) -> str:
    """The model beside what was measured, for people: how many times as fast as one worker."""
    lines = [
        "| workers | documents a second | times one worker, measured | modelled | sessions at most |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {c['workers']} | {c['rate']:.2f} | {c['measured']:.2f} | {c['modelled']:.2f}"
        f" | {c['sessions']} |"
        for c in found["check"]
    ]
    return "\n".join(lines)


def fleet_table(found: dict[str, Any]) -> str:
    """Machines nobody has here, for people."""
    cores = " | ".join(f"server of {fleet['cores']}" for fleet in found["fleets"])
    lines = [f"| machines | {cores} | connections |", "|---|" + "---|" * (len(found["fleets"]) + 1)]
    for number in MACHINES:
        rates = " | ".join(f"{fleet['rates'][str(number)]:.1f}" for fleet in found["fleets"])
        lines.append(f"| {number:,} | {rates} | {found['connections'][str(number)]:,} |")
    full = " | ".join(f"{f['full_first']}, at {f['most']:.1f}" for f in found["fleets"])
    lines.append(
        f"| full first | {full} | {found['workers_within_default_connections']} workers at {MAX_CONNECTIONS} |"
    )
    return "\n".join(lines)


def write_page(tables: dict[str, str]) -> None:
    """The page holds these tables between its marks."""
    text = PAGE.read_text("utf-8")
    for name, table in tables.items():
        mark = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text, count = mark.subn(lambda m, table=table: m[1] + table + "\n" + m[2], text)
        if count != 1:
            message = f"{PAGE.name} has no place for {name}"
            raise ValueError(message)
    PAGE.write_text(text, "utf-8")


def main(words: list[str]) -> int:
    """The exit status, after the answers are printed and kept."""
    source = BUILD / "scale.json"
    if not source.exists():
        print("nothing was measured yet: make bench ARGS=scale", file=sys.stderr)
        return 2
    measured = json.loads(source.read_text("utf-8"))
    found = answers(measured)
    (BUILD / "scale_model.json").write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    tables = {
        "measured": measured_table(measured),
        "checked": checked_table(found),
        "fleets": fleet_table(found),
    }
    print("\n\n".join(tables.values()))
    if "--page" in words:
        write_page(tables)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Prints one Markdown table of what bench/run has measured.

    report.py RESULTS EVENTS SEED CARDINALITY

An answer that differs from the oracle's is shown in place of its time, and the
exit code is 1.
"""

import datetime
import json
import os
import pathlib
import sys

ENGINES = {"duckdb": "DuckDB", "postgresql": "PostgreSQL", "clickhouse": "ClickHouse"}
TEXT = {
    "newest_100": "newest 100",
    "day_action": "one day's reads, newest 100",
    "heavy_identity": "busiest identity, newest 100",
    "rare_identity": "rarest identity, newest 100",
    "source_ip": "one address, newest 100",
    "secret_trail": "one secret, newest 100 and its 30 days",
    "busy_secret": "busiest secret, newest 100 and its 30 days",
    "prefix_failures": "30 days' failures below a prefix, newest 100",
    "request_id": "one request",
    "no_match": "identity and secret that never met",
    "summary_30d": "summary of 30 days, whole hours",
    "summary_90d": "summary of 90 days",
    "pages_100x1000": "100 pages of 1,000",
    "values": "identities that contain a text, 30 days",
    "scan_jsonl": "all events as JSON lines",
}


def main(directory: str, events: str, seed: str, cardinality: str) -> int:
    results = pathlib.Path(directory)
    oracle = json.loads((results / "oracle.json").read_text())
    columns = [*ours(results, oracle), *(peer(results, oracle, name) for name in ENGINES)]
    columns = [c for c in columns if c]
    print(f"{datetime.date.today()}, {machine()}. {oracle['events']:,} events (EVENTS={events} SEED={seed} "
          f"CARDINALITY={cardinality}), everything measured on one core. Cells: median wall ms / CPU ms.\n")
    table([["", *(c["name"] for c in columns)], *rows(columns)])
    wrong = [f"{c['name']}: {q}" for c in columns for q in c["wrong"]]
    for mismatch in wrong:
        print(f"MISMATCH with the oracle: {mismatch}", file=sys.stderr)
    return 1 if wrong else 0


def machine() -> str:
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores of {cpu}, {memory:.0f} GiB, Linux {os.uname().release.split('-')[0]}"


def rows(columns: list[dict]) -> list[list[str]]:
    facts = ["durable append, 4 writers x 500: events/s", "… CPU µs an event", "… ack p50 / p99 ms", "… until all is sealed: events/s", "… CPU µs an event, sealed",
             "bulk load of JSON lines: events/s", "… its CPU µs an event", "bytes an event on disk"]
    lines = [[fact, *(c["facts"].get(fact, "–") for c in columns)] for fact in facts]
    lines += [[text, *(c["cells"].get(name, "–") for c in columns)] for name, text in TEXT.items()]
    return lines + [["load average meanwhile", *(str(c["busy"]) for c in columns)]]


def table(lines: list[list[str]]) -> None:
    for i, line in enumerate(lines):
        print("| " + " | ".join(line) + " |")
        if i == 0:
            print("|---|" + "---:|" * (len(line) - 1))


def peer(results: pathlib.Path, oracle: dict, name: str) -> dict | None:
    """One column of what drive.mjs has measured, None if it did not run."""
    if not (results / f"{name}.json").exists():
        return None
    r = json.loads((results / f"{name}.json").read_text())
    settled = r.get("settle", {"seconds": 0, "cpu": 0})
    return column(f"{ENGINES[name]} {r['version'].lstrip('v')}" if name in ENGINES else "scaivault-audit, HTTP",
                  oracle, r["append"], {k: r["load"][k] + settled[k] for k in settled}, r["bytes"], r["questions"],
                  r["busy"])


def ours(results: pathlib.Path, oracle: dict) -> list[dict]:
    """Two columns: the log in the process that asks, and the server."""
    r = json.loads((results / "scaivault.json").read_text())
    bench, served = r["extra"], peer(results, oracle, "scaivault")
    load = {row["name"]: row for row in bench["load"]}
    for row in load.values():
        row.update(cpu=row["cpu_seconds"], p50=row.get("ack_p50_ms"), p99=row.get("ack_p99_ms"))
    asked = [dict(q, p50=q["p50_ms"], cpu=q["cpu_ms"]) for q in bench["questions"]]
    appended = dict(load["append"], settle={k: load["append_seal"][k] for k in ("seconds", "cpu")})
    inside = column("scaivault-audit, in process", oracle, appended, load["import"], r["bytes"], asked, r["busy"])
    return [inside, served]


def column(name: str, oracle: dict, append: dict, load: dict, size: int, asked: list[dict], busy: float) -> dict:
    n = oracle["events"]
    facts = {
        "durable append, 4 writers x 500: events/s": f"{append['events'] / append['seconds']:,.0f}",
        "… CPU µs an event": f"{append['cpu'] / append['events'] * 1e6:.1f}",
        "… ack p50 / p99 ms": f"{append['p50']:.1f} / {append['p99']:.1f}",
        "bulk load of JSON lines: events/s": f"{n / load['seconds']:,.0f}",
        "… its CPU µs an event": f"{load['cpu'] / n * 1e6:.1f}",
        "bytes an event on disk": f"{size / n:.1f}",
    }
    if "settle" in append:
        seconds, cpu = (append[k] + append["settle"][k] for k in ("seconds", "cpu"))
        facts["… until all is sealed: events/s"] = f"{append['events'] / seconds:,.0f}"
        facts["… CPU µs an event, sealed"] = f"{cpu / append['events'] * 1e6:.1f}"
    cells, wrong = {}, []
    for q in asked:
        if "p50" not in q:
            continue
        want = oracle["answers"][q["name"]]
        right = q["rows"] == want["rows"] and q.get("digest", want["digest"]) == want["digest"]
        cells[q["name"]] = f"{number(q['p50'])} / {number(q['cpu'])}" if right else "**MISMATCH**"
        wrong += [] if right else [q["name"]]
    return {"name": name, "facts": facts, "cells": cells, "wrong": wrong, "busy": busy}


def number(x: float) -> str:
    return f"{x:,.0f}" if x >= 100 else f"{x:.3g}"


sys.exit(main(*sys.argv[1:]))

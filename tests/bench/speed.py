"""Rows that need processes of their own: each figure beside that of the floor."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from controller.reconciler import Report
from tests.bench import floor
from tests.bench.processes import Runs, settings, side_by_side
from tests.bench.rows import Row
from tests.bench.served import Served

LATENCY_S = 0.060
CLIENTS = floor.services(floor.FIRST + floor.MORE_FIRST)
COLD_CALLS, WARM_CALLS = 18, 15


def measured(world: Served, rounds: int) -> Iterator[Row]:
    """All rows, told as they come."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        environ = settings(world.port, place / "code")
        state = world.copy_state(place / "state")
        bucket = f"s3://{world.plant.bucket}"

        made = side_by_side(
            {
                "floor": ["tests.bench.floor", "0"],
                "ours": ["tests.bench.steady", "0", state, *CLIENTS],
            },
            environ,
            rounds,
        )
        yield from _ratio("imports and clients", made, "clients_s", 1.3)

        cold = {
            "floor": ["tests.bench.floor", "1"],
            "ours": ["tests.bench.steady", "1", state],
            "in S3": ["tests.bench.steady", "1", bucket],
        }
        made = side_by_side(cold, environ, rounds)
        yield from _ratio("cold process", made, "wall", 1.15)
        yield from _ratio("cold process, CPU alone", made, "cpu", 1.15)
        yield _beside("cold process, state in S3", made, "in S3", "wall")
        peak = made["ours"].of("peak_mb")
        beside = f"{peak:.0f} MB (floor {made['floor'].of('peak_mb'):.0f})"
        yield Row("peak memory, cold process", beside, "< 110 MB", peak < 110)

        warm = {
            "floor": ["tests.bench.floor", "3"],
            "ours": ["tests.bench.steady", "3", state],
            "in S3": ["tests.bench.steady", "3", bucket],
        }
        made = side_by_side(warm, environ, rounds)
        yield _at_most("warm pass", made, "pass3_s", 0.1)
        yield _beside("warm pass, state in S3", made, "in S3", "pass3_s")

        with world.latency(LATENCY_S):
            made = side_by_side(cold, environ, rounds)
            yield _at_most("60 ms a call: cold process", made, "wall", 1.2)
            made = side_by_side(warm, environ, rounds)
        yield _at_most("60 ms a call: warm pass", made, "pass3_s", 0.3)
        yield from _ratio("60 ms a call: warm pass", made, "pass3_s", 1.3)
        yield _beside("60 ms a call: warm pass, state in S3", made, "in S3", "pass3_s")


def calls(world: Served) -> Iterator[Row]:
    """What a pass asks of AWS: a cold one, a warm one, and why so."""
    log, plant = world.world.calls, world.plant
    plant.revive()
    for name, most in (("cold", COLD_CALLS), ("warm", WARM_CALLS)):
        mark = len(log)
        report = plant.run()
        writes = [c.name for c in log[mark:] if c.writes and c.service != "s3"]
        own = sum(c.service == "s3" for c in log[mark:])
        counted, extra = _split(report)
        yield Row(f"calls, {name} pass", f"{counted} + {sum(extra.values())} listed below",
                  f"≤ {most} + those listed", counted <= most)  # fmt: skip
        yield Row(f"calls on the state bucket, {name} pass", str(own))
        yield Row(f"writes, {name} pass", str(len(writes)), "0", not writes)
    for call, number in extra.items():
        yield Row(f"  {call}", f"{number}: {floor.EXTRA[call]}")


def _split(report: Report) -> tuple[int, dict[str, int]]:
    """Calls as speed.md counts them, and the listed ones that it does not count."""
    extra = {c: n for c, n in sorted(report.calls.items()) if c in floor.EXTRA}
    return sum(report.calls.values()) - sum(extra.values()), extra


def _ratio(what: str, made: dict[str, Runs], figure: str, most: float) -> Iterator[Row]:
    ours, base = made["ours"].of(figure), made["floor"].of(figure)
    shown = f"{ours / base:.2f} × ({ours:.2f} s / {base:.2f} s)"
    yield Row(what, shown, f"≤ {most} × bare boto3", ours / base <= most)


def _at_most(what: str, made: dict[str, Runs], figure: str, most: float) -> Row:
    ours, base = made["ours"].of(figure), made["floor"].of(figure)
    return Row(what, f"{ours:.3f} s (floor {base:.3f} s)", f"≤ {most} s", ours <= most)


def _beside(what: str, made: dict[str, Runs], name: str, figure: str) -> Row:
    ours, base = made[name].of(figure), made["floor"].of(figure)
    return Row(what, f"{ours:.3f} s ({ours / base:.2f} × the floor, which keeps no state)")

"""`plumbline doctor`: is the control plane well?"""

from __future__ import annotations

from dataclasses import asdict

import click
from rich.markup import escape

from controller.checkup import Patient, look_over
from controller.cli.output import console, output_option, print_json
from controller.cli.tools import control_plane, stack_option
from controller.registry import Home, Registry

_WORDS = {"ok": "[green]ok[/]     ", "wrong": "[red]WRONG[/]  ", "unknown": "[yellow]unknown[/]"}


@click.command(short_help="Check a deployed control plane, and say what to do.")
@stack_option
@output_option
def doctor(output: str) -> int:
    """Check a deployed control plane: stack, bucket, key, registry, desired state, passes, roles,
    queue, alarms, clock. Says what is wrong and what to do. Reads only.

    What the credentials may not read is said to be unknown. Without a name, the stack is that of
    PLUMBLINE_STACK, or `plumbline`. Exit code 0: nothing is wrong. 1: something is, or an error.
    """
    plane = control_plane()
    home = Home(plane.account, plane.region, plane.mode)
    store = plane.store
    patient = Patient(
        plane.stack, plane.status, plane.account, plane.outputs, plane.parameters, store,
        plane.client, lambda: Registry.load(store, home), plane.source,
    )  # fmt: skip
    if output == "json":
        found = list(look_over(patient))
        print_json([asdict(each) for each in found])
    else:
        found, screen = [], console()
        for each in look_over(patient):
            found.append(each)
            screen.print(f"{_WORDS[each.verdict]}  {escape(each.check)}: "
                         f"{escape(each.says)}")  # fmt: skip
            if each.advice:
                screen.print(f"           → {escape(each.advice)}")
    return int(any(each.verdict == "wrong" for each in found))

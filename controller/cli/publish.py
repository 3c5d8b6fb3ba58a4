"""`plumbline publish FILE`: hand desired state over to the control plane."""

from __future__ import annotations

from pathlib import Path

import click

from controller.cli import handing_over, provenance, render
from controller.cli.files import load_file
from controller.cli.main import Failed
from controller.cli.output import console
from controller.cli.tools import control_plane, stack_option
from controller.manifest import DesiredStateError
from controller.sources import FileSource


@click.command(short_help="Hand desired state over to the control plane.")
@click.argument("file", type=click.Path(path_type=Path))
@stack_option
@click.option("--yes", is_flag=True, help="Ask nobody.")
@click.option("--no-plan", is_flag=True, help="Show no plan: the credentials only hand over.")
@click.option("--commit", help="Which commit it is; git's last one of the file by default.")
@click.option("--author", help="Whose change it is; that commit's author by default.")
def publish(file: Path, yes: bool, no_plan: bool, commit: str | None, author: str | None) -> None:
    """Check a desired-state file, show what it would do, and hand it over to the control plane.

    It goes where the registry says: into the state bucket, or to Parameter Store. Commit and author
    go with it, for status, events and history. What is there already is not handed over again.
    Without a name, the stack is that of PLUMBLINE_STACK, or `plumbline`.
    """
    try:
        environment = load_file(file)
    except DesiredStateError as error:
        raise Failed(str(error)) from None
    plane = control_plane()
    name = environment.name
    binding = plane.binding(name)
    where = handing_over.where(plane, name, binding)
    text = file.read_bytes()
    before, held = handing_over.there(plane, name, binding)
    screen = console()
    if held is not None and held.body == text:
        screen.print(f"{name}: revision {environment.revision} is published already: {where}")
        return
    if not no_plan:
        handing_over.show(screen, plane, environment, FileSource(file), binding)
    if not yes:
        handing_over.ask(f"Publish to {where}?")
    told = provenance.of(file)
    commit, author = commit or told[0], author or told[1]
    handing_over.hand_over(plane, environment, text, before, binding, commit, author)
    words = render.whose({"commit": commit, "author": author})
    screen.print(f"{name}: published revision {environment.revision} {words}".rstrip())
    screen.print(f"  {where}", markup=False)

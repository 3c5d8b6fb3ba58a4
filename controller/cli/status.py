"""`plumbline status`: how the last pass left an environment."""

from __future__ import annotations

import click

from controller.cli import render
from controller.cli.main import Failed
from controller.cli.output import console, output_option, print_json
from controller.cli.tools import environment_name, open_store, state_option
from controller.store import StoreFailure


@click.command(short_help="Show how the last pass left it.")
@click.argument("file_or_environment")
@state_option
@output_option
def status(file_or_environment: str, state: str | None, output: str) -> int:
    """Show how the last pass left the environment. Asks AWS nothing.

    Exit code 0: converged. 2: not converged. 1: no pass yet, or an error.
    """
    name = environment_name(file_or_environment)
    try:
        found = open_store(state).get(f"status/{name}.json")
    except StoreFailure as error:
        raise Failed(f"state: {error}") from None
    if found is None:
        raise Failed(f"no pass over {name} has been recorded here")
    document = found.json
    if output == "json":
        print_json(document)
    else:
        screen = console()
        word = "[green]converged[/]" if document["converged"] else "[yellow]not converged[/]"
        screen.print(
            f"{name}: {word}, revision {document['revision']}, mode {document['mode']}"
            + (f", {document['paused']}" if document["paused"] else ""),
        )
        if whose := render.whose(document):
            screen.print(f"  {whose}")
        if not document["desiredState"]["valid"]:
            screen.print(f"[red]{document['desiredState']['reason']}[/]")
            for problem in document["desiredState"]["problems"]:
                screen.print(f"  {problem}", markup=False)
        screen.width = 1000  # the terminal breaks long lines: a command in a message can be copied
        screen.print(render.status_table(document))
        render.print_orphans(screen, document)
        render.print_asks(screen, name, (document.get("approval") or {}).get("fingerprint", ""))
    return 0 if document["converged"] else 2

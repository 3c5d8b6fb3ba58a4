"""`plumbline schema`: the JSON Schema of desired-state files."""

from __future__ import annotations

import click


@click.command(short_help="Print the JSON Schema of desired-state files, for editors.")
def schema() -> None:
    """Print the JSON Schema of one document of a desired-state file.

    Editors use it through the first line of each file: yaml-language-server: $schema=…
    """
    from controller.schema import render

    click.echo(render(), nl=False)

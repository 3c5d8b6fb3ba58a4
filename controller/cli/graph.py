"""`plumbline graph FILE`: a picture of a desired-state file."""

from __future__ import annotations

from pathlib import Path

import click

from controller.cli.files import load_file
from controller.cli.main import Failed
from controller.cli.output import print_json
from controller.manifest import DesiredStateError


@click.command(short_help="Draw what a desired-state file is made of.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Choice(["mermaid", "dot", "json"]),
    default="mermaid",
    show_default=True,
    help="For Markdown pages, for Graphviz, or for programs.",
)
def graph(file: Path, output: str) -> None:
    """Draw what a desired-state file is made of: its resources, and what each of them refers to,
    waits for (dashed), and takes from Parameter Store. Makes no call to AWS."""
    from controller import graph as drawing

    try:
        environment = load_file(file)
    except DesiredStateError as error:
        raise Failed("\n".join(map(str, error.problems))) from None
    if output == "json":
        print_json(drawing.document(environment))
    else:
        draw = drawing.mermaid if output == "mermaid" else drawing.dot
        click.echo(draw(environment), nl=False)

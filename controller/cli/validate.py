"""`plumbline validate FILE…`: everything that can be checked without AWS."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click

from controller.cli.files import load_file
from controller.cli.main import Failed
from controller.cli.output import output_option, print_json
from controller.manifest import DesiredStateError, Environment, Problem


@click.command(short_help="Check desired-state files, without AWS.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@output_option
def validate(files: tuple[Path, ...], output: str) -> None:
    """Check desired-state files. Makes no call to AWS; exits 1 if anything is wrong."""
    sound: list[Environment] = []
    problems: list[Problem] = []
    for file in files:
        try:
            sound.append(load_file(file))
        except DesiredStateError as error:
            problems.extend(error.problems)
    if output == "json":
        print_json(
            {
                "valid": not problems,
                "problems": [asdict(p) for p in problems],
                "environments": [
                    {"file": e.file, "environment": e.name, "revision": e.revision,
                     "resources": list(e.resources)}
                    for e in sound
                ],
            }
        )  # fmt: skip
    else:
        for environment in sound:
            click.echo(_summary(environment))
    if problems:
        raise Failed("\n".join(map(str, problems)))


def _summary(environment: Environment) -> str:
    kinds = Counter(r.kind for r in environment.resources.values())
    listed = ", ".join(f"{n} {kind}" for kind, n in kinds.items())
    total = len(environment.resources)
    resources = f"{total} resource{'' if total == 1 else 's'}"
    return f"{environment.file}: environment {environment.name} is valid: {resources}" + (
        f" ({listed})" if listed else ""
    )

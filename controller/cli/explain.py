"""`plumbline explain PATH`: what a kind or field means."""

from __future__ import annotations

import click

from controller.cli.main import Failed


@click.command(short_help="Tell what a kind or field means, allows and defaults to.")
@click.argument("path", required=False)
@click.option("--reference", is_flag=True, help="All kinds, as the Markdown of docs/reference.")
def explain(path: str | None, reference: bool) -> None:
    """Tell what a kind or one of its fields means: type, limits, default, how AWS treats it.

    PATH is a kind (DBInstance) or a field of its spec (DBInstance.backupRetentionPeriod). Without
    one, all kinds are listed.
    """
    from controller import explain as explaining

    if reference:
        click.echo(explaining.reference_docs(), nl=False)
        return
    if path is None:
        click.echo(explaining.kinds())
        return
    try:
        click.echo(explaining.explain(path))
    except explaining.NotExplained as error:
        raise Failed(str(error)) from None

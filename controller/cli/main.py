"""`plumbline`: the group of commands, and how each of them ends.

A command is a module in this folder with a click command of its own name, and a line in `COMMANDS`.
It is imported only when it is typed, so `plumbline --help` starts fast. A command raises `Failed`
for what a person has to mend; whatever else goes wrong ends in one line too, never in a traceback
(`PLUMBLINE_TRACEBACK=1` shows it).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from keyword import iskeyword

import click

COMMANDS = {
    "plan": "Show what differs and what would be done.",
    "apply": "Make it so: passes until converged.",
    "status": "Show how the last pass left it.",
    "drift": "Show what somebody changed behind its back.",
    "import": "Write a desired-state file from what is there.",
    "pause": "Stop all writes for a while.",
    "approve": "Let a plan that loses data happen.",
    "release": "Stop managing resources; delete nothing.",
    "destroy": "Delete what an environment holds.",
    "publish": "Hand desired state over to the control plane.",
    "rollback": "Put an earlier revision back in force.",
    "history": "Show what happened: revisions, drift, actions.",
    "doctor": "Check a deployed control plane, and say what to do.",
    "validate": "Check desired-state files, without AWS.",
    "graph": "Draw what a desired-state file is made of.",
    "explain": "Tell what a kind or field means, allows and defaults to.",
    "schema": "Print the JSON Schema of desired-state files, for editors.",
}
"""Command → what it does. The module has the command's name (`import_`, which Python reserves)."""


class Failed(click.ClickException):
    """The command can't do what was asked; the message says why, one line a reason."""

    exit_code = 1

    def show(self, file: object = None) -> None:
        """The message as it is, on stderr."""
        click.echo(self.message, err=True)


class _Lazy(click.Group):
    """A group that imports a command when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        name = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        command: click.Command = getattr(import_module(f"controller.cli.{name}"), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            from controller.complaints import unknown

            message = unknown("command", args[0], COMMANDS).removeprefix("found the ")
            raise click.UsageError(message, ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _version() -> str:
    try:
        return version("plumbline")
    except PackageNotFoundError:
        return "(not installed)"


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(_version(), prog_name="plumbline")
def plumbline() -> None:
    """Keep AWS as the file says: find every drift, name it, heal it."""


def main(args: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0 done, 1 error, 2 `plan` found something to do, 130 interrupted."""
    sys.exit(run(args))


def run(args: Sequence[str] | None = None) -> int:
    """Run a command and give its exit code."""
    try:
        result = plumbline.main(args=args, prog_name="plumbline", standalone_mode=False)
    except click.exceptions.Exit as end:
        return end.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return 130
    except click.ClickException as error:
        error.show()
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get("PLUMBLINE_TRACEBACK"):
            raise
        text = " ".join(str(error).split()) or "no message"
        click.echo(f"{type(error).__name__}: {text} (PLUMBLINE_TRACEBACK=1 shows where)", err=True)
        return 1
    return result if isinstance(result, int) else 0


if __name__ == "__main__":
    main()

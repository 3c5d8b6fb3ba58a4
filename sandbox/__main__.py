"""`python -m sandbox`: serve the simulated AWS, watch Plumbline in it, list what it simulates."""

from __future__ import annotations

import argparse
import importlib
import random
import sys
from collections.abc import Sequence

from sandbox.clock import Clock
from sandbox.evidence import table
from sandbox.server import serve
from sandbox.world import DEFAULT_REGION, World

SHOWS = {"demo": "sandbox.demo", "from-nothing": "sandbox.from_nothing"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the subcommands; the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = _parser()
    options = parser.parse_args(given)
    if options.command in SHOWS:
        try:
            status: int = importlib.import_module(SHOWS[options.command]).main()
        except KeyboardInterrupt:  # while it is being imported
            status = 130
        return status
    if options.command == "evidence":
        sys.stdout.write(table())
        return 0
    return _serve(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    server = commands.add_parser("serve", help="serve the simulated AWS over HTTP")
    server.add_argument("--host", default="127.0.0.1")
    server.add_argument("--port", type=int, default=4566, help="0: any free one")
    server.add_argument(
        "--speed", type=float, default=60.0, help="times as fast as real time (0: stands still)"
    )
    server.add_argument("--seed", type=int, default=None, help="default: random")
    server.add_argument(
        "--empty", action="store_true", help="no VPC and other things to begin with"
    )
    commands.add_parser("evidence", help="print the table of simulated operations")
    commands.add_parser("demo", help="watch an environment converge, drift and heal")
    commands.add_parser(
        "from-nothing", help="watch foundation and environment come to be, and who reaches whom"
    )
    return parser


def _serve(options: argparse.Namespace) -> int:
    chosen = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    world = World(seed=chosen, clock=Clock(speed=options.speed))
    if not options.empty:
        importlib.import_module("sandbox.seed").seed(world)
    server = serve(world, options.port, options.host)
    host, port = options.host, server.server_address[1]
    print(
        f"Simulated AWS, seed {chosen}, account {world.account}, {options.speed:g} times as fast"
        " as real time. In another terminal:\n\n"
        f"  export AWS_ENDPOINT_URL=http://{host}:{port}\n"
        "  export AWS_ACCESS_KEY_ID=AKIASANDBOX\n"
        "  export AWS_SECRET_ACCESS_KEY=sandbox\n"
        f"  export AWS_DEFAULT_REGION={DEFAULT_REGION}\n\n"
        "Ctrl-C ends it.",
        flush=True,
    )
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print(f"\nEnded after {len(world.calls)} calls; its state is gone.")
    finally:
        server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

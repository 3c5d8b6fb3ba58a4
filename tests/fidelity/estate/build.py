"""An account and region in which other people's scripts and templates were run."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from controller.importing.finding import Selection
from controller.importing.importer import Imported, import_file
from sandbox import perturb_ecs
from sandbox.pytest_plugin import new_world
from tests.fidelity.estate.others import first_year, platform_team, watching
from tests.fidelity.estate.shell import Shell
from tests.harness import Plant, environment
from tests.rewind import Rewind

NAME = "acme"
OTHERS = Path(__file__).parent / "others"


class Estate(Plant):
    """All that others made, at rest. `back` sets AWS and Plumbline's state back to that."""

    def __init__(self) -> None:
        seed = random.SystemRandom().randrange(2**32)
        super().__init__(new_world(seed, max_lag=timedelta(0)), environment(name=NAME), NAME)
        platform_team.Platform(self.aws).everything()
        first_year.main(self.aws)
        perturb_ecs.instances(self.world, "default", 2)  # an Auto Scaling group's machines join
        watching.run(self.aws)
        with TemporaryDirectory() as folder:
            self.shell = Shell(self.world, {"HERE": str(OTHERS), "TMPDIR": folder})
            self.shell.run(OTHERS / "handmade.sh")
        self.later(86_400)  # a night, in which what is scheduled comes about
        self.back = self.rewind()

    def rewind(self) -> Rewind:
        """What sets everything back to how it stands now; what is due much later is forgotten."""
        clock = self.world.clock
        assert all(due > clock.now() + timedelta(hours=12) for due, _, _ in clock._timers)
        clock._timers.clear()
        return Rewind(self)

    def imported(self, *, adopt: bool = False, **selection: Any) -> Imported:
        """The file that `plumbline import` makes."""
        chosen = Selection(**selection)
        return import_file(self.door.fresh(None), NAME, chosen, adopt=adopt, title="Imported.")


@cache
def estate() -> Estate:
    """The one of this process."""
    return Estate()


def secret_values(made: Estate) -> set[str]:
    """Everything that is nobody's business: what was given to AWS, and what AWS made up."""
    found = {*platform_team.SECRET_VALUES.values(), *first_year.PASSWORDS.values()}
    found |= {platform_team.CACHE_TOKEN, "jobs-token-from-the-cli-42", "Tw3nty-Database-Passw0rd"}
    client = made.aws.client("secretsmanager")
    for page in client.get_paginator("list_secrets").paginate():
        for secret in page["SecretList"]:
            if not secret.get("SecretVersionsToStages"):
                continue
            held = client.get_secret_value(SecretId=secret["ARN"])
            text = held.get("SecretString") or held["SecretBinary"].decode()
            found |= {text, *_leaves(text)}
    return {text for text in found if len(text) >= 8}


def _leaves(text: str) -> set[str]:
    """The values of a secret that holds JSON; of a database's address only the password."""
    try:
        document = json.loads(text)
    except ValueError:
        return set()
    return {v for k, v in document.items() if k in ("password", "key", "webhook", "token")}

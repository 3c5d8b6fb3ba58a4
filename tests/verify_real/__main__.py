"""`make verify-real`: look at a real account, with the credentials that are set.

Reads only. It refuses to begin unless PLUMBLINE_VERIFY_REAL names the account that the credentials
are of. Each kind is discovered, observed and imported, and the file that this makes must plan
empty; a control plane that is deployed there is checked as `plumbline doctor` does. What AWS said
is kept without secrets, names, addresses and accounts, for `python -m tests.fidelity --recordings`.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from controller.aws import AwsFailure
from controller.checkup import Patient, look_over
from controller.cli.deployed import find as find_stack
from controller.cli.main import Failed
from controller.importing.finding import Selection, Unreadable
from controller.importing.importer import Imported, import_file
from controller.kindlib.reading import ENVIRONMENT_TAG
from controller.kinds import KINDS, handler_for
from controller.manifest import DesiredStateError
from controller.registry import Home, Registry
from controller.sessions import session
from tests.verify_real.recorder import Recorder

VARIABLE = "PLUMBLINE_VERIFY_REAL"
NONE = "verified"
REFUSED = 2


class Refused(Exception):
    """Nothing was looked at: this may be the wrong account."""


def door() -> Recorder:
    """To the account that is named. Raises `Refused`."""
    named = os.environ.get(VARIABLE, "")
    if not re.fullmatch(r"[0-9]{12}", named):
        raise Refused(
            f"{VARIABLE}: found {named or 'nothing'}, allowed: the id of the account to look at, "
            "12 digits"
        )
    core = session()
    region = core.get_config_variable("region")
    if not region:
        raise Refused("no region: set AWS_DEFAULT_REGION")
    try:
        found = core.create_client("sts").get_caller_identity()["Account"]
    except (ClientError, BotoCoreError) as error:
        raise Refused(f"no credentials that AWS knows: {error}") from None
    if found != named:
        raise Refused(f"{VARIABLE} names {named}, the credentials are of {found}")
    return Recorder(core, region, named)


def kinds(aws: Recorder) -> Iterator[tuple[bool, str]]:
    """Each kind: whether all of it was read, and what was found."""
    managed = environments(aws)
    for kind in KINDS:
        try:
            there = len(handler_for(kind).discover(aws))
            made = [look(aws, kind, name) for name in ("", *managed)]
        except (AwsFailure, Unreadable, DesiredStateError) as error:
            yield False, f"{kind}: {error}"
            continue
        left = Counter(
            line.partition(": ")[2] for each in made for line in each.left_out
            if not line.endswith(tuple(f"the environment {name} manages it" for name in managed))
        )  # fmt: skip
        unread = [line for each in made for line in each.unread]
        number = sum(len(each.keys) for each in made)
        told = [f"{there} found, {number} imported, the file plans empty"]
        told += [f"{number} left out: {why}" for why, number in left.items()]
        told += [f"left alone: {path}" for each in made for path in each.ignored]
        told += [f"NOT READ: {line}" for line in unread]
        yield not unread, f"{kind}: " + "; ".join(told)


def environments(aws: Recorder) -> list[str]:
    """Those that manage something here: what is theirs is imported into a file of theirs."""
    tagged = aws.pages(
        "resourcegroupstaggingapi", "GetResources", "ResourceTagMappingList",
        {"TagFilters": [{"Key": ENVIRONMENT_TAG}], "ResourcesPerPage": 100},
    )  # fmt: skip
    tags = (tag for each in tagged for tag in each.get("Tags", ()))
    return sorted({tag["Value"] for tag in tags if tag["Key"] == ENVIRONMENT_TAG})


def look(aws: Recorder, kind: str, environment: str) -> Imported:
    """One kind, of an environment, or of none."""
    tags = {ENVIRONMENT_TAG: environment} if environment else {}
    selection = Selection((kind,), tags=tags)
    return import_file(aws, environment or NONE, selection, adopt=False, title="Verified.")


def control_plane(aws: Recorder, stack: str) -> Iterator[tuple[bool, str]]:
    """What `plumbline doctor` finds: stack, state, roles, passes and how long ago they were."""
    core = session()
    try:
        plane = find_stack(core, stack)
        store, home = plane.store, Home(plane.account, plane.region, plane.mode)
        patient = Patient(
            plane.stack, plane.status, plane.account, plane.outputs, plane.parameters, store,
            plane.client, lambda: Registry.load(store, home), plane.source,
        )  # fmt: skip
        for each in look_over(patient):
            advice = f" ({each.advice})" if each.advice else ""
            yield each.verdict != "wrong", f"{each.check}: {each.verdict}: {each.says}{advice}"
    except Failed as error:
        yield False, str(error)


def main() -> int:
    """0: as it should be. 1: something is not, or could not be read. 2: refused."""
    parser = argparse.ArgumentParser(prog="python -m tests.verify_real", description=__doc__)
    parser.add_argument("--stack", default="", help="a control plane deployed there, to be checked")
    parser.add_argument("--recordings", type=Path, default=Path("build/verified"), help="folder")
    options = parser.parse_args()
    try:
        aws = door()
    except Refused as refused:
        print(f"refused: {refused}", file=sys.stderr)
        return REFUSED
    well = True
    for good, line in kinds(aws):
        well = well and good
        print(("ok     " if good else "WRONG  ") + line)
    for good, line in control_plane(aws, options.stack) if options.stack else ():
        well = well and good
        print(("ok     " if good else "WRONG  ") + line)
    number = aws.write_down(options.recordings)
    print(
        f"\n{number} replies in {options.recordings}: look through them before you share them, then"
    )
    print(f"python -m tests.fidelity --recordings {options.recordings}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())

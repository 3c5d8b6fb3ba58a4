"""False drift: what AWS and others rightly do around an environment, and what a pass makes of it.

The environments that we ship, and one of all kinds (`tests/perturbation/full.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.harness import environment
from tests.perturbation.deeds import Running, sequence
from tests.perturbation.full import FULL, IP_SET, KEY
from tests.perturbation.stacks import stand

SHIPPED = Path(__file__).parents[2] / "desired_state"
ALL_KINDS = "all kinds"
PERTURBATIONS, STEPS, LOOKS = 200, 5, 2


@dataclass(frozen=True)
class Drift:
    """What came of some perturbations of an environment. wrong: the first that went wrong."""

    environment: str
    perturbations: int = 0
    passes: int = 0
    writes: int = 0
    drift: int = 0
    wrong: tuple[str, ...] = ()

    def __add__(self, other: Drift) -> Drift:
        return Drift(
            self.environment, self.perturbations + other.perturbations, self.passes + other.passes,
            self.writes + other.writes, self.drift + other.drift, self.wrong + other.wrong,
        )  # fmt: skip


class _AllKinds(Running):
    """With the keys, the IP set and the stack that its manifests name."""

    def prepare(self) -> None:
        stand(self)
        key = self.aws.client("kms").create_key()["KeyMetadata"]["Arn"]
        addresses = self.aws.client("wafv2").create_ip_set(
            Name="one", Scope="REGIONAL", IPAddressVersion="IPV4", Addresses=["192.0.2.0/24"]
        )["Summary"]["ARN"]
        self.publish(self.text.replace(KEY, key).replace(IP_SET, addresses))


def environments() -> Mapping[str, str]:
    """Name → text of each environment."""
    found = {
        str(path.relative_to(SHIPPED)): path.read_text(encoding="utf-8")
        for path in sorted(SHIPPED.glob("*/*.yaml"))
    }
    documents = [document for kind in FULL.values() for document in kind]
    return {**found, ALL_KINDS: f"# seeded: ${{ssm:}}\n{environment(*documents)}"}


def perturbed(name: str, seeds: range) -> Drift:
    """One sequence of perturbations for each seed."""
    text = environments()[name]
    head = next(iter(yaml.safe_load_all(text)))
    kind = _AllKinds if name == ALL_KINDS else Running
    plant = kind(text, head["metadata"]["name"])
    total = Drift(name)
    for seed in seeds:
        done = sequence(plant, seed, STEPS, LOOKS)
        wrong = (f"seed {seed}: {done.wrong}",) if done.wrong else ()
        total += Drift(name, len(done.deeds), done.passes, done.writes, done.drift, wrong)
    return total

"""Doors to the accounts that environments live in: read by one role, written by another.

Nothing is assumed before it is needed: a pass that only looks never asks for the role that writes.
The role that reads is shared by an account's environments; the role that writes is assumed for
each, with its name as `SourceIdentity`. Doors live as long as the process, of those last used.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import botocore.session

from controller.aws import Aws
from controller.rates import Budget
from controller.registry import Binding
from controller.roles import assumed, role_arn
from handlers.settings import Settings

MOST = 32
"""Doors that are kept: one that has written holds a client of each service, some megabytes."""


@dataclass
class Doors:
    """The doors of one process. session: of the function's own role."""

    session: botocore.session.Session
    settings: Settings
    partition: str
    _readers: dict[tuple[str, str, str], Aws] = field(default_factory=dict)
    _made: dict[tuple[Binding, str], Aws] = field(default_factory=dict)

    def door(self, binding: Binding, environment: str) -> Aws:
        """The door of an environment; passes begin with `fresh`."""
        key = (binding, environment)
        if key in self._made:
            self._made[key] = self._made.pop(key)  # now the one last used
        else:
            reader = self._reader(binding)
            role = binding.converge_role or f"{self.settings.role}-{binding.region}-converge"
            writer = self._as(binding, role, environment)
            self._made[key] = reader.written_by(writer)
            for oldest in list(self._made)[:-MOST]:
                del self._made[oldest]
        return self._made[key]

    def _reader(self, binding: Binding) -> Aws:
        role = binding.observe_role or f"{self.settings.role}-{binding.region}-observe"
        key = (binding.account, binding.region, role)
        if key not in self._readers:
            self._readers[key] = Aws(
                self._as(binding, role),
                region=binding.region,
                account=binding.account,
                budget=Budget(self.settings.share),
            )
        return self._readers[key]

    def _as(self, binding: Binding, role: str, environment: str = "") -> botocore.session.Session:
        return assumed(
            self.session,
            role_arn(self.partition, binding.account, role),
            external_id=self.settings.external_id,
            region=self.settings.region,
            identity=environment,
        )

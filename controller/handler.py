"""The one abstraction to know: a handler is what knows one kind of AWS resource.

A handler reads (`observe`), translates (`to_spec`), judges (`readiness`), proposes calls (`plan`)
and makes exactly one of them at a time (`apply`). It decides nothing about whether a call may be
made: guards do. Everything but `observe`, `apply` and `discover` is pure.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from controller.aws import Aws
from controller.diff import Change
from controller.policies import Doc
from controller.spec import Outputs, Spec

Risk = Literal["safe", "disruptive", "destructive", "irreversible"]
"""safe: nobody notices. disruptive: connections drop, tasks restart. destructive: data or a
resource is lost. irreversible: can't be undone, though nothing is lost (a grown disk)."""


@dataclass(frozen=True, slots=True)
class Present:
    """AWS has it. `doc`: what AWS says, put together from the reads of this kind.

    unknown: spec fields (top-level names) that could not be read this time; changes to them are
    neither reported as drift nor acted on. owned: spec fields that another actor holds as a whole,
    with its name: what differs in them is its business.
    """

    doc: Mapping[str, Any]
    unknown: Mapping[str, str] = field(default_factory=dict)
    owned: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Absent:
    """AWS answered, and it is not there."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """AWS did not answer (throttle, denial, time-out, broken page). Never the same as `Absent`."""

    reason: str


Observation = Present | Absent | Unknown


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the resource can be used now. `failed` needs a person or a new desired state."""

    state: Literal["ready", "in-progress", "failed"]
    reason: str = ""
    message: str = ""


READY = Readiness("ready", "Ready")

REMARK = "(remark)"
"""Among the outputs that `apply` returns: what AWS remarked on a call that it took."""


@dataclass(frozen=True, slots=True)
class Target:
    """A resource as a handler meets it.

    key: `Kind/name`. name: the physical name in AWS. spec: the desired document, references to
    other resources' outputs possibly still unresolved (`${…}`); names never are. tags: what the
    resource's tags must contain, ownership included (the same as in `spec["tags"]`). last: the
    desired document as last applied, if that is known: where else to look.
    """

    key: str
    name: str
    spec: Doc
    tags: dict[str, str]
    account: str
    region: str
    last: Doc | None = None

    def arn(self, service: str, resource: str) -> str:
        """`arn:aws:<service>:<region>:<account>:<resource>`, in this region's partition."""
        partition = (
            "aws-cn" if self.region.startswith("cn-")
            else "aws-us-gov" if self.region.startswith("us-gov-")
            else "aws"
        )  # fmt: skip
        return f"arn:{partition}:{service}:{self.region}:{self.account}:{resource}"


@dataclass(frozen=True, slots=True)
class Action:
    """One mutating API call, planned.

    params: the request. A text in it may hold `${…}`: `${Kind.name.output}` of a resource that
    is yet to be made, `${self.output}` of an earlier action on this resource, or a secret. They are
    filled in at the moment of the call. volatile: parameters that differ each time (lock tokens,
    client tokens), kept out of `fingerprint` and of every output.
    changes: rendered paths of the spec fields it changes, as in `Change.path`.
    step: a name unique among the actions of one resource; after: steps that must succeed first.
    creates: True if AWS will have one more resource afterwards. prepares: True if it changes
    nothing of what stands: the action after it puts it to use. tried_as: what actions of several
    passes have in common that together are one try; empty if it is one by itself.
    """

    service: str
    operation: str
    params: Mapping[str, Any]
    changes: tuple[str, ...] = ()
    risk: Risk = "safe"
    step: str = ""
    after: tuple[str, ...] = ()
    creates: bool = False
    deletes: bool = False
    prepares: bool = False
    tried_as: str = ""
    volatile: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A resource that `discover` came upon.

    name: its physical name. spec: what of its spec `observe` must be told to find it (a service's
    cluster, a web ACL's scope); empty for most kinds.
    """

    name: str
    spec: Mapping[str, Any] = field(default_factory=dict)


class Handler(ABC):
    """What knows one kind. One file per kind; adding a kind is that file and one registry line."""

    kind: ClassVar[str]
    spec: ClassVar[type[Spec]]
    outputs: ClassVar[type[Outputs]]
    name_pattern: ClassVar[str]
    """What AWS allows as physical name, as a regular expression over the whole name."""
    name_says: ClassVar[str]
    """The same in words, for the error message."""
    within: ClassVar[str] = ""
    """The spec field in which names are unique (a service's `cluster`); empty: in the region."""
    name_space: ClassVar[str] = ""
    """What kinds have in common that share one space of names in AWS; empty: its own."""
    holds_data: ClassVar[bool] = False
    """True: removing the manifest keeps the resource (`prune: retain`) unless said otherwise."""
    named_value: ClassVar[str] = ""
    """The spec field that holds what the resource's name names: looked at as a variable's value is,
    whose name may say that it is a secret."""
    held_by: ClassVar[Literal["tags", "inventory", "file"]] = "tags"
    """What says whose it is. inventory: our memory of it, since AWS keeps no tags of it; file:
    `lifecycle.adopt: true` as long as it stands there, for what others make: it is never deleted,
    and forgotten with its manifest (docs/decisions/0027, 0028)."""
    beside: ClassVar[tuple[str, ...]] = ()
    """What paths of `drifted` begin with."""
    instant: ClassVar[bool] = True
    """True: usable once its create call has returned, so dependents go on in this pass."""
    events_by_id: ClassVar[bool] = False
    """True: AWS's events name it by its identity, and not by its name."""
    reads: ClassVar[tuple[str, ...]] = ()
    """`service:Operation` of a steady pass, for the published read table and the IAM policy."""
    writes: ClassVar[tuple[str, ...]] = ()
    """`service:Operation` that plans may hold."""

    @abstractmethod
    def observe(self, aws: Aws, targets: Sequence[Target]) -> dict[str, Observation]:
        """Look at all targets of this kind with as few calls as AWS allows, by `Target.key`.

        An AWS error that is not "it does not exist" makes `Unknown`, never `Absent`.
        """

    @abstractmethod
    def to_spec(self, doc: Mapping[str, Any]) -> Doc:
        """What AWS says, in our language. Absent members where AWS says nothing or empty."""

    def imported(self, doc: Mapping[str, Any]) -> Doc:
        """What an import writes: `to_spec`, and what AWS leaves unsaid but the model wants said."""
        return self.to_spec(doc)

    def incomplete(self, spec: Mapping[str, Any]) -> str:
        """What else must be declared before it could be created; empty if nothing.

        An adopted resource exists, so it can do without (AWS never shows a master password).
        """
        return ""

    def pending(self, doc: Mapping[str, Any]) -> Doc:
        """The part of the spec that AWS has accepted and has yet to put in force."""
        return {}

    def failed(self, doc: Mapping[str, Any]) -> Doc:
        """The part of a spec that AWS tried and gave up on (a rollout that was rolled back)."""
        return {}

    def drifted(self, doc: Mapping[str, Any]) -> list[Change]:
        """Drift beside the spec, which AWS itself has found against what it holds to be wanted."""
        return []

    def forbidden(self, doc: Mapping[str, Any]) -> str:
        """Why it is not to be changed, whoever claims it; empty if it may be."""
        return ""

    @abstractmethod
    def readiness(self, doc: Mapping[str, Any]) -> Readiness:
        """Whether it can be used now."""

    def leaving(self, doc: Mapping[str, Any]) -> bool:
        """True for what is deleted already, and is only kept for a while to be restored."""
        return False

    def modifiable(self, doc: Mapping[str, Any]) -> str:
        """Empty if AWS would take a modification now, else why not (status `modifying`, …)."""
        return ""

    @abstractmethod
    def output(self, doc: Mapping[str, Any]) -> Doc:
        """The outputs that the observed document gives, in the shape of `outputs`.

        A value that AWS has not given yet (the endpoint of a database being created) is left out.
        """

    def identity(self, doc: Mapping[str, Any]) -> str:
        """What tells this resource from a later one of the same name (an id, a creation time).

        Its ARN, where AWS gives nothing better: then only that it is there is remembered.
        """
        return str(self.output(doc).get("arn", ""))

    def identity_of(self, target: Target) -> str:
        """The same of one just made, where its name gives it; empty if AWS has to say it."""
        return ""

    @abstractmethod
    def plan(
        self, target: Target, observed: Present | Absent, changes: Sequence[Change]
    ) -> list[Action]:
        """The smallest set of calls that makes `changes`; for `Absent`, that creates the target.

        changes: those to act on, already classified; only fields named in them may be sent, except
        where AWS wants the whole (then everything else is sent as AWS showed it).
        """

    def obstacle(self, observed: Present, change: Change) -> str:
        """What keeps `plan` from making a change, for people; empty if it has nothing to say."""
        return ""

    def let_go(
        self, aws: Aws, target: Target, observed: Present, marks: Sequence[Change]
    ) -> list[Action]:
        """The calls that take our tags off it. marks: those tags, as changes to none. Raises
        `AwsFailure` where more must be read for it."""
        return self.plan(target, observed, marks)

    @abstractmethod
    def delete(self, target: Target, observed: Present) -> list[Action]:
        """The calls that remove it, the safest way AWS has (final snapshot, recovery window)."""

    def apply(self, aws: Aws, target: Target, action: Action, params: Doc) -> Doc:
        """Make the action's one mutating call and return the outputs its reply gives, and under
        `REMARK` what AWS has to say of it.

        params: `action.params` and `action.volatile`, references and secrets filled in. Raises
        `AwsFailure`; `Stale` if AWS was found changed since `observe`, with nothing written.
        """
        reply = aws.write(action.service, action.operation, params)
        return self.reply_output(action, reply)

    def reply_output(self, action: Action, reply: Mapping[str, Any]) -> Doc:
        """The outputs in the reply to `action`; default none."""
        return {}

    @abstractmethod
    def discover(self, aws: Aws) -> list[Found]:
        """All resources of this kind in the account and region that could be managed.

        Raises `AwsFailure`: an incomplete list is no list.
        """

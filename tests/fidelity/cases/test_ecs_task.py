"""Cases 1 to 30, and what stands between them: task definitions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from controller.kindlib.task_definition import task_spec
from controller.manifest import DesiredStateError, load
from tests.fidelity.cases.ecs_estate import SERVICES, Deed, Doc, Estate, estate, spec
from tests.harness import environment, resource


@pytest.fixture
def e() -> Estate:
    """The estate, converged."""
    found = estate()
    found.back()
    return found


def app(name: str = "web", container: str = "app", **values: Any) -> Deed:
    """AWS shows a container so."""
    return lambda e: e.raw(name, container).update(values)


def task(name: str = "web", **values: Any) -> Deed:
    """AWS shows a task definition so."""
    return lambda e: e.revision(name).update(values)


def reverse(member: str, name: str = "web") -> Deed:
    """AWS shows a container's list the other way round."""
    return lambda e: e.raw(name)[member].reverse()


def reordered(e: Estate) -> None:
    """AWS has containers, and all that is keyed in them, in another order."""
    e.revision("web")["containerDefinitions"].reverse()
    for member in ("environment", "secrets", "portMappings", "ulimits", "systemControls",
                   "dependsOn"):  # fmt: skip
        e.raw("web")[member].reverse()


def holes(e: Estate) -> None:
    """Null and empty elements, as sparse lists leave them."""
    for member in ("environment", "secrets", "portMappings", "mountPoints", "ulimits",
                   "dependsOn", "systemControls"):  # fmt: skip
        e.raw("web")[member] += [None, {}]
    e.raw("host")["extraHosts"] += [None]
    e.raw("host")["volumesFrom"] += [{}]


EMPTY_LISTS = (
    "command", "entryPoint", "dnsSearchDomains", "dnsServers", "dockerSecurityOptions",
    "credentialSpecs", "environmentFiles", "resourceRequirements", "extraHosts", "links",
    "volumesFrom",
)  # fmt: skip


def empties(e: Estate) -> None:
    """All that is not declared comes back empty."""
    e.raw("web").update({m: [] for m in EMPTY_LISTS})
    e.raw("web", "router").update({m: [] for m in (*EMPTY_LISTS, "secrets", "dependsOn")})
    e.raw("web", "router").update(
        dockerLabels={}, linuxParameters={"capabilities": {}, "devices": [], "tmpfs": []}
    )
    e.revision("web").update(inferenceAccelerators=[], placementConstraints=[])


def fewer(member: str, *names: str, name: str = "web", container: str = "app") -> Deed:
    """AWS does not show what is its default."""

    def deed(e: Estate) -> None:
        held = e.raw(name, container)[member]
        for each in held if isinstance(held, list) else [held]:
            for key in names:
                each.pop(key, None)

    return deed


def volume(name: str, which: str, **values: Any) -> Deed:
    """AWS shows a volume so."""

    def deed(e: Estate) -> None:
        held = next(v for v in e.revision(name)["volumes"] if v["name"] == which)
        held.update(values)

    return deed


def efs(**values: Any) -> Deed:
    """AWS shows the file system so."""

    def deed(e: Estate) -> None:
        held = next(v for v in e.revision("web")["volumes"] if v["name"] == "files")
        held["efsVolumeConfiguration"].update(values)

    return deed


def ports(e: Estate, **values: Any) -> None:
    for port in e.raw("web")["portMappings"]:
        port.update(values)


ECHOES: dict[str, tuple[tuple[int, ...], Deed]] = {
    "another order of all that has none": ((1, 2, 12), reordered),
    "null and empty elements": ((4,), holes),
    "essential: true": ((5,), app(container="router", essential=True)),
    "essential is not shown": (
        (5,), lambda e: e.raw("web", "router").pop("essential")),
    "cpu: 0": ((6,), app(cpu=0)),
    "cpu is not shown": ((6,), lambda e: e.raw("web").pop("cpu")),
    "health check filled in": (
        (7,), app(healthCheck={"command": ["CMD", "healthy"], "interval": 30, "timeout": 5,
                               "retries": 3, "startPeriod": 0})),
    "health check as it was written": ((7,), app(healthCheck={"command": ["CMD", "healthy"]})),
    "tcp is not shown": ((9,), fewer("portMappings", "protocol")),
    "dynamic host ports are not shown": (
        (10,), lambda e: [p.pop("hostPort") for p in e.raw("host")["portMappings"]
                          if not p["hostPort"]]),
    "host ports are 0": ((11,), lambda e: ports(e, hostPort=0)),
    "host ports are not shown": ((11,), fewer("portMappings", "hostPort")),
    "links in another order": ((14,), reverse("links", "host")),
    "volumes of containers in another order": ((), reverse("volumesFrom", "host")),
    "empty lists and maps": ((16, 26), empties),
    "both spellings of a label are there": (
        (18,), app(dockerLabels={"com.example.team": "lower", "com.example.Team": "platform"})),
    "compatibilities in another order": (
        (20,), task(requiresCompatibilities=["FARGATE"], compatibilities=["FARGATE", "EC2"])),
    "bridge is not shown": ((21,), lambda e: e.revision("host").pop("networkMode")),
    "host: {} of bind mounts": ((22,), volume("web", "tmp", host={})),
    "a bind mount without host": (
        (22,), lambda e: e.revision("web")["volumes"][0].pop("host", None)),
    "scope: task": (
        (23,), volume("host", "data", dockerVolumeConfiguration={
            "scope": "task", "autoprovision": False, "driver": "local", "driverOpts": {},
            "labels": {"App": "app"}})),
    "scope is not shown": (
        (23,), volume("host", "data", dockerVolumeConfiguration={
            "driver": "local", "labels": {"App": "app"}})),
    "a file system's defaults": (
        (), efs(rootDirectory="/", transitEncryptionPort=0, authorizationConfig={
            "accessPointId": "fsap-1", "iam": "DISABLED"})),
    "versionConsistency: enabled": ((28,), app(versionConsistency="enabled")),
    "what only the server knows": (
        (29,), task(status="INACTIVE", compatibilities=["EC2"], registeredBy="somebody",
                    requiresAttributes=[{"name": "x"}], deregisteredAt=None)),
    "sizes in vCPU and GB": ((30,), task(cpu="1 vCPU", memory="4 GB")),
    "sizes in other letters": ((30,), task(cpu="1vcpu", memory="4GB")),
    "the default platform": (
        (), task(runtimePlatform={"cpuArchitecture": "X86_64",
                                  "operatingSystemFamily": "LINUX"})),
    "the default disk": ((), task(ephemeralStorage={"sizeInGiB": 20})),
    "faults are not injected": ((), task(enableFaultInjection=False)),
    "a restart policy's default": (
        (), app(restartPolicy={"enabled": True, "ignoredExitCodes": [],
                               "restartAttemptPeriod": 300})),
    "what is off is shown": (
        (), app(privileged=False, readonlyRootFilesystem=False, interactive=False,
                pseudoTerminal=False, disableNetworking=False, stopTimeout=30)),
    "memory that is not set is 0": ((), app(memory=0, memoryReservation=0)),
    "a device with all permissions": (
        (), app("host", linuxParameters={
            "sharedMemorySize": 64, "capabilities": {}, "devices": [
                {"hostPath": "/dev/fuse", "permissions": ["write", "read", "mknod"]}],
            "tmpfs": [{"containerPath": "/run", "size": 16,
                       "mountOptions": ["nosuid", "noexec"]}]})),
}  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.case(n, "echo") for n in cases])
        for name, (cases, _) in ECHOES.items()
    ],
)
def test_what_aws_makes_of_it_is_no_drift(e: Estate, name: str) -> None:
    ECHOES[name][1](e)
    e.quiet(1)


@pytest.mark.case(15, "echo")
def test_what_aws_keeps_in_order_is_as_declared(e: Estate) -> None:
    """And nothing sorts it: the order is what was written (case 15)."""
    app = e.container("host")
    assert [h["hostname"] for h in app["extraHosts"]] == ["zeta", "alpha"]
    assert app["dnsServers"] == ["10.0.0.3", "10.0.0.2"]
    assert app["dockerSecurityOptions"] == ["label:user:x", "label:role:y"]
    assert [c["expression"][:25] for c in e.running("host")["placementConstraints"]] == [
        "attribute:ecs.instance-ty", "attribute:ecs.os-type == "
    ]  # fmt: skip
    assert [m["containerPath"] for m in e.container("web")["mountPoints"]] == ["/tmp", "/files"]
    e.quiet(1)


def container(change: Callable[[Doc], object], name: str = "app") -> Callable[[Doc], object]:
    """A change of one container, in AWS's words."""

    def edit(task: Doc) -> None:
        change(next(c for c in task["containerDefinitions"] if c["name"] == name))

    return edit


def put(**values: Any) -> Callable[[Doc], object]:
    """Other values in AWS's words."""
    return lambda raw: raw.update(values)


def of(member: str, **values: Any) -> Callable[[Doc], object]:
    """Other values inside of a member."""
    return lambda raw: raw[member].update(values)


def port(number: int, **values: Any) -> Callable[[Doc], object]:
    """Another port mapping in place of this one."""

    def edit(raw: Doc) -> None:
        found = next(p for p in raw["portMappings"] if p.get("containerPort") == number)
        found.update(values)
        if "containerPort" in values:
            found.pop("hostPort", None)

    return edit


def swap(member: str) -> Callable[[Doc], object]:
    """The other way round."""
    return lambda raw: raw[member].reverse()


def drop_secret(raw: Doc) -> None:
    raw["secrets"] = [s for s in raw["secrets"] if s["name"] != "TOKEN"]


def variable(raw: Doc) -> None:
    next(v for v in raw["environment"] if v["name"] == "LOG")["value"] = "debug"


def label(raw: Doc) -> None:
    raw["dockerLabels"]["com.example.TEAM"] = raw["dockerLabels"].pop("com.example.Team")


def shelf(name: str, **values: Any) -> Callable[[Doc], object]:
    """A volume in AWS's words, changed."""
    return lambda raw: next(v for v in raw["volumes"] if v["name"] == name).update(values)


def file_system(raw: Doc) -> None:
    files = next(v for v in raw["volumes"] if v["name"] == "files")
    files["efsVolumeConfiguration"]["transitEncryption"] = "DISABLED"


C = "containers[app]"
CHANGES: dict[str, tuple[tuple[int, ...], str, Callable[[Doc], object], set[str]]] = {
    "another container": (
        (1,), "web", lambda t: t["containerDefinitions"].append(
            {"name": "spy", "image": "x", "essential": False}),
        {"containers[spy]"}),
    "another variable": ((2, 4), "web", container(variable), {f"{C}.environment[LOG]"}),
    "a secret less": ((), "web", container(drop_secret), {f"{C}.secrets[TOKEN]"}),
    "not essential": (
        (5,), "host", container(put(essential=False), "cache"), {"containers[cache].essential"}),
    "reserved cpu": ((6,), "host", container(put(cpu=0), "cache"), {"containers[cache].cpu"}),
    "another interval": (
        (7,), "spot", container(of("healthCheck", interval=31)), {f"{C}.healthCheck.interval"}),
    "a grace period": (
        (), "spot", container(of("healthCheck", startPeriod=60)),
        {f"{C}.healthCheck.startPeriod"}),
    "udp": (
        (9, 12), "web", container(port(443, protocol="udp")),
        {f"{C}.portMappings[443/tcp]", f"{C}.portMappings[443/udp]"}),
    "another port": (
        (11,), "web", container(port(443, containerPort=444)),
        {f"{C}.portMappings[443/tcp]", f"{C}.portMappings[444/tcp]"}),
    "a fixed host port": (
        (10,), "host", container(port(443, hostPort=0)),
        {f"{C}.portMappings[443/tcp].hostPort"}),
    "another link": (
        (14,), "host", container(put(links=["log:log", "cache:store"])), {f"{C}.links"}),
    "names in another order": ((15,), "host", container(swap("extraHosts")), {
        f"{C}.extraHosts[0].hostname", f"{C}.extraHosts[0].ipAddress",
        f"{C}.extraHosts[1].hostname", f"{C}.extraHosts[1].ipAddress"}),
    "name servers in another order": (
        (15,), "host", container(swap("dnsServers")), {f"{C}.dnsServers"}),
    "options in another order": (
        (15,), "host", container(swap("dockerSecurityOptions")), {f"{C}.dockerSecurityOptions"}),
    "constraints in another order": ((15,), "host", swap("placementConstraints"), {
        "taskPlacementConstraints[0].expression", "taskPlacementConstraints[1].expression"}),
    "a command": (
        (16,), "web", container(put(command=["other"]), "init"), {"containers[init].command"}),
    "another case of a label": (
        (18,), "web", container(label),
        {f"{C}.dockerLabels[com.example.Team]", f"{C}.dockerLabels[com.example.TEAM]"}),
    "other compatibilities": (
        (20,), "web", put(requiresCompatibilities=["FARGATE", "EC2"]),
        {"requiresCompatibilities"}),
    "another network": ((21,), "agent", put(networkMode="bridge"), {"networkMode"}),
    "a directory of the host": (
        (22,), "host", shelf("logs", host={}), {"volumes[logs].host"}),
    "a volume of the task": (
        (23,), "host", shelf("kept", dockerVolumeConfiguration={"scope": "task"}),
        {f"volumes[kept].dockerVolumeConfiguration.{m}" for m in ("scope", "autoprovision")}),
    "an open file system": (
        (), "web", file_system,
        {"volumes[files].efsVolumeConfiguration.transitEncryption"}),
    "another role": (
        (29,), "web", put(taskRoleArn="arn:aws:iam::123456789012:role/other"), {"taskRoleArn"}),
    "another size": ((30,), "web", put(memory="8 GB"), {"memory"}),
    "another image": ((29,), "web", container(put(image="app:2")), {f"{C}.image"}),
    "GPUs": (
        (16,), "host", container(put(resourceRequirements=[{"type": "GPU", "value": "2"}])),
        {f"{C}.resourceRequirements[GPU].value"}),
    "more shared memory": (
        (), "host", container(of("linuxParameters", sharedMemorySize=128)),
        {f"{C}.linuxParameters.sharedMemorySize"}),
}  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.case(n, "change") for n in cases])
        for name, (cases, *_) in CHANGES.items()
    ],
)
def test_a_change_beside_it_is_named_and_mended(e: Estate, name: str) -> None:
    _, service, change, paths = CHANGES[name]
    before = task_spec(e.running(service))
    e.revise(service, change)
    e.checkpoint()
    e.named(*(f"Service/{service}#{p}" for p in paths))
    e.mended()
    assert e.calls_made() == ["RegisterTaskDefinition", "UpdateService"]
    assert task_spec(e.running(service)) == before


UNDECLARED: dict[str, tuple[int, str, Callable[[Doc], object], str]] = {
    "not essential": (
        5, "web", container(put(essential=False), "router"), "containers[router].essential"),
    "reserved cpu": (6, "web", container(put(cpu=128)), f"{C}.cpu"),
    "an interval": (
        7, "web", container(of("healthCheck", interval=31)), f"{C}.healthCheck.interval"),
    "a host port": (
        10, "host", container(port(80, hostPort=8080)), f"{C}.portMappings[80/tcp].hostPort"),
    "a command": (16, "web", container(put(command=["x"]), "router"),
                  "containers[router].command"),
    "a directory of the host": (
        22, "host", shelf("scratch", host={"sourcePath": "/etc"}),
        "volumes[scratch].host.sourcePath"),
    "a shared volume": (
        23, "host", shelf("data", dockerVolumeConfiguration={
            "scope": "shared", "driver": "local", "labels": {"App": "app"}}),
        "volumes[data].dockerVolumeConfiguration.scope"),
    "tags are not pinned": (
        28, "web", container(put(versionConsistency="disabled")), f"{C}.versionConsistency"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNDECLARED)
def test_of_what_is_not_declared_only_the_default_is_folded(e: Estate, name: str) -> None:
    _, service, change, path = UNDECLARED[name]
    e.revise(service, change)
    e.checkpoint()
    report = e.quiet(1)
    told = {c.path: c.cls for c in report.assessments[f"Service/{service}"].changes}
    assert told == {path: "undeclared"}


@pytest.mark.case(28, "change")
def test_images_that_are_pinned_by_declaration(e: Estate) -> None:
    e.wanting(('app: {image: "app:1"', 'app: {versionConsistency: true, image: "app:1"'))
    e.quiet(1)  # AWS's default, written out
    e.revise("web", container(put(versionConsistency="disabled")))
    e.checkpoint()
    e.named(f"{C}.versionConsistency")
    e.mended()
    assert e.container("web")["versionConsistency"] == "enabled"


@pytest.mark.case(26, "refused")
def test_elastic_inference_is_refused() -> None:
    accelerators = "inferenceAccelerators: [{deviceName: a, deviceType: eia2.medium}], "
    said = accelerators + SERVICES["spot"]
    with pytest.raises(DesiredStateError, match="no longer available") as caught:
        load(environment(resource("Service", "main", said)).encode(), "x.yaml")
    assert "resourceRequirements" in str(caught.value)


def test_a_host_port_cannot_be_chosen_where_there_is_none() -> None:
    said = spec("web", ("containerPort: 443", "containerPort: 443, hostPort: 444"))["web"]
    with pytest.raises(DesiredStateError, match="leave hostPort out"):
        load(environment(resource("Service", "main", said)).encode(), "x.yaml")

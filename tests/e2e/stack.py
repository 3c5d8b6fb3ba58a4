"""The control plane deployed to an emulator, and what a user and a judge see of it.

ministack runs template.yaml for real: schedule, queue, bucket, functions. What the functions look
at and change is the sandbox, served from this process; so is STS, with the trust policies that were
deployed. Everything is asked through AWS's own interfaces: boto3, the AWS CLI, the SAM CLI.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import boto3
from botocore.config import Config

from sandbox.clock import Clock
from sandbox.inprocess import session
from sandbox.seed import seed
from sandbox.server import serve
from sandbox.world import CallRecord, World
from tests.emf import data
from tests.plane import sample

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
HOME = ("123456789012", "us-east-1")
AWAY = ("999988887777", "eu-central-1")
SERVICES = (
    "APPLICATION_AUTO_SCALING", "CLOUDWATCH", "CLOUDWATCH_LOGS", "ECS", "ELASTICACHE", "RDS",
    "RESOURCE_GROUPS_TAGGING_API", "SECRETS_MANAGER", "SSM", "STS", "WAFV2",
)  # fmt: skip
"""What the functions find in the sandbox. All else is ministack."""

SPEED = 20
"""The sandbox's minutes in three seconds; the control plane's own minutes are minutes."""

CAPABILITIES = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")
PARAMETERS = (
    "Mode=enforce", "NamePrefix=litellm", "TaskRoleNames=litellm-*", "Architecture=x86_64",
    "ExternalId=only-us", f"TargetAccounts={AWAY[0]}",
    "RateShare=1", # nobody else calls, and ministack runs one worker at a time
)  # fmt: skip
PATIENCE_S = 240
"""How long anything may take. Two ticks and a half are the most that should be needed."""

REGISTRY = f"""\
apiVersion: plumbline.dev/v1
kind: Registry
spec:
  default: {{mode: enforce}}
  environments:
    observed: {{mode: observe}}
    shop-eu: {{account: "{AWAY[0]}", region: {AWAY[1]}, mode: enforce}}
    told: {{mode: enforce, source: parameterStore}}
"""


class Failed(Exception):
    """A command failed, or what was waited for did not come."""


class Stack:
    """The deployed control plane.

    folder: where everything is kept. tools: the virtual environments of `sam` and `ministack`.
    """

    def __init__(self, folder: Path, tools: Mapping[str, Path]) -> None:
        self.folder, self.tools = folder, tools
        self.over = threading.Event()
        self.causes: list[str] = []
        self.world = World(clock=Clock(speed=SPEED))
        self.world.accounts.update({account: account for account, _ in (HOME, AWAY)})
        seed(self.world)
        self._sandbox = serve(self.world, 0)
        threading.Thread(target=self._sandbox.serve_forever, daemon=True).start()
        sandbox = f"http://127.0.0.1:{self._sandbox.server_address[1]}"
        self._workload = {f"AWS_ENDPOINT_URL_{service}": sandbox for service in SERVICES}
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._ministack = self._start()
        self.outputs: dict[str, str] = {}

    # --- the emulators ---

    def _start(self) -> subprocess.Popen[bytes]:
        for name in ("home", "tmp", "s3", "state"):
            (self.folder / name).mkdir()
        python = self.tools["ministack"] / "bin" / "python"
        environment = {  # nothing of ours: the functions inherit it
            "PATH": f"{python.parent}{os.pathsep}{os.defpath}",
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "S3_DATA_DIR": str(self.folder / "s3"),
            "STATE_DIR": str(self.folder / "state"),
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "AUTH": "true",  # IAM is on: the functions act as their roles, and may do no more
            **credentials(*HOME),
            **self._workload,
        }
        with (self.folder / "ministack.log").open("wb") as log:
            return subprocess.Popen(
                [python, Path(__file__).with_name("launch.py")],
                env=environment, cwd=self.folder, stdin=subprocess.PIPE, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def ready(self) -> None:
        """Wait until ministack answers."""

        def answers() -> bool:
            if self._ministack.poll() is not None:
                raise Failed("ministack ended")
            with (
                suppress(URLError, ConnectionError),
                urlopen(f"{self.url}/_ministack/health") as health,
            ):
                if json.load(health)["auth"] != "enabled":
                    raise Failed("ministack lets anybody do anything")
                return True
            return False

        self.until(answers, "ministack to answer", 30)

    def stop(self) -> None:
        """End all that was started."""
        self.over.set()
        assert self._ministack.stdin
        self._ministack.stdin.close()  # launch.py then ends itself and its workers
        self._ministack.wait(10)
        self._sandbox.shutdown()
        self._sandbox.server_close()
        for each in self.folder.iterdir():  # all but the log; hundreds of megabytes
            shutil.rmtree(each, ignore_errors=True)

    def kill(self, function: str) -> None:
        """What runs of a function is gone at once."""
        self._say({"kill": self.outputs[function]})

    def happen(self, name: str, **parameters: str) -> None:
        """A call of `events/` is recorded, with these request parameters."""
        event = sample(name)
        event["detail"]["eventTime"] = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        event["detail"]["requestParameters"] |= parameters
        self._say(event)
        self.causes.append(name)

    def _say(self, said: dict[str, Any]) -> None:
        """To launch.py."""
        assert self._ministack.stdin
        self._ministack.stdin.write(f"{json.dumps(said)}\n".encode())
        self._ministack.stdin.flush()

    def client(self, service: str, place: tuple[str, str] = HOME) -> Any:
        """A client of ministack. Its accounts' access keys are their numbers."""
        account, region = place
        return boto3.client(
            service, region_name=region, endpoint_url=self.url, aws_access_key_id=account,
            aws_secret_access_key="test", config=Config(proxies={}),
        )  # fmt: skip

    def aws(self, place: tuple[str, str] = HOME) -> boto3.Session:
        """The workload's AWS, as somebody else than Plumbline."""
        account, region = place
        return session(self.world, region=region, access_key=account)

    # --- docs/how-to/deploy.md ---

    def run(
        self, *command: str | Path, place: tuple[str, str] = HOME, workload: bool = False
    ) -> str:
        """What a command prints that is run in the repository, against ministack.

        sam, aws and plumbline are those of this checkout. workload: it also looks at what the
        functions look at. Raises `Failed`.
        """
        program = {"sam": self.tools["sam"] / "bin", "aws": BIN, "plumbline": BIN}[str(command[0])]
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SAM_", "PYTHON"))}
        done = subprocess.run(
            [program / command[0], *command[1:]], cwd=ROOT, text=True, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={
                **kept, **credentials(*place),
                "AWS_ENDPOINT_URL": self.url,
                **(self._workload if workload else {}),
                "SAM_CLI_TELEMETRY": "0",
                "__SAM_CLI_APP_DIR": str(self.folder / "sam"),
                "NO_PROXY": "127.0.0.1,localhost",
                # ministack runs functions in its own Python, whatever their Runtime
                "PYTHON": str(self.tools["ministack"] / "bin" / "python"),
                "RUNTIME": ".".join(map(str, sys.version_info[:2])),
            },
        )  # fmt: skip
        if done.returncode != 0:
            raise Failed(f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout}")
        return done.stdout

    @property
    def built(self) -> Path:
        return self.folder / "build"

    def build(self) -> None:
        self.run("sam", "build", "--parallel", "--build-dir", self.built)

    def deploy(self) -> str:
        """`sam deploy` with the answers that a person gives; what it says."""
        said = self.run(
            "sam", "deploy", "--template-file", self.built / "template.yaml",
            "--stack-name", "plumbline", "--resolve-s3", "--no-confirm-changeset",
            "--no-fail-on-empty-changeset", "--capabilities", *CAPABILITIES,
            "--parameter-overrides", *PARAMETERS,
        )  # fmt: skip
        found = self.client("cloudformation").describe_stacks(StackName="plumbline")["Stacks"][0]
        self.outputs = {each["OutputKey"]: each["OutputValue"] for each in found["Outputs"]}
        self._trust(HOME)
        return said

    def deploy_target(self, place: tuple[str, str]) -> None:
        """Another account and region, as docs/how-to/deploy.md has it."""
        self.run(
            "aws", "cloudformation", "deploy", "--stack-name", "plumbline-target",
            "--template-file", "bootstrap/target.yaml", "--capabilities", "CAPABILITY_NAMED_IAM",
            "--parameter-overrides", f"WorkerRoleArn={self.outputs['WorkerRoleArn']}",
            f"ChangeBusArn={self.outputs['ChangeBusArn']}", "NamePrefix=shop",
            "TaskRoleNames=shop-*", "ExternalId=only-us", "Mode=enforce",
            place=place,
        )  # fmt: skip
        self._trust(place)

    def _trust(self, place: tuple[str, str]) -> None:
        """The roles that were deployed, where STS is: with their trust policies."""
        deployed, mirrored = self.client("iam", place), self.aws(place).client("iam")
        for which in ("observe", "converge"):
            name = f"plumbline-{place[1]}-{which}"
            policy = json.dumps(
                deployed.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
            )
            with suppress(mirrored.exceptions.EntityAlreadyExistsException):
                mirrored.create_role(RoleName=name, AssumeRolePolicyDocument=policy)

    # --- what a user does ---

    @property
    def bucket(self) -> str:
        return self.outputs["StateBucketName"]

    def upload(self, key: str, text: str) -> None:
        """Put an object that wakes environments."""
        self.write(key, text)
        self.causes.append(key)

    def send(self, body: str) -> None:
        """A message that is not ours."""
        self.client("sqs").send_message(
            QueueUrl=self.outputs["QueueUrl"], MessageBody=body, MessageGroupId="somebody",
            MessageDeduplicationId=str(time.monotonic_ns()),
        )  # fmt: skip

    def retry_soon(self) -> None:
        """What failed is tried again after seconds, not after five and a half minutes. ministack
        runs one batch at a time, so nothing is tried again while it is at work."""
        self.client("sqs").set_queue_attributes(
            QueueUrl=self.outputs["QueueUrl"], Attributes={"VisibilityTimeout": "5"}
        )

    def mark_bundle(self) -> None:
        """Another version of the bundle: nothing but its text differs."""
        for each in self.built.glob("*/handlers/__init__.py"):
            each.write_text(each.read_text("utf-8") + "\nNEXT = True\n", "utf-8")

    def write(self, key: str, text: str) -> None:
        """Put an object that wakes nobody."""
        self.client("s3").put_object(Bucket=self.bucket, Key=key, Body=text.encode())

    def publish(self, name: str, text: str) -> None:
        self.upload(f"environments/{name}.yaml", text)

    # --- what there is to see ---

    def keys(self, prefix: str) -> list[str]:
        pages = self.client("s3").get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=self.bucket, Prefix=prefix)
        return [each["Key"] for page in found for each in page.get("Contents", ())]

    def read(self, key: str) -> Any:
        """An object of the bucket; None if there is none."""
        if key not in self.keys(key):
            return None
        return json.load(self.client("s3").get_object(Bucket=self.bucket, Key=key)["Body"])

    def status(self, name: str) -> dict[str, Any]:
        return self.read(f"status/{name}.json") or {}

    def converged(self, name: str) -> bool:
        return bool(self.status(name).get("converged"))

    def log(self, function: str) -> list[dict[str, Any]]:
        """What a function logged, EMF lines included."""
        config = self.client("lambda").get_function_configuration(
            FunctionName=self.outputs[function]
        )
        pages = self.client("logs").get_paginator("filter_log_events")
        found = pages.paginate(logGroupName=config["LoggingConfig"]["LogGroup"])
        lines = [event["message"] for page in found for event in page["events"]]
        return [json.loads(line) for line in lines if line.startswith("{")]

    def passes(self, name: str) -> list[dict[str, Any]]:
        """Every pass over an environment, as the worker logged it."""
        lines = self.log("ReconcileFunction")
        return [x for x in lines if x.get("message") == "pass" and x["environment"] == name]

    def calls(self, name: str, since: int = 0) -> list[CallRecord]:
        """Calls made in the name of an environment: only the role that writes has one."""
        mine = {k for k, s in self.world.sessions.items() if s.get("SourceIdentity") == name}
        return [call for call in self.world.calls[since:] if call.access_key in mine]

    def metric(self, function: str, name: str) -> float:
        """The highest value that a function logged for a metric without dimensions."""
        lines = "\n".join(json.dumps(each) for each in self.log(function))
        found = [d.value for d in data(lines) if d.name == name and not d.dimensions]
        return max(found, default=0.0)

    def bundle(self) -> str:
        """The digest of the worker's code."""
        found = self.client("lambda").get_function(FunctionName=self.outputs["ReconcileFunction"])
        return str(found["Configuration"]["CodeSha256"])

    def alarm(self, resource: str) -> dict[str, Any]:
        """An alarm of template.yaml."""
        stack = self.client("cloudformation").describe_stack_resource(
            StackName="plumbline", LogicalResourceId=resource
        )
        name = stack["StackResourceDetail"]["PhysicalResourceId"]
        found = self.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return dict(found[0])

    def waiting(self, alarm: str) -> int:
        """Messages in the queue that an alarm watches."""
        sqs, dimensions = self.client("sqs"), self.alarm(alarm)["Dimensions"]
        name = next(each["Value"] for each in dimensions if each["Name"] == "QueueName")
        found = sqs.get_queue_attributes(
            QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"],
            AttributeNames=["ApproximateNumberOfMessages"],
        )
        return int(found["Attributes"]["ApproximateNumberOfMessages"])

    def measure(self, alarm: str, value: float) -> None:
        """Give CloudWatch the value of the metric that an alarm watches. On AWS it takes it from
        the log or the service; ministack's does neither."""
        watched = self.alarm(alarm)
        datum = {k: watched[k] for k in ("MetricName", "Dimensions")} | {"Value": value}
        self.client("cloudwatch").put_metric_data(
            Namespace=watched["Namespace"], MetricData=[datum]
        )

    def subscribed(self) -> Callable[[], list[str]]:
        """A queue that hears the stack's topic and bus from now on; all that it has heard."""
        sqs, texts = self.client("sqs"), list[str]()
        url = sqs.create_queue(QueueName=f"heard-{time.monotonic_ns()}")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        senders = {"Service": ["sns.amazonaws.com", "events.amazonaws.com"]}
        policy = {"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": senders, "Action": "sqs:SendMessage",
            "Resource": arn["QueueArn"],
        }]}  # fmt: skip
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
        topic = {"TopicArn": self.outputs["TopicArn"], "Protocol": "sqs"}
        self.client("sns").subscribe(**topic, Endpoint=arn["QueueArn"])
        events, rule = self.client("events"), url.rpartition("/")[2]
        bus = {"EventBusName": self.outputs["EventBusName"]}
        events.put_rule(**bus, Name=rule, EventPattern=json.dumps({"source": ["plumbline"]}))
        events.put_targets(**bus, Rule=rule, Targets=[{"Id": "1", "Arn": arn["QueueArn"]}])

        def heard() -> list[str]:
            while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get(
                "Messages"
            ):
                for each in found:
                    texts.append(each["Body"])
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
            return texts

        return heard

    def retention(self, name: str, place: tuple[str, str] = HOME) -> int | None:
        """Days of a log group; None if there is none."""
        logs = self.aws(place).client("logs")
        found = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        return found[0].get("retentionInDays") if found else None

    def tamper(self, name: str, days: int) -> None:
        """Somebody changes a log group behind our back."""
        logs = self.aws().client("logs")
        logs.put_retention_policy(logGroupName=name, retentionInDays=days)
        self.over.wait(1)  # reads may still show what was there before

    def until(self, holds: Callable[[], Any], what: str, seconds: float = PATIENCE_S) -> Any:
        """Wait until it holds; what it then returns. Raises `Failed`."""
        end = time.monotonic() + seconds
        while not (found := holds()):
            if self.over.wait(0.5):
                raise Failed("it is over")
            if time.monotonic() > end:
                raise Failed(f"waited {seconds:g} s for {what}")
        return found

    def tail(self) -> str:
        """The end of what ministack and the functions said."""
        text = (self.folder / "ministack.log").read_text(errors="replace")
        lines = [x for x in text.splitlines() if not re.match(r'\{"_aws"', x)]
        return "\n".join(x[:600] for x in lines[-80:])


def credentials(account: str, region: str) -> dict[str, str]:
    """Of an emulator's account, and nothing that could lead to a real one."""
    return {
        "AWS_ACCESS_KEY_ID": account,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])

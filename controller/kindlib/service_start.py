"""When the tasks that run now were started: what they read of secrets is as of then.

Work that is done once (`Task`) is not done again for a new version of a secret.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specifying-sensitive-data.html
"""

from __future__ import annotations

from typing import Annotated

from controller.policies import Situation, TakenAtStart

_EVER = 2**53


def started(situation: Situation) -> int | None:
    """Epoch milliseconds at which the deployment in force began; None if it is not shown."""
    if "run" in situation.raw:
        return _EVER
    service = situation.raw.get("service") or {}
    for deployment in service.get("deployments") or ():
        if deployment.get("status") == "PRIMARY" and deployment.get("createdAt") is not None:
            return int(deployment["createdAt"].timestamp() * 1000)
    return None


SecretArn = Annotated[str, TakenAtStart(started)]
"""ARN of a secret or parameter that ECS reads when a task starts, and only then."""

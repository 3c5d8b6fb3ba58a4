"""What each kind reads, as a table for `docs/reference/speed.md`: written from the handlers."""

from __future__ import annotations

from controller.kinds import KINDS, handler_for

BEGIN, END = "<!-- reads: begin -->", "<!-- reads: end -->"

_TAGS = "one by one, only where the tag index does not show the tags as wanted"
_FLOOR = "see *What is not read each time*"
HOW = {
    "application-autoscaling:DescribeScalableTargets":
        "50 services a call; one replication group a call, only where its size differs",
    "application-autoscaling:DescribeScalingPolicies":
        "one service a call, or all of ECS, 10 a page, where that is fewer",
    "application-autoscaling:DescribeScheduledActions":
        "one service a call, only where its bounds moved",
    "cloudformation:DescribeChangeSet":
        "one a call, only for a stack with `revert` while its change set waits to be executed",
    "cloudformation:DescribeStackResourceDrifts":
        "one stack a call, 100 resources a page, only where CloudFormation found drift: for a "
        "quarter of an hour each time after a detection began, then once",
    "cloudformation:DescribeStacks": "by name if it is one, else all of the region, by page",
    "cloudformation:DetectStackDrift":
        "one stack a call, once an hour; it begins what a later pass reads",
    "cloudformation:ListChangeSets": "one stack a call, only with `revert` and where it drifted",
    "cloudwatch:DescribeAlarms": "100 alarms a call, by name",
    "cloudwatch:GetDashboard": "one a call (AWS has no other)",
    "cloudwatch:ListTagsForResource": _TAGS,
    "ec2:DescribeSecurityGroups": "200 groups a call, by name",
    "ecs:DescribeClusters": "100 clusters a call",
    "ecs:DescribeServices": "10 services a call, of one cluster",
    "ecs:DescribeServiceRevisions": "only where a service differs and its roll-out failed",
    "ecs:DescribeTaskDefinition":
        "one revision a call (AWS has no other), once a process: a revision never changes; for "
        "work done once each time, whose tag says whether it was",
    "ecs:ListClusters": "all, 100 a page, only where a service's cluster is not known",
    "ecs:ListServiceDeployments": "one service a call, only where it differs",
    "ecs:ListServices": "all of a cluster, only to import",
    "ecs:DescribeTasks": "100 tasks a call, only while work done once is under way",
    "ecs:ListTaskDefinitions":
        "one a new revision, before it is registered; one family of work done once a call",
    "ecs:ListTasks": "one family a call, only while work done once is under way",
    "elasticache:DescribeCacheClusters": "all of the account, 100 a page",
    "elasticache:DescribeCacheParameterGroups": "by name if it is one, else all, 100 a page",
    "elasticache:DescribeCacheParameters":
        f"one group a call (AWS has no other), only parameters that somebody set; {_FLOOR}",
    "elasticache:DescribeCacheSubnetGroups": "by name if it is one, else all, 100 a page",
    "elasticache:DescribeReplicationGroups": "by name if it is one, else all, 100 a page",
    "elasticache:ListTagsForResource":
        f"{_TAGS}; for a replication group with an AUTH token, whose rotation they record, "
        "also where the token's date or the index's word moved since they were last read",
    "logs:DescribeLogGroups": "50 log groups a call, by name",
    "logs:DescribeMetricFilters":
        "one log group a call, 50 a page, of those whose names begin alike",
    "logs:ListTagsForResource": _TAGS,
    "rds:DescribeDBInstances": "by name, 100 a page, tags included",
    "rds:DescribeDBParameterGroups": "by name if it is one, else all, 100 a page",
    "rds:DescribeDBParameters": "one group a call (AWS has no other), only what somebody set; "
        f"AWS filters after paging, so that a short answer may have a second page; {_FLOOR}",
    "rds:DescribeDBSubnetGroups": "by name if it is one, else all, 100 a page",
    "rds:DescribeEvents": "one instance a call, only before a change of its storage",
    "rds:ListTagsForResource": _TAGS,
    "resourcegroupstaggingapi:GetResources":
        "all that carries the environment's tag, 100 a page, one list for all kinds",
    "secretsmanager:DescribeSecret": "one by one, only where the list does not show it as wanted",
    "secretsmanager:ListSecrets":
        "all with an environment's names' common beginning, 100 a page, ten environments a call",
    "sns:GetSubscriptionAttributes":
        "one subscription a call (AWS has no other), not of those that have yet to confirm",
    "sns:GetTopicAttributes": "one topic a call (AWS has no other)",
    "sns:ListSubscriptionsByTopic": "one topic a call, 100 a page",
    "sns:ListTagsForResource": _TAGS,
    "sns:ListTopics": "all, 100 a page, only to import",
    "ssm:DescribeParameters": "fifty names a call",
    "ssm:GetParameters": "ten names a call",
    "ssm:ListTagsForResource": _TAGS,
    "wafv2:GetIPSet":
        "one a call (AWS has no other), only where its lock token moved since it was last read",
    "wafv2:ListIPSets": "100 a page, until all names are found",
    "wafv2:CheckCapacity": "only where the rules differ",
    "wafv2:GetLoggingConfiguration": "where there is one web ACL",
    "wafv2:ListLoggingConfigurations": "where there are several: 100 a page, until all are found",
    "wafv2:GetWebACL":
        "one a call (AWS has no other), only where its lock token moved since it was last read",
    "wafv2:GetWebACLForResource": "one a call, only for what is to be associated and is not",
    "wafv2:ListResourcesForWebACL":
        f"one web ACL and type of resource a call (AWS has no other); {_FLOOR}",
    "wafv2:ListTagsForResource": _TAGS,
    "wafv2:ListWebACLs": "100 a page, until all names are found",
}  # fmt: skip
"""How many things a read covers, and when it is made. Held complete by a test."""


def read_table() -> str:
    """Kind → reads, with how each is batched."""
    lines = ["| kind | read | how |", "|---|---|---|"]
    for kind in sorted(KINDS):
        shown = f"`{kind}`"
        for call in sorted(handler_for(kind).reads):
            lines.append(f"| {shown} | `{call}` | {HOW[call]} |")
            shown = ""
    return "\n".join(lines)


def with_table(page: str) -> str:
    """The page with its table as it should be."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{read_table()}\n{END}{after}"

"""Changing databases safely: the smallest sequence of calls that AWS takes, and where it leads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox import perturb_data as aws_does
from tests.fidelity.cases.rds_estate import NAME, PARAMETERS, Estate, estate, spec, text
from tests.harness import explain


@pytest.fixture
def e() -> Estate:
    """The estate, converged."""
    found = estate()
    found.back()
    return found


def sent(e: Estate) -> list[dict[str, Any]]:
    """Our changes of instances, without the name."""
    return [
        {k: v for k, v in c.params.items() if k != "DBInstanceIdentifier"} for c in e.modified()
    ]


def done(e: Estate, name: str) -> dict[str, Any]:
    """Converged; what AWS shows then, with nothing under way."""
    e.run()
    e.settle(name)
    e.converge(20, 2400)
    e.quiet_after()
    return e.shown(name)


# --- storage ---


@pytest.mark.case(74, "rule")
def test_iops_go_with_the_size_they_are_for(e: Estate) -> None:
    e.wanting(spec("big", ("iops: 12000", "iops: 16000")))
    assert done(e, "big")["Iops"] == 16000
    assert sent(e) == [{"Iops": 16000, "AllocatedStorage": 400, "ApplyImmediately": True}]


def test_iops_that_aws_rounds_up_are_no_difference(e: Estate) -> None:
    e.wanting(spec("big", ("iops: 12000", "iops: 12500")))
    assert done(e, "big")["Iops"] == 13200
    assert len(sent(e)) == 1


def test_a_volume_that_comes_to_be_striped_gets_iops(e: Estate) -> None:
    e.wanting(spec("main", ("allocatedStorage: 50", "allocatedStorage: 400"),
                   ("maxAllocatedStorage: 200", "maxAllocatedStorage: 500"),
                   ("iops: 3000, storageThroughput: 125, ", "")))  # fmt: skip
    shown = done(e, "main")
    assert (shown["AllocatedStorage"], shown["Iops"], shown["MaxAllocatedStorage"]) == (
        400, 12000, 500,
    )  # fmt: skip
    assert sent(e) == [{"AllocatedStorage": 400, "Iops": 12000, "MaxAllocatedStorage": 500,
                        "ApplyImmediately": True}]  # fmt: skip


def test_iops_of_sql_server_at_any_size(e: Estate) -> None:
    e.wanting(spec("sql", more="iops: 5000"))
    assert done(e, "sql")["Iops"] == 5000
    assert sent(e) == [{"Iops": 5000, "AllocatedStorage": 100, "ApplyImmediately": True}]


def test_storage_never_shrinks(e: Estate) -> None:
    e.wanting(spec("owned", ("allocatedStorage: 50", "allocatedStorage: 40")))
    assert e.stuck("owned") == {
        "allocatedStorage": "storage never shrinks: only a new instance has less"
    }
    assert "allocatedStorage" in e.blocked("owned")


@pytest.mark.parametrize("grown_by", ["us", "autoscaling"])
def test_storage_waits_six_hours_without_a_refused_call(e: Estate, grown_by: str) -> None:
    if grown_by == "us":
        e.wanting(spec("main", ("allocatedStorage: 50", "allocatedStorage: 60")))
        done(e, "main")
    else:
        aws_does.rds_grow_storage(e.world, f"{NAME}-main", 60)
        e.settle("main")
    e.checkpoint()
    grown = e.world.clock.now()
    e.wanting(spec("main", ("allocatedStorage: 50", "allocatedStorage: 100")))
    report = e.run()
    (outcome,) = report.outcomes
    assert "six hours" in outcome.message
    assert outcome.waiting
    for _ in range(20):
        e.later(3000)
        report = e.run()
        if report.converged:
            break
    assert report.converged, explain(report)
    assert e.shown("main")["AllocatedStorage"] == 100
    (call,) = (c for c in e.writes() if c.operation == "ModifyDBInstance")
    assert call.error is None
    assert 4 * 3600 < (call.at - grown).total_seconds() < 6 * 3600 + 4000


def test_where_events_are_denied_aws_says_it_itself_and_that_is_no_try(e: Estate) -> None:
    aws_does.rds_grow_storage(e.world, f"{NAME}-main", 60)
    e.settle("main")
    e.world.fault("deny", "rds:DescribeEvents", times=1000)
    e.wanting(spec("main", ("allocatedStorage: 50", "allocatedStorage: 100")))
    for _ in range(9):
        e.run()
        e.later(3600)
    e.world.faults.clear()
    assert e.shown("main")["AllocatedStorage"] == 100
    assert len(e.modified()) == 1


# --- versions, classes, groups ---


def test_minor_upgrade_is_one_call(e: Estate) -> None:
    e.wanting(spec("big", ('"16.4"', '"16.6"')))
    assert done(e, "big")["EngineVersion"] == "16.6"
    assert sent(e) == [{"EngineVersion": "16.6", "ApplyImmediately": True}]


NEXT = {"next": "family: postgres17, parameters: {work_mem: 8192}"}


def test_major_upgrade_takes_its_parameter_group_along(e: Estate) -> None:
    change = spec("main", ("engineVersion: 16", "engineVersion: 17"),
                  ("DBParameterGroup.main", "DBParameterGroup.next"))  # fmt: skip
    e.publish(text(databases=change | spec("replica", ("engineVersion: 16, ", "")),
                   parameters=NEXT))  # fmt: skip
    shown = done(e, "main")
    assert shown["EngineVersion"].startswith("17.")
    assert shown["DBParameterGroups"][0]["DBParameterGroupName"] == f"{NAME}-next"
    (call,) = sent(e)
    assert call == {
        "EngineVersion": "17", "AllowMajorVersionUpgrade": True, "ApplyImmediately": True,
        "DBParameterGroupName": f"{NAME}-next",
    }  # fmt: skip


def test_major_upgrade_with_a_group_of_the_old_family_changes_nothing(e: Estate) -> None:
    before = e.shown("main")
    e.wanting(spec("main", ("engineVersion: 16", "engineVersion: 17")))
    for _ in range(6):
        report = e.run()
        e.later(60)
    assert e.modified() == []
    (veto,) = (v for k, v in report.vetoes.items() if k.startswith("DBInstance/main"))
    assert "Parameter Group" in veto.message
    assert e.shown("main")["EngineVersion"] == before["EngineVersion"]


def test_major_upgrade_takes_its_option_group_along(e: Estate) -> None:
    e.rds.create_option_group(OptionGroupName="newer", EngineName="mysql", MajorEngineVersion="8.4",
                              OptionGroupDescription="x")  # fmt: skip
    change = spec("mysql", ('"8.0"', '"8.4"'), ("Theirs", "newer"),
                  ("DBParameterGroup.mysql", "DBParameterGroup.next"))  # fmt: skip
    e.publish(text(databases=change, parameters={"next": "family: mysql8.4"}))
    shown = done(e, "mysql")
    assert shown["EngineVersion"].startswith("8.4.")
    assert shown["OptionGroupMemberships"][0]["OptionGroupName"] == "newer"
    assert len(sent(e)) == 1


def test_class_changes_at_once_where_nothing_else_waits(e: Estate) -> None:
    e.wanting(spec("main", ("db.m7g.large", "db.m7g.xlarge")))
    assert done(e, "main")["DBInstanceClass"] == "db.m7g.xlarge"
    assert sent(e) == [{"DBInstanceClass": "db.m7g.xlarge", "ApplyImmediately": True}]


def test_class_waits_for_the_window_where_others_wait_for_it(e: Estate) -> None:
    e.rds.modify_db_instance(
        DBInstanceIdentifier=f"{NAME}-main", CACertificateIdentifier="rds-ca-rsa4096-g1"
    )
    e.wanting(spec("main", ("db.m7g.large", "db.m7g.xlarge")))
    for _ in range(6):
        report = e.run()
        e.later(600)
    assert sent(e) == [{"DBInstanceClass": "db.m7g.xlarge"}]
    assert e.shown("main")["DBInstanceClass"] == "db.m7g.large"
    (change,) = report.assessments["DBInstance/main"].changes
    assert change.cls == "in_flight"
    e.later(8 * 86_400)
    e.converge()
    shown = e.shown("main")
    assert shown["DBInstanceClass"] == "db.m7g.xlarge"
    assert shown["CACertificateIdentifier"] == "rds-ca-rsa4096-g1"
    assert len(sent(e)) == 1


def test_a_pending_change_is_taken_back_by_the_old_value(e: Estate) -> None:
    """Beside somebody else's, which stays as it is; the class never changes."""
    e.rds.modify_db_instance(
        DBInstanceIdentifier=f"{NAME}-main", DBInstanceClass="db.m7g.xlarge",
        CACertificateIdentifier="rds-ca-rsa4096-g1",
    )  # fmt: skip
    e.converge(10, 60)
    assert sent(e) == [{"DBInstanceClass": "db.m7g.large"}]
    assert e.shown("main")["PendingModifiedValues"] == {
        "CACertificateIdentifier": "rds-ca-rsa4096-g1"
    }


def test_parameter_group_is_switched_and_its_reboot_reported_never_done(e: Estate) -> None:
    e.publish(text(
        databases=spec("main", ("DBParameterGroup.main", "DBParameterGroup.next")),
        parameters={"next": "family: postgres16, parameters: {max_connections: 500}"},
    ))  # fmt: skip
    report = e.converge(20, 120)[-1]
    assert sent(e) == [{"DBParameterGroupName": f"{NAME}-next"}]
    for _ in range(5):
        e.later(86_400)
        report = e.run()
        assert report.assessments["DBInstance/main"].readiness.reason == "NeedsReboot"
    assert "RebootDBInstance" not in {c.operation for c in e.writes()}
    e.rds.reboot_db_instance(DBInstanceIdentifier=f"{NAME}-main")
    e.later(1200)
    assert e.run().assessments["DBInstance/main"].readiness.reason == "Ready"


@pytest.mark.case(78, "echo")
@pytest.mark.case(100, "rule")
def test_parameters_twenty_a_call_and_static_ones_at_the_reboot(e: Estate) -> None:
    static = {"max_connections": 500, "max_worker_processes": 16}
    dynamic = dict.fromkeys((
        "geqo", "jit", "log_duration", "log_hostname", "log_lock_waits", "log_temp_files",
        "enable_hashagg", "enable_hashjoin", "enable_indexscan", "enable_mergejoin",
        "enable_nestloop", "enable_seqscan", "enable_sort", "autovacuum", "log_connections",
        "log_disconnections", "track_counts", "track_activities", "track_io_timing", "row_security",
    ), 0)  # fmt: skip
    more = ", ".join(f"{k}: {v}" for k, v in {**static, **dynamic}.items())
    e.publish(text(parameters={"main": PARAMETERS["main"].replace("{LOG_", f"{{{more}, LOG_")}))
    e.converge(20, 120)
    calls = [c for c in e.writes() if c.operation == "ModifyDBParameterGroup"]
    assert [len(c.params["Parameters"]) for c in calls] == [20, 2]
    methods = {p["ParameterName"]: p["ApplyMethod"] for c in calls for p in c.params["Parameters"]}
    assert {n for n, m in methods.items() if m == "pending-reboot"} == set(static)
    assert {n for n, m in methods.items() if m == "immediate"} == set(dynamic)
    e.checkpoint()
    e.later(600)
    assert e.quiet().assessments["DBInstance/main"].readiness.reason == "NeedsReboot"


# --- passwords, logs, backups ---


def test_the_password_is_handed_to_rds_and_taken_back(e: Estate) -> None:
    own, theirs = 'masterUserPassword: "${Secret.db.value}"', "manageMasterUserPassword: true"
    e.wanting(spec("main", (own, theirs)))
    assert done(e, "main")["MasterUserSecret"]["SecretStatus"] == "active"
    assert sent(e) == [{"ManageMasterUserPassword": True}]
    e.checkpoint()
    e.wanting()
    assert "MasterUserSecret" not in done(e, "main")
    (call,) = sent(e)
    assert call["ManageMasterUserPassword"] is False
    secret = e.aws.client("secretsmanager").get_secret_value(SecretId=f"{NAME}-db")["SecretString"]
    assert call["MasterUserPassword"] == secret
    assert secret not in json.dumps(e.status(), default=str)


def test_the_password_is_not_taken_from_rds_without_another(e: Estate) -> None:
    """An adopted instance may say nothing of its password: then RDS keeps it."""
    e.stored("replica")  # the estate is whole
    more = spec("owned", ("manageMasterUserPassword: true, ", ""))
    e.publish(text(databases=more).replace(
        "metadata: {name: owned}\n", "metadata: {name: owned}\nlifecycle: {adopt: true}\n"
    ))  # fmt: skip
    assert "declare masterUserPassword" in e.stuck("owned")["manageMasterUserPassword"]
    e.blocked("owned")


@pytest.mark.case(82, "rule")
@pytest.mark.case(85, "rule")
def test_a_new_password_is_sent_once_alone(e: Estate) -> None:
    e.aws.client("secretsmanager").put_secret_value(
        SecretId=f"{NAME}-db", SecretString="another-of-theirs-24"
    )
    e.run()
    e.later(60)
    e.converge(20, 120)
    assert sent(e) == [{"MasterUserPassword": "another-of-theirs-24"}] * 5
    e.checkpoint()
    e.later(600)
    e.quiet()


@pytest.mark.case(58, "rule")
def test_logs_are_sent_by_what_changes(e: Estate) -> None:
    e.wanting(spec("main", ("[postgresql, upgrade]", "[postgresql, iam-db-auth-error]")))
    e.run()
    e.later(5)
    waiting = e.shown("main")["PendingModifiedValues"]["PendingCloudwatchLogsExports"]
    assert waiting == {
        "LogTypesToDisable": ["iam-db-auth-error"], "LogTypesToEnable": ["upgrade"],
    }  # fmt: skip
    assert {c.cls for c in e.run().assessments["DBInstance/main"].changes} == {"in_flight"}
    shown = done(e, "main")
    assert set(shown["EnabledCloudwatchLogsExports"]) == {"postgresql", "iam-db-auth-error"}
    assert sent(e) == [{"CloudwatchLogsExportConfiguration": {
        "EnableLogTypes": ["iam-db-auth-error"], "DisableLogTypes": ["upgrade"]}}]  # fmt: skip


def test_backups_are_switched_on_at_once(e: Estate) -> None:
    """Between 0 and more they would wait for the window."""
    e.modify("owned", BackupRetentionPeriod=0)
    e.named("owned", "backupRetentionPeriod")
    assert done(e, "owned")["BackupRetentionPeriod"] == 7
    assert sent(e) == [{"BackupRetentionPeriod": 7, "ApplyImmediately": True}]


# --- one at a time ---


@pytest.mark.case(57, "rule")
@pytest.mark.case(91, "echo")
def test_what_aws_is_about_to_do_is_not_asked_again(e: Estate) -> None:
    e.wanting(spec("big", ("multiAZ: false, availabilityZone: us-east-1a, ", "")))
    seen = set()
    for _ in range(40):
        report = e.run()
        seen |= {c.cls for c in report.assessments["DBInstance/big"].changes}
        if report.converged:
            break
        e.later(120)
    assert report.converged, explain(report)
    assert seen == {"differs", "in_flight"}
    assert e.shown("big")["MultiAZ"]
    assert sent(e) == [{"MultiAZ": True, "ApplyImmediately": True}]


@pytest.mark.case(92, "change")
@pytest.mark.parametrize("status", ["backing-up", "modifying", "storage-optimization"])
def test_nothing_is_sent_while_aws_is_busy_with_it(e: Estate, status: str) -> None:
    e.stored("main")["DBInstanceStatus"] = status
    e.stored("main")["DeletionProtection"] = False
    e.named("main", "deletionProtection")
    for _ in range(3):
        e.run()
        e.later(60)
    assert e.writes() == []
    e.stored("main")["DBInstanceStatus"] = "available"
    e.mended()
    assert e.shown("main")["DeletionProtection"]


@pytest.mark.case(92, "change")
def test_a_full_disk_is_cured_by_growing(e: Estate) -> None:
    aws_does.rds_storage_full(e.world, f"{NAME}-main")
    e.wanting(spec("main", ("allocatedStorage: 50", "allocatedStorage: 100")))
    assert done(e, "main")["AllocatedStorage"] == 100


def test_one_call_for_each_kind_of_risk(e: Estate) -> None:
    e.wanting(spec("main", ("db.m7g.large", "db.m7g.xlarge"),
                   more="backupRetentionPeriod: 14, copyTagsToSnapshot: false"))  # fmt: skip
    done(e, "main")
    assert sent(e) == [
        {"BackupRetentionPeriod": 14, "CopyTagsToSnapshot": False},
        {"DBInstanceClass": "db.m7g.xlarge", "ApplyImmediately": True},
    ]


def test_cores_and_back_to_those_of_the_class(e: Estate) -> None:
    e.wanting(spec("oracle", ("{coreCount: 2, threadsPerCore: 1}", "{}")))
    assert "ProcessorFeatures" not in done(e, "oracle")
    assert sent(e) == [{"UseDefaultProcessorFeatures": True, "ApplyImmediately": True}]


def test_a_directory_is_joined_and_left(e: Estate) -> None:
    joined = "domain: d-9067642ac7, domainIAMRoleName: rds-directory"
    e.wanting(spec("sql", more=joined))
    (member,) = done(e, "sql")["DomainMemberships"]
    assert (member["Domain"], member["Status"]) == ("d-9067642ac7", "joined")
    assert sent(e) == [{"Domain": "d-9067642ac7", "DomainIAMRoleName": "rds-directory",
                        "ApplyImmediately": True}]  # fmt: skip
    e.checkpoint()
    e.wanting(spec("sql", more="domain: none"))
    assert done(e, "sql")["DomainMemberships"] == []
    assert sent(e) == [{"Domain": "none", "ApplyImmediately": True}]


def test_a_clusters_member_is_changed_in_what_is_its_own(e: Estate) -> None:
    e.wanting(spec("member", ("promotionTier: 1", "promotionTier: 0"),
                   ("db.r6g.large", "db.r6g.xlarge"), more="multiAZ: true"))  # fmt: skip
    shown = done(e, "member")
    assert (shown["PromotionTier"], shown["DBInstanceClass"]) == (0, "db.r6g.xlarge")
    assert sent(e) == [{"PromotionTier": 0},
                       {"DBInstanceClass": "db.r6g.xlarge", "ApplyImmediately": True}]  # fmt: skip

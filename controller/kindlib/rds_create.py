"""What CreateDBInstance is sent.

https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
"""

from __future__ import annotations

from controller.handler import Action, Target
from controller.kindlib.rds_modify import processor_features
from controller.kindlib.rds_storage import create_parameters
from controller.kindlib.reading import tag_list
from controller.policies import Doc

_CREATE = {
    "engine": "Engine",
    "engineVersion": "EngineVersion",
    "dbInstanceClass": "DBInstanceClass",
    "storageEncrypted": "StorageEncrypted",
    "kmsKeyId": "KmsKeyId",
    "multiAZ": "MultiAZ",
    "availabilityZone": "AvailabilityZone",
    "publiclyAccessible": "PubliclyAccessible",
    "networkType": "NetworkType",
    "dbSubnetGroupName": "DBSubnetGroupName",
    "vpcSecurityGroupIds": "VpcSecurityGroupIds",
    "port": "Port",
    "dbParameterGroupName": "DBParameterGroupName",
    "dbName": "DBName",
    "masterUsername": "MasterUsername",
    "masterUserPassword": "MasterUserPassword",
    "iamDatabaseAuthentication": "EnableIAMDatabaseAuthentication",
    "backupRetentionPeriod": "BackupRetentionPeriod",
    "preferredBackupWindow": "PreferredBackupWindow",
    "preferredMaintenanceWindow": "PreferredMaintenanceWindow",
    "deletionProtection": "DeletionProtection",
    "copyTagsToSnapshot": "CopyTagsToSnapshot",
    "autoMinorVersionUpgrade": "AutoMinorVersionUpgrade",
    "databaseInsightsMode": "DatabaseInsightsMode",
    "enabledCloudwatchLogsExports": "EnableCloudwatchLogsExports",
    "monitoringInterval": "MonitoringInterval",
    "monitoringRoleArn": "MonitoringRoleArn",
    "caCertificateIdentifier": "CACertificateIdentifier",
    "licenseModel": "LicenseModel",
    "optionGroupName": "OptionGroupName",
    "characterSetName": "CharacterSetName",
    "ncharCharacterSetName": "NcharCharacterSetName",
    "timezone": "Timezone",
    "backupTarget": "BackupTarget",
    "customerOwnedIp": "EnableCustomerOwnedIp",
    "engineLifecycleSupport": "EngineLifecycleSupport",
    "multiTenant": "MultiTenant",
    "dedicatedLogVolume": "DedicatedLogVolume",
    "domain": "Domain",
    "domainIAMRoleName": "DomainIAMRoleName",
    "domainFqdn": "DomainFqdn",
    "domainOu": "DomainOu",
    "domainAuthSecretArn": "DomainAuthSecretArn",
    "domainDnsIps": "DomainDnsIps",
}


def creation(target: Target) -> Action:
    """The call that makes the instance."""
    spec = target.spec
    params: Doc = {"DBInstanceIdentifier": target.name}
    params |= {_CREATE[name]: spec[name] for name in _CREATE if name in spec}
    params |= create_parameters(spec)
    if params.get("Domain") == "none":
        del params["Domain"]
    if spec.get("manageMasterUserPassword"):
        params["ManageMasterUserPassword"] = True
        if "masterUserSecretKmsKeyId" in spec:
            params["MasterUserSecretKmsKeyId"] = spec["masterUserSecretKmsKeyId"]
    if features := spec.get("processorFeatures"):
        params["ProcessorFeatures"] = processor_features(features)
    if (insights := spec.get("performanceInsights")) and insights.get("enabled"):
        params["EnablePerformanceInsights"] = True
        if "retentionPeriod" in insights:
            params["PerformanceInsightsRetentionPeriod"] = insights["retentionPeriod"]
        if "kmsKeyId" in insights:
            params["PerformanceInsightsKMSKeyId"] = insights["kmsKeyId"]
    params["Tags"] = tag_list(target.tags)
    return Action("rds", "CreateDBInstance", params, step="create", creates=True)

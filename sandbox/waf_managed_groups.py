"""AWS's own managed rule groups for WAF: capacities and rule names, from the developer guide.

https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ManagedGroup:
    """One managed rule group; `counted` are the rules whose own action is Count."""

    capacity: int
    label: str
    rules: tuple[str, ...]
    counted: frozenset[str] = frozenset()
    versions: tuple[str, ...] = ()

    @property
    def default_version(self) -> str | None:
        """What a statement without a version runs; it moves when AWS says so."""
        return self.versions[-1] if self.versions else None


def _group(
    capacity: int, label: str, rules: str, counted: str = "", versions: str = ""
) -> ManagedGroup:
    return ManagedGroup(
        capacity,
        label,
        tuple(_spell(rules)),
        frozenset(counted.split()),
        tuple(versions.split()),
    )


def _spell(rules: str) -> list[str]:
    """`Name:A,B` stands for `Name_A Name_B`."""
    names = []
    for rule in rules.split():
        stem, _, ends = rule.partition(":")
        names += [f"{stem}_{end}" for end in ends.split(",")] if ends else [stem]
    return names


MANAGED_GROUPS = {
    "AWSManagedRulesCommonRuleSet": _group(
        700, "core-rule-set",
        "NoUserAgent_HEADER UserAgent_BadBots_HEADER"
        " SizeRestrictions:QUERYSTRING,Cookie_HEADER,BODY,URIPATH"
        " EC2MetaDataSSRF:BODY,COOKIE,URIPATH,QUERYARGUMENTS"
        " GenericLFI:QUERYARGUMENTS,URIPATH,BODY RestrictedExtensions:URIPATH,QUERYARGUMENTS"
        " GenericRFI:QUERYARGUMENTS,BODY,URIPATH"
        " CrossSiteScripting:COOKIE,QUERYARGUMENTS,BODY,URIPATH",
        versions="Version_1.0 Version_1.11 Version_1.16 Version_1.17",
    ),
    "AWSManagedRulesAdminProtectionRuleSet": _group(
        100, "admin-protection", "AdminProtection_URIPATH", versions="Version_1.0"
    ),
    "AWSManagedRulesKnownBadInputsRuleSet": _group(
        200, "known-bad-inputs",
        "JavaDeserializationRCE:HEADER,BODY,URIPATH,QUERYSTRING Host_localhost_HEADER"
        " PROPFIND_METHOD ExploitablePaths_URIPATH Log4JRCE:HEADER,QUERYSTRING,BODY,URIPATH"
        " ReactJSRCE_BODY",
        versions="Version_1.0 Version_1.21 Version_1.22",
    ),
    "AWSManagedRulesSQLiRuleSet": _group(
        200, "sql-database",
        "SQLi_QUERYARGUMENTS SQLiExtendedPatterns:QUERYARGUMENTS,BODY SQLi:BODY,COOKIE,URIPATH",
        versions="Version_1.0 Version_2.0",
    ),
    "AWSManagedRulesLinuxRuleSet": _group(
        200, "linux-os", "LFI:URIPATH,QUERYSTRING,HEADER",
        versions="Version_1.0 Version_2.0 Version_2.2",
    ),
    "AWSManagedRulesUnixRuleSet": _group(
        100, "posix-os", "UNIXShellCommandsVariables:QUERYSTRING,BODY,HEADER",
        versions="Version_1.0 Version_2.0 Version_2.1",
    ),
    "AWSManagedRulesWindowsRuleSet": _group(
        200, "windows-os",
        "WindowsShellCommands:COOKIE,QUERYARGUMENTS,BODY"
        " PowerShellCommands:COOKIE,QUERYARGUMENTS,BODY",
        versions="Version_1.0 Version_2.0",
    ),
    "AWSManagedRulesPHPRuleSet": _group(
        100, "php-app", "PHPHighRiskMethodsVariables:HEADER,QUERYSTRING,BODY",
        versions="Version_1.0 Version_2.0",
    ),
    "AWSManagedRulesWordPressRuleSet": _group(
        100, "wordpress-app",
        "WordPressExploitableCommands_QUERYSTRING WordPressExploitablePaths_URIPATH",
        versions="Version_1.0 Version_1.1",
    ),
    "AWSManagedRulesAmazonIpReputationList": _group(
        25, "amazon-ip-list",
        "AWSManagedIPReputationList AWSManagedReconnaissanceList AWSManagedIPDDoSList",
        counted="AWSManagedIPDDoSList",
    ),
    "AWSManagedRulesAnonymousIpList": _group(
        50, "anonymous-ip-list", "AnonymousIPList HostingProviderIPList"
    ),
    "AWSManagedRulesBotControlRuleSet": _group(
        50, "bot-control",
        "CategoryAdvertising CategoryArchiver CategoryContentFetcher CategoryEmailClient"
        " CategoryHttpLibrary CategoryLinkChecker CategoryMiscellaneous CategoryMonitoring"
        " CategoryScrapingFramework CategorySearchEngine CategorySecurity CategorySeo"
        " CategorySocialMedia CategoryAI SignalAutomatedBrowser SignalKnownBotDataCenter"
        " SignalNonBrowserUserAgent",
        counted="SignalKnownBotDataCenter", versions="Version_1.0 Version_3.0 Version_4.0",
    ),
    "AWSManagedRulesATPRuleSet": _group(
        50, "atp",
        "UnsupportedCognitoIDP VolumetricIpHigh VolumetricSession AttributeCompromisedCredentials"
        " AttributeUsernameTraversal AttributePasswordTraversal AttributeLongSession"
        " TokenRejected SignalMissingCredential",
        versions="Version_1.0 Version_1.1",
    ),
    "AWSManagedRulesACFPRuleSet": _group(
        50, "acfp",
        "UnsupportedCognitoIDP AllRequests RiskScoreHigh SignalCredentialCompromised"
        " VolumetricIPHigh VolumetricSessionHigh SignalMissingCredential",
        versions="Version_1.0 Version_1.1",
    ),
    "AWSManagedRulesAntiDDoSRuleSet": _group(
        50, "anti-ddos", "ChallengeAllDuringEvent ChallengeDDoSRequests DDoSRequests",
        versions="Version_1.0",
    ),
}  # fmt: skip
"""Groups of vendor AWS. Versions are examples."""

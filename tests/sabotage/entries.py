"""The sabotages: what is broken, where, and the tests that must fail then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BEHAVIOUR = "tests/behaviour/"
TORTURE = "tests/perturbation/test_torture.py"
SIGNATURE = "(step: Step, it: Assessment, known: Judgement) -> Veto | None:"


@dataclass(frozen=True)
class Edit:
    """In `file`, the text `old`, which stands there exactly once, becomes `new`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Sabotage:
    """One way to break an invariant, and the tests that must notice."""

    invariant: str
    what: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]


class NotThere(Exception):
    """The source is not as a sabotage expects it: the entry has to be mended."""


def apply(sabotage: Sabotage, root: Path) -> list[Path]:
    """Make the edits below `root`; the files changed. Raises `NotThere`."""
    changed = []
    for edit in sabotage.edits:
        path = root / edit.file
        text = path.read_text(encoding="utf-8")
        if text.count(edit.old) != 1:
            raise NotThere(
                f"{sabotage.invariant} {sabotage.what}: {edit.file} has {text.count(edit.old)} "
                f"times, not once: {edit.old!r}"
            )
        path.write_text(text.replace(edit.old, edit.new), encoding="utf-8")
        changed.append(path)
    return changed


def _tests(file: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{file}::{name}" for name in names)


def _one(
    invariant: str, what: str, file: str, old: str, new: str, tests: tuple[str, ...]
) -> Sabotage:
    return Sabotage(invariant, what, (Edit(file, old, new),), tests)


def _guard(name: str, what: str, tests: tuple[str, ...], invariant: str = "I6") -> Sabotage:
    old = f"def {name}{SIGNATURE}"
    return _one(invariant, what, "controller/guards.py", old, f"{old}\n    return None", tests)


GUARDS = BEHAVIOUR + "test_guards.py"
KEPT = BEHAVIOUR + "test_kept.py"
MISHAPS = BEHAVIOUR + "test_mishaps.py"
LEASE = BEHAVIOUR + "test_lease.py"
LOST = BEHAVIOUR + "test_memory_lost.py"
IN_FORCE = BEHAVIOUR + "test_desired_state_in_force.py"
PARAMETERS = BEHAVIOUR + "test_parameter_store.py"
PUBLISH = BEHAVIOUR + "test_publish.py"
PARTIAL = BEHAVIOUR + "test_partial_reads.py"
FAULTS = BEHAVIOUR + "test_faults.py"
OBSERVE = BEHAVIOUR + "test_observe_writes_nothing.py"
SECRETS = BEHAVIOUR + "test_secrets_stay_secret.py"
SERVICE = BEHAVIOUR + "test_service_converges.py"
DATA = BEHAVIOUR + "test_data_converges.py"
INSIDE = BEHAVIOUR + "test_writes_inside_lease.py"
MEMORY = BEHAVIOUR + "test_memory_at_work.py"
NOT_OURS = "tests/perturbation/test_none_of_our_business.py"
FIELDS = "tests/perturbation/test_every_field_of_every_model.py"
EVIDENCE = "tests/unit/test_guards_alone.py"
NOTHING = _tests(PARTIAL, "test_without_an_answer_nothing_is_written_that_needed_it[nothing-0-1]")
DIFF = "controller/diff.py"
APPLY = "controller/apply.py"
WAF_READS = "controller/kindlib/waf_reads.py"
PLANE = BEHAVIOUR + "test_lambda.py"
HEARD = BEHAVIOUR + "test_changes.py"
WORKER = "handlers/reconcile.py"
CHANGES = "controller/changes.py"


def _all() -> Iterator[Sabotage]:
    # I1: converged and unchanged, nothing is written
    yield _one(
        "I1", "the order of AWS's lists counts as a difference", DIFF,
        "return sorted(items, key=_order) if field.policy(Unordered) else items", "return items",
        _tests(NOT_OURS, "test_no_write_and_no_drift[0]"),
    )  # fmt: skip
    yield _one(
        "I1", "what AWS fills in by default counts as drift", DIFF,
        "if default and self.equal(field, default.of(self.situation), v):", "if False:",
        _tests(FIELDS, "test_what_is_not_declared_is_never_drift"),
    )  # fmt: skip
    yield _one(
        "I1", "a field that an autoscaler or AWS holds is taken back", DIFF,
        "elif owner and owner.when(self.situation, d, v):", "elif False:",
        _tests(DATA, "test_storage_autoscaling_is_no_drift"),
    )  # fmt: skip
    # I2: any change behind our back is named
    yield _one(
        "I2", "what was added to a map is overlooked", DIFF,
        "for key in [*d, *(k for k in v if k not in d)]:", "for key in [*d]:",
        _tests(FAULTS, "test_weather_delays_and_changes_nothing[healed-100]"),
    )  # fmt: skip
    yield _one(
        "I2", "a number that differs counts as equal", DIFF,
        "        if field.policy(VersionPrefix):\n",
        "        if isinstance(live, int):\n            return True\n"
        "        if field.policy(VersionPrefix):\n",
        _tests(GUARDS, "test_without_a_guard_it_is_healed"),
    )  # fmt: skip
    yield _one(
        "I2", "drift is called a pending change", DIFF,
        '            return "both" if live_moved else "pending"\n        return "drift"',
        '            return "both" if live_moved else "pending"\n        return "pending"',
        _tests(GUARDS, "test_pause_stops_writes_and_expires"),
    )  # fmt: skip
    yield _one(
        "I2", "what vanished is not told as drift", "controller/assess.py",
        "return replace(base, vanished=True, identity=record.identity)", "return base",
        _tests(GUARDS, "test_blast_radius_counts_what_vanished"),
    )  # fmt: skip
    # I3: killed at any call
    yield _one(
        "I3", "nothing is written down before a call", APPLY,
        "        self.inventory.save()\n        self.tools.progress(",
        "        self.tools.progress(",
        _tests(MEMORY, "test_what_a_dead_pass_made_is_known_before_aws_shows_it"),
    )  # fmt: skip
    yield _one(
        "I3", "a task definition is registered without looking for an equal one",
        "controller/kindlib/task_definition.py", "    if not arns:\n", "    if True:\n",
        _tests(SERVICE, "test_killed_between_revision_and_update_the_revision_is_used"),
    )  # fmt: skip
    # I4: what is not ours is not touched
    yield _guard(
        "ownership", "the ownership guard is off",
        _tests(GUARDS, "test_what_others_made_is_not_touched_unless_adopted"), "I4",
    )  # fmt: skip
    yield _one(
        "I4", "another environment's tags are ignored", "controller/ownership.py",
        "    return Claim.OTHER", "    return Claim.OURS",
        _tests(GUARDS, "test_what_another_environment_owns_is_not_even_adopted"),
    )  # fmt: skip
    yield _one(
        "I4", "a new thing under an old name is taken for ours", "controller/ownership.py",
        "return Claim.OURS if made else Claim.NOBODY", "return Claim.OURS",
        _tests(GUARDS, "test_a_new_thing_under_an_old_name_is_not_ours"),
    )  # fmt: skip
    yield _one(
        "I4", "whose tags can't be read is taken for ours", "controller/ownership.py",
        "return Claim.OURS if made else Claim.UNKNOWN", "return Claim.OURS",
        _tests(PARTIAL, "test_without_tags_and_without_memory_nothing_that_exists_is_changed"),
    )  # fmt: skip
    yield _one(
        "I4", "whatever stands where we were cut off is taken for ours", "controller/ownership.py",
        "if begun and as_marked(record.last or {})", "if begun",
        _tests("tests/fidelity/cases/test_metric_filters.py",
               "test_made_by_somebody_else_while_we_were_dead"),
    )  # fmt: skip
    # I5: a failed read leads to no write
    yield _one(
        "I5", "a failed list counts as an empty one", "controller/kindlib/reading.py",
        "return {t.key: Unknown(str(failure)) for t in targets}",
        "from controller.handler import Absent\n\n    return {t.key: Absent() for t in targets}",
        _tests(GUARDS, "test_unknown_is_never_absent") + NOTHING,
    )  # fmt: skip
    yield _one(
        "I5", "a page that does not come ends the list", "controller/aws.py",
        "            reply = self._call(service, operation, request)\n            found.extend",
        "            try:\n                reply = self._call(service, operation, request)\n"
        "            except AwsFailure:\n                if not found:\n"
        "                    raise\n                return found\n            found.extend",
        _tests(PARTIAL, "test_a_page_that_does_not_come_is_the_whole_list_unread"),
    )  # fmt: skip
    yield _one(
        "I5", "alarms that AWS does not describe count as gone",
        "controller/kindlib/alarm_reading.py",
        "found[target.key] = Unknown(str(answer))", "found[target.key] = Absent()", NOTHING,
    )  # fmt: skip
    yield Sabotage(
        "I5", "a web ACL list that fails counts as empty",
        (
            Edit(
                WAF_READS, "        found.update({t.key: Unknown(str(failure)) for t in targets})\n"
                "        return", "        return",
            ),
            Edit(
                WAF_READS, "            found.update({t.key: Unknown(str(failure)) for t in "
                "moved.values()})", "            continue",
            ),
        ),
        NOTHING,
    )  # fmt: skip
    yield _one(
        "I5", "a service that can't be described counts as absent",
        "controller/kindlib/service_reading.py", 'if answer.failure != "not-found":', "if False:",
        NOTHING,
    )  # fmt: skip
    yield _guard(
        "evidence", "the guard over unread parts is off",
        _tests(EVIDENCE, "test_a_part_that_was_not_read_is_not_written"), "I5",
    )  # fmt: skip
    # I6: every guard
    approval_tests = f"{BEHAVIOUR}test_approvals.py"
    yield _one(
        "I6", "an approval is for whatever waits", "controller/guards.py",
        "token(step, it) in known.approved", "token(step, it) != ''",
        _tests(approval_tests, "test_a_part_may_be_approved"),
    )  # fmt: skip
    yield _one(
        "I6", "an approval is for the name, not for the thing", "controller/approval.py",
        "step.fingerprint, it.target.name, it.identity, mine]", "step.fingerprint, it.target.name]",
        _tests(approval_tests, "test_what_somebody_strengthened_may_be_taken_back"),
    )  # fmt: skip
    yield _one(
        "I6", "an approval lasts for ever", "controller/approval.py",
        "if now < a.until]", "if a.until]", _tests(approval_tests, "test_it_expires"),
    )  # fmt: skip
    yield _one(
        "I6", "an approval is good twice", "controller/approval.py",
        "if spent.get(t) != a.until.isoformat()", "if t",
        _tests(approval_tests, "test_it_is_good_once"),
    )  # fmt: skip
    calendar = f"{BEHAVIOUR}test_calendar.py"
    yield _guard(
        "freeze", "a freeze holds up nothing",
        _tests(calendar, "test_a_freeze_holds_up_commits_and_repairs_then_both_are_made"),
    )  # fmt: skip
    yield _guard(
        "window", "no step waits for a window",
        _tests(calendar, "test_rollouts_wait_for_the_window"),
    )  # fmt: skip
    calm = f"{BEHAVIOUR}test_calm.py"
    for guard, what, test in (
        ("backoff", "tries follow each other at once", "test_tries_have_time_between_them"),
        ("contested", "a fight goes on for ever",
         "test_a_fight_over_what_disturbs_calms_down_and_is_told"),
        ("interval", "no resource has an interval", "test_a_resource_may_have_an_interval"),
        ("rename", "a new name makes a second thing",
         "test_a_manifest_that_changed_its_name_makes_no_second_thing"),
    ):  # fmt: skip
        yield _guard(guard, what, _tests(calm, test))
    yield _one(
        "I6", "a service in trouble is asked on and on", APPLY,
        ">= BREAKER:", ">= 99:",
        _tests(calm, "test_a_service_in_trouble_is_left_alone_and_the_others_are_not"),
    )  # fmt: skip
    yield _one(
        "I6", "a freeze that lets drift be undone lets commits through", "controller/guards.py",
        'mine and all(c.cause == "drift" for c in mine)', "mine",
        _tests(calendar, "test_a_freeze_may_let_drift_be_undone_and_no_more"),
    )  # fmt: skip
    yield _guard(
        "pause", "the pause guard is off",
        _tests(GUARDS, "test_mode_of_the_environment[paused-Paused]"),
    )  # fmt: skip
    yield _guard("mode", "the mode guard is off", _tests(GUARDS, "test_mode_of_one_resource"))
    yield _guard(
        "approval", "destructive actions need no approval",
        _tests(GUARDS, "test_a_shrunken_file_is_refused_until_it_says_so"),
    )  # fmt: skip
    yield _guard(
        "deletion_protection", "deletion protection is no obstacle",
        _tests(EVIDENCE, "test_what_is_protected_is_not_deleted"),
    )  # fmt: skip
    yield _guard(
        "dependencies", "dependencies need not be ready",
        _tests(EVIDENCE, "test_nothing_is_made_before_what_it_needs"),
    )  # fmt: skip
    yield _guard(
        "modifiable", "a busy resource is modified",
        _tests(EVIDENCE, "test_what_is_busy_is_left_alone"),
    )  # fmt: skip
    yield _guard(
        "three_tries", "tries are not counted",
        _tests(GUARDS, "test_three_tries_then_it_waits_for_a_new_desire"),
    )  # fmt: skip
    yield _guard(
        "defaults", "another release's defaults are a licence to act",
        _tests(GUARDS, "test_a_release_with_other_defaults_is_no_licence_to_act"),
    )  # fmt: skip
    yield _one(
        "I6", "the blast radius has no limit", "controller/guards.py",
        "if len(keys) > allowed(limit, total):", "if False:",
        _tests(GUARDS, "test_blast_radius_trips_before_the_first_call"),
    )  # fmt: skip
    yield _one(
        "I6", "the blast radius spares only what came after it", "controller/guards.py",
        "return {s.id: Veto(\"BlastRadius\", message) for s in steps}",
        "return {s.id: Veto(\"BlastRadius\", message) for s in steps[1:]}",
        _tests(GUARDS, "test_blast_radius_trips_before_the_first_call"),
    )  # fmt: skip
    yield _one(
        "I6", "many disruptive steps in one pass", "controller/guards.py",
        "            if step.key in disrupted:", "            if False:",
        _tests(EVIDENCE, "test_one_disruptive_step_at_a_time"),
    )  # fmt: skip
    yield _one(
        "I6", "an action starts that can't end in time", APPLY,
        "if self.tools.seconds_left() < CALL_BOUND_S + RECORDING_S:", "if False:",
        _tests(GUARDS, "test_deadline_no_action_starts_that_cannot_end"),
    )  # fmt: skip
    yield _one(
        "I6", "an immutable field is changed", DIFF,
        "        return policy is not None and not policy.unless(self.situation)\n",
        "        return False\n",
        _tests(GUARDS, "test_immutable_is_blocked_not_replaced"),
    )  # fmt: skip
    yield _one(
        "I6", "a shrunken file is taken at its word", "controller/sources.py",
        "    if len(gone) > allowed(new.limits.max_removals, len(old.resources)):", "    if False:",
        _tests(GUARDS, "test_a_shrunken_file_is_refused_until_it_says_so"),
    )  # fmt: skip
    yield _one(
        "I6", "an emptied file is taken at its word", "controller/sources.py",
        "    if not new.resources:\n", "    if not new.resources:\n        return \"\"\n",
        _tests(GUARDS, "test_an_emptied_file_changes_nothing"),
    )  # fmt: skip
    # I7: looking writes nothing
    yield Sabotage(
        "I7", "a pass in observe mode acts",
        (
            Edit("controller/guards.py", f"def mode{SIGNATURE}",
                 f"def mode{SIGNATURE}\n    return None"),
            Edit("controller/reconciler.py",
                 'return self.write and self.report.mode == "enforce" and not self.report.paused',
                 "return self.write"),
        ),
        _tests(OBSERVE, "test_no_call_is_more_than_a_read[observe_in_file-nothing]"),
    )  # fmt: skip
    yield _one(
        "I7", "plan remembers the revision that it read", "controller/reconciler.py",
        "remember=write", "remember=True",
        _tests(OBSERVE, "test_no_call_is_more_than_a_read[plan-nothing]"),
    )  # fmt: skip
    yield _one(
        "I7", "plan saves the inventory", "controller/reconciler.py",
        "writable=write", "writable=True",
        _tests(OBSERVE, "test_no_call_is_more_than_a_read[plan-nothing]"),
    )  # fmt: skip
    yield _one(
        "I7", "plan writes the status", "controller/status.py",
        "    if write:\n", "    if True:\n",
        _tests(OBSERVE, "test_no_call_is_more_than_a_read[plan-nothing]"),
    )  # fmt: skip
    # I8: secrets stay secret
    yield _one(
        "I8", "an opened secret is not blotted out", "controller/kindlib/secret_values.py",
        "    aws.keep_secret(value)\n", "",
        _tests(SECRETS, "test_neither_state_nor_reports_hold_a_secret"),
    )  # fmt: skip
    yield _one(
        "I8", "a generated secret is not blotted out", "controller/kinds/secret.py",
        'aws.keep_secret(request["SecretString"])', "pass",
        _tests(SECRETS, "test_neither_state_nor_reports_hold_a_secret"),
    )  # fmt: skip
    yield _one(
        "I8", "a secret that is quoted another way is not blotted out", "controller/aws.py",
        "self._secrets |= spellings(value)", "self._secrets |= {value}",
        _tests(SECRETS, "test_neither_state_nor_reports_hold_a_secret"),
    )  # fmt: skip
    yield _one(
        "I8", "the log tells the text of any error", "handlers/reconcile.py",
        "told = isinstance(error, _FORESEEN)",
        "told = True", _tests(SECRETS, "test_an_error_nobody_foresaw_shows_no_secret"),
    )  # fmt: skip
    # I9: bad desired state changes nothing
    yield _one(
        "I9", "a broken revision leaves nothing in force", "controller/sources.py",
        'return _still(old, "DesiredStateInvalid", *error.problems)',
        'return _still(_Accepted(), "DesiredStateInvalid", *error.problems)',
        _tests(IN_FORCE, "test_a_broken_revision_changes_nothing[not yaml]"),
    )  # fmt: skip
    yield _one(
        "I9", "a missing file leaves nothing in force", "controller/sources.py",
        'return _still(old, "DesiredStateMissing")',
        'return _still(_Accepted(), "DesiredStateMissing")',
        _tests(GUARDS, "test_a_missing_file_is_unknown_not_empty"),
    )  # fmt: skip
    yield _one(
        "I9", "another environment's file is enforced", "controller/sources.py",
        "    if new.name != environment:\n", "    if False:\n",
        _tests(IN_FORCE, "test_a_broken_revision_changes_nothing[another environment's]"),
    )  # fmt: skip
    yield _one(
        "I9", "a file in parts is not held to its digest", "controller/publication.py",
        "if hashlib.sha256(text).hexdigest() != self.digest:", "if False:",
        _tests(PARAMETERS, "test_what_is_not_whole_changes_nothing[cut-is not what its sha256 "
               "says]"),
    )  # fmt: skip
    yield _one(
        "I9", "a SecureString is taken for desired state", "controller/sources.py",
        'if held["Type"] != "String":', "if False:",
        _tests(PARAMETERS, "test_what_is_not_whole_changes_nothing[secure-Type: found "
               "SecureString, allowed String: desired state holds no secrets]"),
    )  # fmt: skip
    yield _one(
        "I9", "publish overwrites what somebody else has published", "controller/publishing.py",
        'condition = {"IfMatch": before.version} if before else {"IfNoneMatch": "*"}',
        "condition = {}",
        _tests(PUBLISH, "test_what_somebody_else_publishes_meanwhile_is_not_overwritten"),
    )  # fmt: skip
    # I10: no action outside a held lease
    yield _one(
        "I10", "a lease is not renewed", APPLY,
        "        try:\n            self.lease.keep()\n            self._call(step, seen)",
        "        try:\n            self._call(step, seen)",
        _tests(LEASE, "test_every_write_of_a_pass_lies_inside_its_lease"),
    )  # fmt: skip
    yield _one(
        "I10", "a call may outlast the lease", "controller/lease.py",
        "if self.remaining_s() <= CALL_BOUND_S:", "if False:",
        _tests(LEASE, "test_nothing_starts_that_may_outlast_the_lease"),
    )  # fmt: skip
    yield _one(
        "I10", "another's lease is taken over", "controller/lease.py",
        "        if not free:\n", "        if False:\n",
        _tests(LEASE, "test_the_second_is_refused_until_the_first_gives_it_back"),
    )  # fmt: skip
    yield _one(
        "I10", "the lease is given back before the work", "controller/reconciler.py",
        "            apply(self.report, self.aws, self.inventory, self.lease, self.tools)",
        "            self.lease.release()\n"
        "            self.lease.expires = self.tools.now().replace(year=9999)\n"
        "            apply(self.report, self.aws, self.inventory, self.lease, self.tools)",
        _tests(INSIDE, "test_each_write_finds_the_lease_held_by_its_pass"),
    )  # fmt: skip
    # I2: drift behind a read that is not made each time
    for what, old, new, name in (
        (
            "a token is trusted for ever",
            "0 <= aws.trust.at - held.at < longest",
            "True",
            "test_no_token_is_trusted_for_ever",
        ),
        (
            "what was read under a token that moved is gone by",
            "held.evidence != evidence",
            "False",
            "test_a_token_that_moved_is_followed_at_once",
        ),
        (
            "passes that an event asks for read less, too",
            "aws.trust is None or environment not in aws.trust.steady",
            "aws.trust is None",
            "test_a_pass_that_anything_else_asks_for_reads_it_all",
        ),
    ):
        yield _one("I2", what, "controller/kept.py", old, new, _tests(KEPT, name))  # fmt: skip
    # I11: faults that end change nothing
    yield _one(
        "I11", "AWS's own faults count as tries", APPLY,
        "            if failure.failure in _FAULTS:\n", "            if False:\n",
        _tests(GUARDS, "test_faults_of_aws_are_no_tries"),
    )  # fmt: skip
    yield _one(
        "I11", "what was made before a fault counts as a try", APPLY,
        "if step.action.step in awaited or", "if False and",
        _tests(FAULTS, "test_a_create_whose_second_half_fails_for_long_is_not_given_up"),
    )  # fmt: skip
    yield _one(
        "I11", "what a later step waits for counts before that one is tried", APPLY,
        "        self._count(step, seen, record)\n",
        "        self.counted.add(step.id)\n"
        "        record.count(seen.resource.spec, step.fingerprint)\n",
        _tests(FAULTS, "test_a_change_cut_off_half_way_is_not_given_up"),
    )  # fmt: skip
    # I12: a lost or old inventory
    yield _one(
        "I12", "without memory, tags say nothing", "controller/ownership.py",
        "if (holder, tags.get(RESOURCE_TAG)) == wanted:", "if made and holder == wanted[0]:",
        _tests(LOST, "test_lost_inventory_hides_only_whether_it_was_drift"),
    )  # fmt: skip
    yield _one(
        "I12", "without memory, a difference is called a pending change",
        "controller/inventory.py", "    if last is None and undone:\n", "    if False:\n",
        _tests(MEMORY, "test_a_difference_stays_unexplained_as_long_as_nothing_explains_it"),
    )  # fmt: skip
    yield _one(
        "I12", "without memory, a namesake is ours", "controller/ownership.py",
        "return Claim.OURS if made else Claim.NOBODY",
        "return Claim.OURS if made or record is None else Claim.NOBODY",
        _tests(LOST, "test_lost_inventory_and_a_foreign_namesake"),
    )  # fmt: skip
    # The sandbox's own honesty
    yield _one(
        "sandbox", "a parameter that it does not know is ignored", "sandbox/registry.py",
        "        if unknown:\n", "        if False:\n",
        _tests(BEHAVIOUR + "test_sandbox_ecs.py",
               "test_what_is_not_simulated_ends_the_test[change0]"),
    )  # fmt: skip


def _control_plane() -> Iterator[Sabotage]:
    """Of what the functions do around the passes."""

    def one(what: str, file: str, old: str, new: str, *tests: str) -> Sabotage:
        return _one("plane", what, file, old, new, tests)

    yield one(
        "the role that writes is assumed in observe mode, too", "handlers/doors.py",
        "            self._made[key] = reader",
        "            writer.get_credentials().get_frozen_credentials()\n"
        "            self._made[key] = reader",
        f"{PLANE}::test_observe_mode_writes_nothing_and_never_assumes_the_role_that_could[file]",
    )  # fmt: skip
    yield one(
        "the registry's mode caps nothing", WORKER,
        "min(binding.mode, self.settings.mode, key=MODES.index)", "self.settings.mode",
        f"{PLANE}::test_registry_and_stack_cap_the_file[enforce-observe-enforce-observe]",
    )  # fmt: skip
    yield one(
        "a broken registry counts as none", "controller/registry.py",
        "        return cls(home, parse(found.body))",
        "        try:\n            return cls(home, parse(found.body))\n"
        "        except BadRegistry:\n            return cls(home)",
        f"{PLANE}::test_while_the_registry_is_broken_nothing_acts",
    )  # fmt: skip
    yield one(
        "a pass that failed is acknowledged and forgotten", WORKER,
        "        requeue.ask(self.store, name, _now() + wait)\n", "",
        f"{PLANE}::test_while_the_registry_is_broken_nothing_acts",
    )  # fmt: skip
    yield one(
        "work under way asks for no other look", WORKER,
        "        if report.waiting:\n", "        if False:\n",
        f"{PLANE}::test_work_in_flight_is_looked_at_again_soon",
    )  # fmt: skip
    yield one(
        "a registry that is gone counts as none", "controller/registry.py",
        "if store.get(SEEN) is not None:", "if False:",
        f"{MISHAPS}::test_a_registry_that_is_gone_lets_nobody_act",
    )  # fmt: skip
    yield one(
        "what killed its worker takes the others along", WORKER,
        "if asked.together and before.killed(now):", "if False:",
        f"{MISHAPS}::test_one_that_kills_its_worker_takes_the_others_along_once",
    )  # fmt: skip
    yield one(
        "a change that meets another pass is put off", WORKER,
        "while held and _now() < until", "while False and _now() < until",
        f"{PLANE}::test_a_change_waits_for_the_pass_that_is_just_under_way",
    )  # fmt: skip
    yield one(
        "rounds are of any place", "controller/messages.py",
        "together.setdefault((there, wake.reason), [])",
        "together.setdefault((('', ''), wake.reason), [])",
        "tests/behaviour/test_rounds.py::test_a_round_is_of_one_place_and_of_a_hundred_at_most",
    )  # fmt: skip
    yield one(
        "poison is acknowledged", WORKER,
        "for each in poison]", "for each in ()]",
        f"{PLANE}::test_poison_reaches_the_dead_letters_and_stops_nobody",
    )  # fmt: skip
    yield one(
        "what a pass writes into the bucket wakes its environment", CHANGES,
        r'rf"environments/({NAME})\.yaml|(?:pauses|approvals)/({NAME})\.json"',
        r'rf"\w+/({NAME})\.yaml|\w+/({NAME})\.json"',
        f"{HEARD}::test_steady_passes_and_their_healing_cause_no_passes",
    )  # fmt: skip
    yield one(
        "whoever calls a session like ours is not heard", CHANGES,
        "return session == SESSION and role in", "return session == SESSION or role in",
        f"{HEARD}::test_our_own_calls_wake_nobody_and_others_are_not_taken_for_ours",
    )  # fmt: skip
    yield one(
        "who it was is taken from what the caller wrote", CHANGES,
        'author(detail.get("userIdentity"))',
        'author(_map(detail.get("requestParameters")).get("userIdentity") '
        'or detail.get("userIdentity"))',
        f"{HEARD}::test_who_it_was_is_told_by_the_identity_alone",
    )  # fmt: skip


def _tortured() -> Iterator[Sabotage]:
    """What accidents show, and nothing but accidents (`make torture`)."""
    made = _tests(TORTURE, "test_nothing_comes_of_accidents[create-all-100]")
    yield _one(
        "I3", "a create leaves no mark that it was begun", APPLY,
        "record.settling, record.written_at = [WHOLE], self.tools.now().timestamp()", "pass", made,
    )  # fmt: skip
    yield _one(
        "I5", "what comes back is read, whatever it is", "controller/aws.py",
        "sense.attach(client)", "pass", made,
    )  # fmt: skip
    yield _one(
        "I10", "a call is made though the lease has ended", "controller/lease.py",
        "        if self.remaining_s() <= CALL_BOUND_S:\n            raise NotPermitted(f\"{call}",
        "        if False:\n            raise NotPermitted(f\"{call}", made,
    )  # fmt: skip
    yield _one(
        "I11", "what is removed and gone is to be made again", "controller/assess.py",
        ' if resource.declared else ""', "",
        _tests("tests/behaviour/test_removed.py", "test_what_is_removed_and_gone_has_no_problem",
               "test_the_pass_after_the_deletion_is_as_any_other"),
    )  # fmt: skip
    yield _one(
        "I5", "what can't be read as a whole is deleted", "controller/guards.py",
        "if step.key in known.removed and it.observation.unknown:", "if False:",
        _tests("tests/behaviour/test_removed.py",
               "test_nothing_is_deleted_while_a_part_of_it_can_not_be_read"),
    )  # fmt: skip


SABOTAGES: tuple[Sabotage, ...] = (*_all(), *_control_plane(), *_tortured())

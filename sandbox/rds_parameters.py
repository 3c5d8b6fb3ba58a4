"""The parameters of RDS's engines that the sandbox knows, with their rules."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

LEVELS = "debug5,debug4,debug3,debug2,debug1,info,notice,warning,error,log,fatal,panic"
TYPES = {"b": "boolean", "i": "integer", "f": "float", "s": "string", "l": "list"}

# name, type (first letter) + dynamic/static [+ ! not modifiable] [+ * set by RDS: source system],
# allowed values (- any, ~ for blank), default. From recorded DescribeDBParameters of 9.6, brought
# to 13 and later from the PostgreSQL and RDS manuals; not all, but all those commonly set.
TABLE = """
application_name sd -
archive_command sd!* - /etc/rds/dbbin/pgscripts/rds_wal_archive %p
archive_timeout id!* 0-2147483647 300
authentication_timeout id 1-600
auto_explain.log_analyze bd -
auto_explain.log_min_duration id -1-2147483647
autovacuum bd -
autovacuum_analyze_scale_factor fd* 0-100 0.05
autovacuum_analyze_threshold id 0-2147483647
autovacuum_freeze_max_age is 100000000-2000000000
autovacuum_max_workers is 1-262143 GREATEST({DBInstanceClassMemory/64371566592},3)
autovacuum_multixact_freeze_max_age is 10000000-2000000000
autovacuum_naptime id* 1-2147483 30
autovacuum_vacuum_cost_delay fd -1-100
autovacuum_vacuum_cost_limit id -1-10000
autovacuum_vacuum_insert_threshold id -1-2147483647
autovacuum_vacuum_scale_factor fd* 0-100 0.1
autovacuum_vacuum_threshold id 0-2147483647
autovacuum_work_mem id -1-2147483647
backend_flush_after id 0-256
bgwriter_delay id 10-10000
bgwriter_flush_after id 0-256
bgwriter_lru_maxpages id 0-1000
bytea_output sd escape,hex
checkpoint_completion_target fd* 0-1 0.9
checkpoint_flush_after id 0-256
checkpoint_timeout id 30-3600
client_encoding sd* - UTF8
client_min_messages sd debug5,debug4,debug3,debug2,debug1,log,notice,warning,error
commit_delay id 0-100000
constraint_exclusion sd partition,on,off
cpu_index_tuple_cost fd 0-1.79769e+308
cpu_operator_cost fd 0-1.79769e+308
cpu_tuple_cost fd 0-1.79769e+308
cron.database_name ss -
cron.log_run bs -
cron.max_running_jobs is 0-32767
cursor_tuple_fraction fd 0-1
data_directory ss!* - /rdsdbdata/db
datestyle sd -
deadlock_timeout id 1-2147483647
default_statistics_target id 1-10000
default_tablespace sd -
default_transaction_isolation sd serializable,repeatable~read,read~committed,read~uncommitted
default_transaction_read_only bd -
effective_cache_size id* 1-2147483647 {DBInstanceClassMemory/16384}
effective_io_concurrency id 0-1000
enable_hashagg bd -
enable_hashjoin bd -
enable_indexscan bd -
enable_mergejoin bd -
enable_nestloop bd -
enable_seqscan bd -
enable_sort bd -
extra_float_digits id -15-3
from_collapse_limit id 1-2147483647
fsync bd!* - 1
full_page_writes bd! - 1
geqo bd -
geqo_effort id 1-10
geqo_generations id 0-2147483647
geqo_pool_size id 0-2147483647
geqo_threshold id 2-2147483647
gin_pending_list_limit id 64-2147483647
hash_mem_multiplier fd 1-1000
hot_standby_feedback bd -
huge_pages ss* on,off off
idle_in_transaction_session_timeout id 0-2147483647
idle_session_timeout id 0-2147483647
intervalstyle sd postgres,postgres_verbose,sql_standard,iso_8601
jit bd -
join_collapse_limit id 1-2147483647
lc_messages sd -
listen_addresses ss!* - *
log_autovacuum_min_duration id -1-2147483647
log_checkpoints bd* - 1
log_connections bd -
log_destination sd* stderr,csvlog stderr
log_directory sd!* - /rdsdbdata/log/error
log_disconnections bd -
log_duration bd -
log_error_verbosity sd terse,default,verbose
log_filename sd* postgresql.log.%Y-%m-%d,postgresql.log.%Y-%m-%d-%H,postgresql.log.%Y-%m-%d-%H%M postgresql.log.%Y-%m-%d-%H
log_hostname bd* - 1
log_line_prefix sd!* - %t:%r:%u@%d:[%p]:
log_lock_waits bd -
log_min_duration_sample id -1-2147483647
log_min_duration_statement id -1-2147483647
log_min_error_statement sd $LEVELS
log_min_messages sd $LEVELS
log_replication_commands bd -
log_rotation_age id* 1-1440 60
log_rotation_size id 0-2097151
log_statement sd none,ddl,mod,all
log_statement_sample_rate fd 0-1
log_temp_files id -1-2147483647
log_timezone sd!* - UTC
log_truncate_on_rotation bd! - 0
logging_collector bs!* - 1
maintenance_io_concurrency id 0-1000
maintenance_work_mem id 1024-2147483647 GREATEST({DBInstanceClassMemory/63963136*1024},65536)
max_connections is* 6-8388607 LEAST({DBInstanceClassMemory/9531392},5000)
max_files_per_process is 25-2147483647
max_locks_per_transaction is 10-2147483647 64
max_logical_replication_workers is 0-262143
max_parallel_maintenance_workers id 0-1024
max_parallel_workers id 0-1024 GREATEST({DBInstanceVCPU/2},8)
max_parallel_workers_per_gather id 0-1024
max_pred_locks_per_transaction is 10-2147483647
max_prepared_transactions is 0-8388607 0
max_replication_slots is* 5-8388607 5
max_slot_wal_keep_size id -1-2147483647
max_stack_depth id* 100-2147483647 6144
max_standby_archive_delay id -1-2147483647
max_standby_streaming_delay id -1-2147483647
max_sync_workers_per_subscription id 0-262143
max_wal_senders is* 5-8388607 10
max_wal_size id* 128-201326592 2048
max_worker_processes is 0-262143
min_wal_size id* 128-201326592 192
parallel_setup_cost fd 0-1.79769e+308
parallel_tuple_cost fd 0-1.79769e+308
password_encryption sd md5,scram-sha-256 scram-sha-256
pg_hint_plan.enable_hint bd -
pg_hint_plan.enable_hint_table bd -
pg_stat_statements.max is 100-2147483647
pg_stat_statements.save bd -
pg_stat_statements.track sd NONE,TOP,ALL
pg_stat_statements.track_planning bd -
pg_stat_statements.track_utility bd -
pgaudit.log sd ddl,function,misc,read,role,write,none,all,-ddl,-function,-misc,-read,-role,-write
pgaudit.role sd rds_pgaudit
plan_cache_mode sd auto,force_generic_plan,force_custom_plan
port is!* 1-65535 {EndPointPort}
random_page_cost fd 0-1.79769e+308
rds.adaptive_autovacuum bd* - 1
rds.allowed_extensions sd -
rds.force_autovacuum_logging_level sd* disabled,$LEVELS
rds.force_ssl bd* - 1
rds.global_db_rpo id 20-2147483647
rds.log_retention_period id* 1440-10080 4320
rds.logical_replication bs - 0
rds.rds_superuser_reserved_connections is* 0-8388607 2
rds.restrict_password_commands bs -
restart_after_crash bd! -
row_security bd -
scram_iterations id 1-2147483647
search_path sd -
seq_page_cost fd 0-1.79769e+308
server_encoding ss!* -
session_replication_role sd origin,replica,local
shared_buffers is* 16-1073741823 {DBInstanceClassMemory/32768}
shared_preload_libraries ls* auto_explain,orafce,pgaudit,pglogical,pg_bigm,pg_cron,pg_hint_plan,pg_prewarm,pg_similarity,pg_stat_statements,pg_tle,pg_transport,plprofiler pg_stat_statements
ssl bs* - 1
ssl_ciphers ss! -
statement_timeout id 0-2147483647
superuser_reserved_connections is!* 0-8388607 3
synchronous_commit sd* local,on,off on
tcp_keepalives_count id 0-2147483647
tcp_keepalives_idle id 0-2147483647
tcp_keepalives_interval id 0-2147483647
temp_buffers id 100-1073741823
temp_tablespaces sd -
timezone sd* - UTC
track_activities bd -
track_activity_query_size is 100-102400
track_commit_timestamp bs -
track_counts bd -
track_functions sd none,pl,all
track_io_timing bd - 1
track_wal_io_timing bd -
transform_null_equals bd -
vacuum_cost_delay fd 0-100
vacuum_cost_limit id 1-10000
vacuum_cost_page_hit id 0-10000
vacuum_cost_page_miss id 0-10000 5
vacuum_freeze_min_age id 0-1000000000
vacuum_freeze_table_age id 0-2000000000
wal_buffers is -1-262143
wal_compression bd - 1
wal_keep_size id* 0-2147483647 2048
wal_receiver_timeout id* 0-3600000 30000
wal_sender_timeout id* 0-3600000 30000
wal_writer_delay id 1-10000
work_mem id 64-2147483647
xmlbinary sd base64,hex
xmloption sd content,document
"""  # noqa: E501

MYSQL = """
binlog_format sd* ROW,STATEMENT,MIXED MIXED
character_set_server sd utf8,utf8mb4,latin1
event_scheduler sd ON,OFF
general_log bd - 0
innodb_buffer_pool_size is* 5242880-18446744073709551615 {DBInstanceClassMemory*3/4}
innodb_flush_log_at_trx_commit id 0-2
innodb_print_all_deadlocks bd -
innodb_read_io_threads is 1-64
interactive_timeout id 1-31536000
log_bin_trust_function_creators bd - 0
log_output sd* TABLE,FILE,NONE TABLE
long_query_time fd 0-31536000
lower_case_table_names is 0-1 0
max_allowed_packet id 1024-1073741824
max_connections id* 1-100000 {DBInstanceClassMemory/12582880}
performance_schema bs* - {PerformanceInsightsEnabled}
require_secure_transport bd - 0
slow_query_log bd - 0
sql_mode ld ALLOW_INVALID_DATES,ANSI_QUOTES,NO_ENGINE_SUBSTITUTION,ONLY_FULL_GROUP_BY,STRICT_ALL_TABLES,STRICT_TRANS_TABLES,TRADITIONAL
time_zone sd Asia/Tokyo,Europe/Berlin,US/Eastern,UTC UTC
wait_timeout id 1-31536000
"""  # noqa: E501

ORACLE = """
_optimizer_use_feedback bd -
job_queue_processes id 0-4000
open_cursors id 0-65535 300
processes is 80-20000 LEAST({DBInstanceClassMemory/9868951},20000)
sga_target is 0-2199023255552 {DBInstanceClassMemory*3/4}
sqlnetora.sqlnet.allowed_logon_version_client sd* 8,10,11,12,12a 11
"""

SQLSERVER = """
1204 bd -
1222 bd -
ad~hoc~distributed~queries bd - 0
cost~threshold~for~parallelism id 0-32767 5
max~degree~of~parallelism id 0-32767 0
max~server~memory~(mb) id 128-2147483647
optimize~for~ad~hoc~workloads bd - 0
rds.force_ssl bs - 0
"""

_TABLES = {"postgres": TABLE, "mysql": MYSQL, "mariadb": MYSQL, "oracle": ORACLE,
           "sqlserver": SQLSERVER}  # fmt: skip
_FORMULA = re.compile(r"[A-Za-z0-9_{}()*/+,.\-]*\{[A-Za-z]+[^{}]*\}[A-Za-z0-9_{}()*/+,.\-]*")


@cache
def parameters(family: str) -> dict[str, dict[str, Any]]:
    """The parameters of a family as DescribeDBParameters shows them at their defaults."""
    out: dict[str, dict[str, Any]] = {}
    table = next(text for name, text in _TABLES.items() if family.startswith(name))
    for line in table.strip().splitlines():
        name, flags, allowed, *default = line.split(" ", 3)
        name, kind = name.replace("~", " "), TYPES[flags[0]]
        item: dict[str, Any] = {
            "ParameterName": name,
            "Description": f"Sets {name}.",
            "Source": "system" if "*" in flags else "engine-default",
            "ApplyType": "static" if flags[1] == "s" else "dynamic",
            "DataType": kind,
            "IsModifiable": "!" not in flags,
            "ApplyMethod": "pending-reboot",
        }
        if kind == "boolean":
            item["AllowedValues"] = "0,1"
        elif allowed != "-":
            item["AllowedValues"] = allowed.replace("~", " ").replace("$LEVELS", LEVELS)
        if default:
            item["ParameterValue"] = default[0]
        out[name] = item
    if family in ("postgres13", "postgres14"):
        out["rds.force_ssl"]["ParameterValue"] = "0"  # on by default since PostgreSQL 15
    return out


def acceptable(item: dict[str, Any], value: str) -> bool:
    """Whether a parameter may have this value, perhaps a formula ({DBInstanceVCPU/2})."""
    allowed = item.get("AllowedValues")
    if item["DataType"] in ("integer", "float"):
        if _FORMULA.fullmatch(value):
            return True
        try:
            number = int(value) if item["DataType"] == "integer" else float(value)
        except ValueError:
            return False
        span = re.fullmatch(r"(-?[^-]+)-(.+)", allowed or "")
        return span is None or float(span[1]) <= number <= float(span[2])
    if not allowed:
        return True
    values = value.split(",") if item["DataType"] == "list" or "," in value else [value]
    return set(values) <= set(allowed.split(","))

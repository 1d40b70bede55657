-- What ghostwatch consists of, in load order.
\ir guard.sql
\ir schema.sql

-- tables: what is declared, found, decided and still to be sent
\ir tables/installation.sql
\ir tables/changed_setting.sql
\ir tables/contract.sql
\ir tables/invariant.sql
\ir tables/branch_family.sql
\ir tables/check_progress.sql
\ir tables/judged.sql
\ir tables/violation.sql
\ir tables/branch_minute.sql
\ir tables/family_rate.sql
\ir tables/drift_baseline.sql
\ir tables/drift_arm.sql
\ir tables/check_run.sql
\ir tables/silence.sql
\ir tables/alert.sql
\ir tables/chat.sql
\ir tables/channel.sql
\ir tables/notification.sql
\ir tables/event.sql
\ir tables/sidecar.sql

-- what every room needs: the time, and the settings
\ir operate/clock.sql
\ir operate/setting_defaults.sql
\ir operate/setting.sql
\ir operate/settings.sql
\ir operate/set_setting.sql
\ir operate/reset_setting.sql
\ir operate/overdue_after.sql

-- declare: what must hold
\ir declare/contract_id.sql
\ir declare/invariant_id.sql
\ir declare/require_contract_owner.sql
\ir declare/column_type.sql
\ir declare/key_cast.sql
\ir declare/check_expression.sql
\ir declare/fixed_length.sql
\ir declare/restart_checks.sql
\ir declare/declare_contract.sql
\ir declare/declare_invariant.sql
\ir declare/declare_branch_family.sql
\ir declare/drop_branch_family.sql
\ir declare/drop_invariant.sql
\ir declare/drop_contract.sql

-- detect: who breaks it
\ir detect/clause.sql
\ir detect/clock_changes.sql
\ir detect/born_at_expression.sql
\ir detect/born_between.sql
\ir detect/family_expression.sql
\ir detect/judgement.sql
\ir detect/related_query.sql
\ir detect/subject_query.sql
\ir detect/life_state.sql
\ir detect/oldest_birth_to_come.sql
\ir detect/batch.sql
\ir detect/judge_arrivals.sql
\ir detect/recheck_violations.sql
\ir detect/check_outcome.sql
\ir detect/check_invariant.sql
\ir detect/next_invariant.sql
\ir detect/require_runnable.sql
\ir detect/finish_run.sql
\ir detect/run_checks.sql
\ir detect/ghost_summary.sql
\ir detect/explain_state.sql
\ir detect/violations_of.sql

-- alert: from violations to incidents, and when to speak of them
\ir alert/condition.sql
\ir alert/branch_table.sql
\ir alert/every_condition.sql
\ir alert/check_failing_condition.sql
\ir alert/drift/wilson_upper.sql
\ir alert/drift/log_gamma.sql
\ir alert/drift/beta_binomial_upper.sql
\ir alert/drift/holm.sql
\ir alert/drift/cusum_weights.sql
\ir alert/drift/sought_rate.sql
\ir alert/drift/alarm_threshold.sql
\ir alert/drift/cusum.sql
\ir alert/drift/attribute.sql
\ir alert/drift/hour_count.sql
\ir alert/drift/history.sql
\ir alert/drift/baseline.sql
\ir alert/drift/current_baseline.sql
\ir alert/drift/restart_drift.sql
\ir alert/drift/arm_rates.sql
\ir alert/drift/new_arm.sql
\ir alert/drift/walk.sql
\ir alert/drift/walk_arm.sql
\ir alert/drift/score_trials.sql
\ir alert/drift/drift_condition.sql
\ir alert/drift/longest_gap.sql
\ir alert/drift/no_signups_condition.sql
\ir alert/silence_in_force.sql
\ir alert/open_alert.sql
\ir alert/reopen_alert.sql
\ir alert/keep_firing.sql
\ir alert/calm_alert.sql
\ir alert/ending.sql
\ir alert/recap.sql
\ir alert/resolve_alert.sql
\ir alert/retire_alerts.sql
\ir alert/advance_alert.sql
\ir alert/decide_alerts.sql
\ir alert/checks_stopped_condition.sql
\ir alert/decide_checks_stopped.sql
\ir alert/watch_checks.sql
\ir alert/require_alert.sql
\ir alert/acknowledge.sql
\ir alert/silence.sql
\ir alert/unsilence.sql
\ir alert/reproducing_query.sql
\ir alert/explain_alert.sql
\ir alert/alert_history.sql

-- deliver: what is to be told, to whom, and how it went
\ir deliver/quiet_until.sql
\ir deliver/digest_due.sql
\ir deliver/told_alerts.sql
\ir deliver/hold_back.sql
\ir deliver/queue_message.sql
\ir deliver/queue_edit.sql
\ir deliver/tell.sql
\ir deliver/tell_firing.sql
\ir deliver/channel_id.sql
\ir deliver/check_channel.sql
\ir deliver/add_channel.sql
\ir deliver/remove_channel.sql
\ir deliver/enable_channel.sql
\ir deliver/disable_channel.sql
\ir deliver/post_event.sql
\ir deliver/pace_chat.sql
\ir deliver/chat_answered.sql
\ir deliver/merge_events.sql
\ir deliver/gather_events.sql
\ir deliver/next_notification.sql
\ir deliver/message_facts.sql
\ir deliver/incident_message.sql
\ir deliver/claim_notifications.sql
\ir deliver/outbox_rest.sql
\ir deliver/notification_sent.sql
\ir deliver/give_back.sql
\ir deliver/notification_retry.sql
\ir deliver/notification_failed.sql
\ir deliver/channel_migrated.sql
\ir deliver/channel_topic_lost.sql
\ir deliver/channel_address.sql
\ir deliver/sidecar_heartbeat.sql

-- operate: schedule, look after and explain the system
\ir operate/baseline_remark.sql
\ir operate/status.sql
\ir operate/prune.sql
\ir operate/cron.sql
\ir operate/require_cron.sql
\ir operate/job_name.sql
\ir operate/schedule.sql
\ir operate/unschedule.sql
\ir operate/pause.sql
\ir operate/resume.sql
\ir operate/finding.sql
\ir operate/index_advice.sql
\ir operate/doctor_schedule.sql
\ir operate/doctor_runs.sql
\ir operate/doctor_tables.sql
\ir operate/doctor_indexes.sql
\ir operate/doctor_clocks.sql
\ir operate/doctor_transactions.sql
\ir operate/doctor_time_limit.sql
\ir operate/doctor_delivery.sql
\ir operate/doctor_server.sql
\ir operate/doctor.sql
\ir operate/sidecar_functions.sql
\ir operate/require_grantable.sql
\ir operate/grant_sidecar.sql
\ir operate/grant_operator.sql
\ir operate/row_security.sql

-- enforce: refuse what breaks a contract at COMMIT
\ir enforce/enforcement_name.sql
\ir enforce/enforcement_schema.sql
\ir enforce/judge_at_commit.sql
\ir enforce/write_enforcement_function.sql
\ir enforce/remove_enforcement.sql
\ir enforce/install_enforcement.sql
\ir enforce/enforcement_follows_contract.sql
\ir enforce/enforcement_follows_invariant.sql
\ir enforce/enforce.sql

-- prove: assertions for the tests of an application, with pgTAP
\ir prove/assert.sql
\ir prove/subject_findings.sql
\ir prove/contract_holds.sql
\ir prove/clause_holds.sql
\ir prove/contract_exempts.sql

\ir grants.sql

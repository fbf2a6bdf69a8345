//! The table of promises: the sentence, what enforces it, how it is checked, which tests try to break it.

use super::{Enforced, Promise};

/// Every promise, in order.
pub const ALL: &[Promise] = &[
    Promise {
        id: "P01",
        sentence: "Stored are workflow configuration, automation logs and aggregated KPIs, nothing else.",
        how: "Journal, ledger, queue and alerts take facts only: a value becomes one when it fits a reference shape, and \
              content has no form that can be written out.",
        check: "A listing of the state folder, and `sqlite3 agent.db .tables` (while the agent runs, of a copy of `agent.db` and then \
                `agent.db-wal` in another folder), show what this page lists, and nothing else.",
        tests: &[
            "only_what_fits_a_reference_shape_becomes_a_fact",
            "only_facts_reach_the_ledger_and_only_public_values_a_kpi",
            "p01_what_is_kept_is_what_the_report_lists",
        ],
        enforced: Enforced::Yes,
    },
    Promise {
        id: "P02",
        sentence: "Operational data is cached only as needed, for less than 24 hours.",
        how: "What a waiting run needs, and answers of reads that say `cache`, are sealed under keys that the kernel forgets by itself.",
        check: "`/proc/keys` shows when the kernel forgets each key of the agent: within 23 hours. `--keys` of a report judges a copy.",
        tests: &[
            "a_key_without_time_is_gone_from_memory",
            "an_answer_is_served_again_within_its_time_and_no_longer",
            "an_answer_outlives_the_process_and_not_the_keys",
            "what_a_dead_agent_sealed_opens_no_more_when_the_kernel_let_go_of_its_key",
            "where_the_kernel_refuses_keys_they_live_in_this_process_alone",
            "p02_nothing_is_cached_for_a_day",
            "p02_a_key_that_the_kernel_never_forgets_is_seen",
        ],
        enforced: Enforced::Yes,
    },
    Promise {
        id: "P03",
        sentence: "No customer data is taken beyond what the active workflow needs.",
        how: "Fields that the catalog or the workflow does not declare are dropped on receipt, and so are members of lists and \
              records that it does not read.",
        check: "Each field of a plan in the release stands in the statement that the client signed, and an expression of \
                the plan reads it.",
        tests: &[
            "only_declared_fields_are_taken",
            "only_declared_fields_of_an_answer_are_kept",
            "of_the_items_of_a_list_stays_what_is_read",
            "p03_no_personal_data_is_taken_that_nothing_reads",
        ],
        enforced: Enforced::Yes,
    },
    Promise {
        id: "P04",
        sentence: "Raw ticket content stays in memory and is discarded after the run.",
        how: "Content lives in types that cannot be printed and are overwritten when dropped; the process leaves no core \
              dump; flows and the bits that one run can release stand in the plan. Generated workflows that compile run twice \
              with other content, and journal, ledger, queue, alerts, counters, log and requests differ in those bits alone.",
        check: "`grep -r` for the words of a real ticket, over the state folder, its write-ahead log, the agent's log and git's objects.",
        tests: &[
            "content_is_wiped_when_it_is_dropped",
            "a_value_is_overwritten",
            "what_compiles_tells_of_content_what_it_lists_and_no_more",
            "p04_no_word_of_a_ticket_is_written_anywhere",
        ],
        enforced: Enforced::Yes,
    },
    Promise {
        id: "P05",
        sentence: "Data is processed in the client's region: US, EU or APAC.",
        how: "Endpoints elsewhere are findings; the agent reaches listed hosts alone, follows nothing and uses no proxy; a \
              route abroad is told less.",
        check: "`endpoints.json` of the release names the region of each host; the agent's log, or a packet capture, names \
                each address that it reached: `--log` of a report holds it against the endpoints.",
        tests: &[
            "only_listed_hosts_of_the_connection_are_reached",
            "redirects_and_upgrades_are_not_followed",
            "what_an_agent_reaches_is_what_its_log_and_its_release_say",
            "an_incident_also_goes_to_its_own_route_which_abroad_is_told_less",
            "p05_all_endpoints_are_in_the_clients_region",
            "p05_a_connection_to_what_no_plan_lists_is_seen",
        ],
        enforced: Enforced::Yes,
    },
    Promise {
        id: "P06",
        sentence: "Connections have only the scopes that the workflows need.",
        how: "Scopes are derived from the operations that are called; one too many or too few is a finding. What the API says \
              of each token, in its answer or by introspection, is compared with them: another scope is an alert. A consent \
              for more is not kept, unless the catalog says that the API gives no less.",
        check: "The scopes in `clients/CLIENT.json` of the release are the union of those of the operations in its plans; \
                the API's own page shows what it granted.",
        tests: &[
            "what_an_api_grants_beside_what_is_needed_is_seen",
            "more_and_fewer_scopes_are_told_from_what_is_needed",
            "each_promise_turns_red_when_a_ledger_speaks_against_it",
            "p06_scopes_are_those_that_workflows_need",
        ],
        enforced: Enforced::Yes,
    },
    Promise {
        id: "P07",
        sentence: "Secrets are in encrypted vaults, never in code, never in logs.",
        how: "One file sealed to the host, systemd credentials, or a key-value store of OpenBao or Vault; a secret has no form \
              that can be printed and goes where its scheme says. No line of the log is written that holds a secret which is in \
              memory, in any of its forms: it is replaced, counted and alerted.",
        check: "`grep -r` for each secret over the repository with `git cat-file --batch-all-objects`, the log, the ledger \
                and the database. A report looks for what has the form of one, in the log that `--log` names, too.",
        tests: &[
            "secrets_survive_a_restart_and_never_stand_in_the_file",
            "a_kv2_store_does_what_a_vault_does",
            "a_line_that_holds_a_secret_is_not_written_in_any_form_of_it",
            "a_secret_that_is_planted_in_the_agents_log_does_not_come_out",
            "a_secret_goes_where_its_scheme_says_and_nowhere_else",
            "a_secret_of_an_older_commit_is_found_and_never_printed",
            "p07_no_secret_is_in_code_log_or_database",
            "p07_a_secret_that_a_log_or_the_database_holds_is_seen",
        ],
        enforced: Enforced::Yes,
    },
    Promise {
        id: "P08",
        sentence: "Secrets are rotated on schedule or request.",
        how: "Each slot names its interval; on-call is told before and after it. A new secret counts only after the API took \
              it; until then, and if it does not, the old one does. A rotation survives a crash anywhere and stands in the \
              ledger; refresh tokens are replaced by one holder.",
        check: "The ledger's `rotated` entries, by date; the old credential fails at the API.",
        tests: &[
            "a_rotation_survives_a_crash_anywhere_and_is_said_once",
            "a_secret_is_rotated_under_runs_that_lose_nothing_and_the_old_one_fails",
            "on_call_is_told_before_and_after_the_interval",
            "refresh_tokens_rotate_over_restarts_and_none_is_used_twice",
            "p08_an_overdue_secret_is_seen",
        ],
        enforced: Enforced::Yes,
    },
    Promise {
        id: "P09",
        sentence: "Only assigned engineers touch a client's configuration.",
        how: "Teams are signed; each commit that changes a client's folder, or what it takes from the library or `assent.toml`, is held against \
              the team of its first parent before a release. \
              At the console and in commands on a host, which people sign, one function decides who sees what, by the newest \
              release.",
        check: "`git log --format='%G? %GS'` with `assent trust allowed-signers --ever` as allowed signers, beside `trust/teams.toml` of each parent.",
        tests: &[
            "thresholds_count_people_not_keys",
            "a_stranger_s_commit_is_not_released",
            "a_library_workflow_is_changed_by_the_teams_of_all_who_use_it",
            "nobody_sees_what_is_not_theirs_and_the_ledger_says_who_tried",
            "commands_show_people_what_is_theirs_and_the_ledger_says_who_looked",
            "p09_a_commit_by_nobody_of_the_team_is_seen",
        ],
        enforced: Enforced::Yes,
    },
    Promise {
        id: "P10",
        sentence: "Access is logged and auditable.",
        how: "Entries name people by handle, in a log that cannot be changed unseen; each look at the console or by a \
              command on the host is one before anything is shown. `assent promises` holds each name against the root, the \
              teams and the client's file of the release of its time: who looked, and who acted, might.",
        check: "The `viewed` entries of an export, by `actor`, with any program that reads JSON.",
        tests: &[
            "no_byte_can_be_changed",
            "every_page_of_everybody_answers_and_is_written_down_first",
            "commands_show_people_what_is_theirs_and_the_ledger_says_who_looked",
            "p10_a_decision_by_somebody_who_never_looked_is_seen",
            "whom_nobody_knows_did_nothing",
            "people_do_what_they_may_and_no_more",
            "what_is_done_by_whom_nobody_knows_is_seen",
        ],
        enforced: Enforced::Yes,
    },
    Promise {
        id: "P11",
        sentence: "Every run is recorded: when, what triggered it, actions, approved or rejected, outcome.",
        how: "Rows of the ledger are part of the transaction that they record; runs are numbered without gaps; checkpoints \
              are signed and never go back; exports and proofs verify with stock tools. `assent promises` holds an export \
              against every checkpoint that its agent published or a client kept, and each decision against the keys and \
              groups of the release of its time.",
        check: "`tests/vectors/check.py`, which shares no code with this, computes the tree; OpenSSL verifies the root's signature; \
                `tests/decisions.py` verifies what people signed.",
        tests: &[
            "a_log_that_lived_verifies_exports_and_proves",
            "each_lie_has_its_code_and_place",
            "an_older_copy_of_the_state_signs_nothing",
            "runs_of_a_client_are_numbered_without_gaps_in_its_own_log",
            "p11_a_run_that_is_missing_is_seen",
            "a_log_that_is_other_than_what_was_published_is_seen",
            "a_decision_that_is_not_signed_as_it_says_is_seen",
            "a_run_that_is_done_says_what_each_request_came_to",
            "what_nobody_holds_a_day_later_is_told",
            "a_plan_that_was_deployed_and_a_request_that_came_to_nothing_are_seen",
        ],
        enforced: Enforced::Yes,
    },
    Promise {
        id: "P12",
        sentence: "Production is monitored for failures, latency and anomalies.",
        how: "Limits are required; every run that is not done raises an alert; plans in trial are measured against the one \
              before, and committed ones against the weeks before: volume, silence, time and failures. The agent watches its \
              own disk, clock and lag. Metrics and traces hold ids, codes and times alone.",
        check: "The `alerted` entries beside the runs that did not end `done`; Prometheus scrapes the agent.",
        tests: &[
            "a_trial_is_measured_against_the_plan_before_it",
            "slower_by_far_is_worse_and_slower_by_little_is_not",
            "what_is_unlike_is_found_and_what_is_not_is_left_alone",
            "silence_after_weeks_of_events_is_told_and_ends_when_they_come_again",
            "a_real_prometheus_scrapes_a_real_agent",
            "p12_failures_that_no_rule_found_are_seen",
        ],
        enforced: Enforced::Yes,
    },
    Promise {
        id: "P13",
        sentence: "Alerts reach operations within minutes.",
        how: "Alerts are rows of the outbox, delivered at least once by each route for itself, grouped by cause; the delay stands \
              in the ledger. A dead-man's ping stays away when the agent is not well.",
        check: "`delay` of each `alerted` entry, in seconds, and the receiver's own times.",
        tests: &[
            "an_alert_is_never_lost_however_the_agent_dies",
            "a_route_that_fails_is_tried_until_it_answers",
            "a_route_that_is_down_makes_no_other_hear_a_thing_twice_and_is_told_of_by_the_others",
            "the_ping_is_asked_for_only_while_the_agent_is_well",
            "p13_an_alert_that_came_late_is_seen",
            "p13_an_alert_that_never_left_and_one_that_left_late_are_seen",
        ],
        enforced: Enforced::Yes,
    },
    Promise {
        id: "P14",
        sentence: "Audit logs are kept for 90 days, longer on growth and scale.",
        how: "Whole days that are older than the client's plan says are made unreadable by the agent, by an entry that names them; a legal hold keeps them. Proofs still verify, and a body that is gone without an entry is found.",
        check: "An export from before and one from after: `pymerkle` finds one root over the same entries, and what is gone is named.",
        tests: &[
            "days_older_than_the_retention_go_unless_a_legal_hold_keeps_them",
            "a_day_that_is_pruned_is_gone_after_a_crash_at_any_step",
            "bodies_that_go_without_an_entry_are_missed",
            "bodies_may_be_gone_only_where_an_entry_says_so",
            "p14_logs_are_kept_for_ninety_days",
            "what_is_gone_too_early_breaks_the_promise_to_keep_it",
            "what_is_gone_by_plan_is_told_from_what_is_missing",
            "nothing_goes_while_a_legal_hold_keeps_it",
        ],
        enforced: Enforced::Yes,
    },
    Promise {
        id: "P15",
        sentence: "Every change is tested in staging before production.",
        how: "A workflow without scenarios, one with a step that no scenario reaches, and a production release without rehearsals are refused, by compiler and agent.",
        check: "`ssh-keygen -Y verify` takes each rehearsal's signature (keys: `assent trust allowed-signers --ever`); each plan of the release has one in which all scenarios passed.",
        tests: &["the_example_is_covered", "p15_nothing_runs_that_was_not_rehearsed"],
        enforced: Enforced::Yes,
    },
    Promise {
        id: "P16",
        sentence: "Every deployment is versioned.",
        how: "Releases are numbered, named by digest and tied to a source commit; the ledger records each.",
        check: "SHA-256 of `manifest.json` in each commit of the release branch is what the ledger's `released` entries say.",
        tests: &[
            "each_stage_is_told_apart",
            "p16_the_ledger_names_the_releases_of_git",
            "each_release_that_was_taken_up_is_held_against_the_branch",
        ],
        enforced: Enforced::Yes,
    },
    Promise {
        id: "P17",
        sentence: "We roll back to the previous known-good version at once.",
        how: "Each workflow alone, by itself on failed health, by one command by hand; what was returned stays back.",
        check: "After `rolled-back` of a plan, or a `released` manifest that lists it in `returned`, no `accepted` entry names \
                it, until the manifest of a `released` one readmits it by name.",
        tests: &[
            "a_failing_trial_goes_back_alone_and_stays_back",
            "rollback_chooses_what_ran_healthily_and_nothing_denied",
            "a_crash_in_trial_counts_as_a_failure",
            "p17_what_went_back_stays_back",
            "a_plan_that_went_back_and_was_not_readmitted_by_name_is_seen",
            "what_a_release_took_back_stays_back_until_one_readmits_it",
            "what_a_rollback_took_back_no_later_release_brings_again",
            "what_an_agent_sent_back_is_released_again_by_name_alone",
        ],
        enforced: Enforced::Yes,
    },
    Promise {
        id: "P18",
        sentence: "Transient failures are retried with exponential backoff.",
        how: "Full jitter within bounds, Retry-After, deadline, breaker; what may have happened is never repeated blindly.",
        check: "The `intent` entries of one step, by `attempt` and time; an effect without an outcome is not followed by another.",
        tests: &[
            "every_delay_is_in_bounds",
            "failures_of_the_network_keep_the_doubt",
            "failures_in_a_row_stop_requests",
            "p18_attempts_are_bounded",
            "attempts_are_as_many_as_the_plan_allows_and_follow_each_other",
            "attempts_that_could_not_be_are_seen",
        ],
        enforced: Enforced::Yes,
    },
    Promise {
        id: "P19",
        sentence: "Persistent failures raise an alert and go to manual processing.",
        how: "A fallback is required; outcome, queue item and alert are one transaction.",
        check: "Each `ended` entry that is not `done`, or says what was `left`, beside the `incident` entries and the rows of the manual queue.",
        tests: &[
            "what_fails_midway_leaves_no_part_and_the_books_go_on",
            "an_alert_is_never_lost_however_the_agent_dies",
            "every_event_of_simulated_production_is_accounted_for_exactly_once",
            "p19_runs_that_fail_silently_are_seen",
            "each_run_that_failed_alone_is_seen",
        ],
        enforced: Enforced::Yes,
    },
    Promise {
        id: "P20",
        sentence: "We answer within 1 hour on scale, 4 hours on growth, the next business day on starter.",
        how: "Each incident says by when, in the client's calendar; who answered it and when stands in the ledger; on-call is \
              warned at half of the time and told when it is over.",
        check: "`opened` and `acknowledged` of each incident in the ledger, with a calendar of the client's zone.",
        tests: &[
            "the_clock_follows_the_plan_and_the_clients_calendar",
            "the_next_business_day_is_never_today",
            "on_call_is_warned_before_and_told_after_each_deadline_of_an_incident",
            "p20_an_answer_that_came_late_is_seen",
            "a_stranger_answers_and_shares_no_incident",
            "a_clock_that_was_set_later_and_a_client_that_had_not_left_are_seen",
        ],
        enforced: Enforced::Yes,
    },
    Promise {
        id: "P21",
        sentence: "After an incident there is a written post-mortem: root cause, timeline, prevention.",
        how: "The agent drafts it from the ledger; an incident cannot be closed before one was shared, and none is shared whose \
              root cause or prevention no person wrote.",
        check: "`sha256sum` of the file in `clients/CLIENT/incidents` is the digest that the ledger says was shared.",
        tests: &[
            "a_draft_cannot_be_shared_until_a_person_wrote_cause_and_prevention",
            "an_incident_closes_only_when_it_is_resolved_and_its_post_mortem_was_shared",
            "p21_another_post_mortem_than_was_shared_is_seen",
        ],
        enforced: Enforced::Yes,
    },
    Promise {
        id: "P22",
        sentence: "It is shared within 48 hours.",
        how: "It goes to the client's contacts through the agent, by a route in the client's region, and the ledger says when; \
              on-call is warned 24 and 6 hours before, and told when it is late.",
        check: "`opened` and `shared` of each incident in the ledger.",
        tests: &[
            "on_call_is_warned_before_and_told_after_each_deadline_of_an_incident",
            "p22_a_post_mortem_that_was_shared_late_is_seen",
        ],
        enforced: Enforced::Yes,
    },
    Promise {
        id: "P23",
        sentence: "Client data trains no models, ours or others'.",
        how: "Providers need an agreement that forbids training; no sink takes content for ourselves.",
        check: "`git grep` for purposes, in the plans of the release and in what the client signed.",
        tests: &["what_does_not_serve_the_client_is_forbidden", "p23_no_purpose_trains_a_model"],
        enforced: Enforced::Yes,
    },
    Promise {
        id: "P24",
        sentence: "AI providers are used only under agreements that forbid training.",
        how: "The compiler refuses a provider without a current one; the agent asks again by date before each step.",
        check: "Each `intent` that asks a provider lies within the dates of the agreement in the release.",
        tests: &["p24_a_provider_without_a_current_agreement_is_seen"],
        enforced: Enforced::Yes,
    },
    Promise {
        id: "P25",
        sentence: "A new data use or integration needs written approval.",
        how: "Compiler and agent derive the uses from the plan, each by itself, and refuse what no one signed approval \
              covers; a withdrawal stops the workflow.",
        check: "`ssh-keygen -Y verify` takes each statement's signatures by the client's approvers (keys: `assent trust allowed-signers --ever`), enough of them.",
        tests: &[
            "thresholds_count_people_not_keys",
            "every_changed_byte_is_refused",
            "a_withdrawal_turns_the_workflow_off_and_an_approval_on_again",
            "p25_a_use_that_nobody_signed_is_seen",
            "what_nobody_had_approved_then_is_seen",
            "a_withdrawal_that_an_engineer_takes_out_of_the_source_is_seen",
            "more_in_a_day_than_the_client_allows_is_seen",
            "roots_and_resets_that_nobody_wrote_are_seen",
            "what_was_done_without_an_approval_of_then_is_seen",
            "what_was_done_beyond_plan_guardrail_and_end_is_seen",
            "a_statement_that_is_nowhere_and_one_that_was_passed_over_are_seen",
        ],
        enforced: Enforced::Yes,
    },
    Promise {
        id: "P26",
        sentence: "We walk you through all of it.",
        how: "`assent report` writes one page for a client: every row of this table with live evidence, verified anew; this page, \
              `assent demo` and exports that anybody can verify.",
        check: "Any browser, without a network: the page loads nothing. `tests/auditor.py` does every check of this page.",
        tests: &[
            "the_page_of_a_client_is_whole_and_loads_nothing",
            "each_promise_turns_red_when_the_source_breaks_it",
            "each_promise_turns_red_when_a_ledger_speaks_against_it",
            "p26_the_page_of_a_client_says_when_something_is_broken",
        ],
        enforced: Enforced::Yes,
    },
];

// SPDX-License-Identifier: Apache-2.0
#include "loader/commands/past_options.h"

#include "loader/commands/options.h"

namespace pm::command {

void add_options(CLI::App *verb, DiffArguments &diff) {
    verb->add_option("POLICY", diff.policy, "the policy file; else the one in force");
    verb->add_option("OTHER", diff.other, "what this file changes in that one; needs no root");
    verb->add_option("--generation", diff.generation, "what changes in this one, as it was kept")
        ->type_name("N")
        ->check(counted);
    add_json(verb, diff.json);
}

void add_options(CLI::App *verb, ShowArguments &show) {
    verb->add_option("--policy", show.policy, "of this file; else the one in force")
        ->type_name("POLICY");
    verb->add_option("--generation", show.generation, "as it was kept")
        ->type_name("N")
        ->check(counted)
        ->excludes("--policy");
    verb->add_option("--at", show.at, "that was in force then, such as 2026-11-30T14:00 or 3d")
        ->type_name("TIME")
        ->excludes("--policy")
        ->excludes("--generation");
    verb->add_flag("--as-written", show.as_written, "not resolved: with comments and includes")
        ->excludes("--policy");
}

void add_options(CLI::App *verb, AuditArguments &audit) {
    using Form = AuditArguments::Form;
    verb->add_option("--at", audit.at, "what was open then, such as 2026-11-30T14:00 or 3d")
        ->type_name("TIME");
    auto *json = verb->add_flag_callback(
        "--json", [&audit] { audit.form = Form::json; }, "JSON instead of text");
    verb->add_flag_callback(
            "--markdown", [&audit] { audit.form = Form::markdown; }, "a report in Markdown")
        ->excludes(json);
}

void add_options(CLI::App *verb, HistoryArguments &history) {
    verb->add_option("--limit", history.limit, "the newest only")->type_name("N")->check(counted);
    add_json(verb, history.json);
}

void add_options(CLI::App *verb, RollbackArguments &rollback) {
    auto *to = verb->add_option("--to", rollback.to,
                                "to the policy of this kept generation, as a new generation")
                   ->type_name("N")
                   ->check(counted);
    verb->add_option("--confirm-within", rollback.confirm_within,
                     "with --to: undo it unless it is confirmed within this time, such as 60s")
        ->type_name("TIME")
        ->needs(to);
    verb->add_flag("--force", rollback.force, "with --to: as of apply")->needs(to);
    verb->add_flag("--json", rollback.json, "with --to: JSON instead of text")->needs(to);
}

}  // namespace pm::command

// SPDX-License-Identifier: Apache-2.0
#include "loader/commands/command_line.h"

#include <algorithm>
#include <exception>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "loader/attach/attach.h"
#include "loader/base/fault.h"
#include "loader/base/message.h"
#include "loader/commands/command_fault.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/commands/options.h"
#include "loader/commands/past_options.h"
#include "loader/commands/traffic_options.h"
#include "loader/kernel/program.h"
#include "policy/base/diagnostic.h"
#include "policy/model/model.h"

namespace pm::command {
namespace {

using Mode = ApplyArguments::Mode;
const std::map<std::string, Mode> modes = {
    {"enforce", Mode::enforce}, {"audit", Mode::audit}, {"shadow", Mode::shadow}};

const std::map<std::string, XdpMode> xdp_modes = {
    {"auto", XdpMode::automatic}, {"native", XdpMode::native}, {"generic", XdpMode::generic}};

class CommandLine {
public:
    CommandLine();
    int run(int count, char **words);

private:
    // Commands stand in --help in the order in which they are added.
    CLI::App *add(const char *name, const char *what, std::function<int()> run);
    // A command that changes what is in force: if it goes wrong, what is in force now is said.
    CLI::App *add_changing(const char *name, const char *what, std::function<int()> run);
    bool changes() const;  // is the command of the words one of those?

    void add_asking();
    void add_reading();
    void add_screens();
    void add_export();
    void add_changes();
    void add_service();
    void refuse_empty_values();

    CLI::App app_{
        "firewall for edge hosts of real-time communication: the port matrix is the "
        "policy",
        "portmatrix"};
    std::set<const CLI::App *> changing_;
    std::function<int()> chosen_;
    bool verbose_ = false;
    CheckArguments check_;
    ShowArguments show_;
    DiffArguments diff_;
    ExplainArguments explain_;
    ApplyArguments apply_;
    BanArguments ban_;
    UnbanArguments unban_;
    RestoreArguments restore_;
    BansArguments bans_;
    AuditArguments audit_;
    RollbackArguments rollback_;
    HistoryArguments history_;
    StatusArguments status_;
    FlowsArguments flows_;
    DropsArguments drops_;
    DropLogArguments droplog_;
    MonitorArguments monitor_;
    TopArguments top_;
    DoctorArguments doctor_;
    ExportArguments export_;
    WatchArguments watch_;
    DetachArguments detach_;
};

CommandLine::CommandLine() {
    app_.require_subcommand(1);
    app_.fallthrough(false);
    app_.set_version_flag("--version", "portmatrix " PM_VERSION);
    app_.add_flag("--verbose", verbose_, "show what the kernel says where it refuses");
    add_asking();
    add_reading();
    add_screens();
    add_export();
    add_changes();
    add_service();
    refuse_empty_values();
}

CLI::App *CommandLine::add(const char *name, const char *what, std::function<int()> run) {
    CLI::App *verb = app_.add_subcommand(name, what);
    verb->callback([this, run = std::move(run)] { chosen_ = run; });
    return verb;
}

CLI::App *CommandLine::add_changing(const char *name, const char *what, std::function<int()> run) {
    CLI::App *verb = add(name, what, std::move(run));
    changing_.insert(verb);
    return verb;
}

// What a policy says.
void CommandLine::add_asking() {
    CLI::App *check = add("check", "read, check and compile a policy; needs no root",
                          [this] { return run_check(check_); });
    check->add_option("POLICY", check_.policy, "the policy file")->required();
    check->add_flag("--parachute", check_.parachute,
                    "list the rows that its rendering to nftables must close, and why");
    auto *here = check
                     ->add_flag("--here", check_.here,
                                "compare the roles with the addresses that this host has")
                     ->excludes("--parachute");
    add_interfaces(check, check_.interfaces, "with --here: also for this interface; repeats")
        ->needs(here);
    add_json(check, check_.json);

    CLI::App *explain = add("explain", "what happens to a flow's first packet, and why",
                            [this] { return run_explain(explain_); });
    explain->add_option("--policy", explain_.policy, "ask this file; else the loaded program")
        ->type_name("POLICY");
    explain->add_option("--from", explain_.from, "source, an address or a role")
        ->type_name("ADDR[:PORT]")
        ->required();
    explain->add_option("--to", explain_.to, "destination, an address or a role")
        ->type_name("ADDR[:PORT]")
        ->required();
    explain
        ->add_option("--proto", explain_.protocol,
                     "tcp, udp, icmp, icmpv6 or a number; else tcp and udp, or a ping")
        ->type_name("PROTO");
    add_word(explain, "--direction", directions, explain_.direction,
             "in or out; else by whose address --from is")
        ->type_name("in|out");
    add_interfaces(explain, explain_.interfaces, "as seen on this interface; repeats");
    add_json(explain, explain_.json);

    add_options(add("diff", "what a policy would change, live flows included",
                    [this] { return run_diff(diff_); }),
                diff_);
    add_options(
        add("show", "the resolved policy, valid as input", [this] { return run_show(show_); }),
        show_);
}

// What is in force.
void CommandLine::add_reading() {
    CLI::App *status = add("status", "what is attached and in force, with counters",
                           [this] { return run_status(status_); });
    add_interfaces(status, status_.interfaces, "of this interface only; repeats");
    status->add_flag("--all", status_.all, "every row, with all columns and exact numbers");
    status->add_option("--row", status_.row, "of this row only, whole")->type_name("ID");
    add_json(status, status_.json);

    CLI::App *bans =
        add("bans", "who is banned, and for how long", [this] { return run_bans(bans_); });
    add_json(bans, bans_.json);

    add_options(add("audit", "what is open to whom, since when, and who changed it",
                    [this] { return run_audit(audit_); }),
                audit_);
    add_options(add("history", "every change and refusal, and who it was",
                    [this] { return run_history(history_); }),
                history_);

    add_flows_options(
        add("flows", "live flows, or sums of them", [this] { return run_flows(flows_); }), flows_);
    add_drops_options(add("drops", "who was dropped, when and why, by the drop log",
                          [this] { return run_drops(drops_); }),
                      drops_);
}

void CommandLine::add_screens() {
    add_monitor_options(
        add("monitor", "dropped packets as they happen", [this] { return run_monitor(monitor_); }),
        monitor_);
    add_top_options(add("top", "the matrix as a live screen", [this] { return run_top(top_); }),
                    top_);

    CLI::App *doctor = add("doctor", "what is in the way, and what to do about it",
                           [this] { return run_doctor(doctor_); });
    add_interfaces(doctor, doctor_.interfaces, "look at this interface; repeats");
    CLI::Option *kernel =
        doctor
            ->add_option("--kernel", doctor_.kernel,
                         "try the programs on this installed kernel, in an emulator")
            ->type_name("VERSION")
            ->excludes("--interface");
    doctor->add_option("--root", doctor_.root, "where that kernel is installed, if not here")
        ->type_name("DIR")
        ->needs(kernel);
    add_json(doctor, doctor_.json);
    // What runs in that kernel; nobody types it.
    CLI::App *examine = add("examine-kernel", "try the programs on the running kernel",
                            [this] { return run_examine_kernel(doctor_); });
    examine->group("");
    add_json(examine, doctor_.json);
}

void CommandLine::add_export() {
    CLI::App *exporter = add("export", "metrics, a page and flow records, for as long as it runs",
                             [this] { return run_export(export_); });
    exporter
        ->add_option("--listen", export_.listen,
                     "metrics at /metrics, the page at /; PORT alone is loopback; repeats")
        ->type_name("ADDR:PORT")
        ->allow_extra_args(false);
    exporter
        ->add_option("--host-name", export_.host_names,
                     "a name by which a browser may ask, beside this host's own; repeats")
        ->type_name("NAME")
        ->allow_extra_args(false);
    exporter->add_option("--textfile", export_.textfile, "metrics for node_exporter, every 15 s")
        ->type_name("FILE");
    exporter->add_option("--ipfix", export_.ipfix, "flow records to this collector; repeats")
        ->type_name("HOST:PORT")
        ->allow_extra_args(false);
    exporter->add_option("--json-flows", export_.json_flows, "flow records as JSON; - is stdout")
        ->type_name("FILE");
    exporter
        ->add_option("--active-timeout", export_.active_timeout,
                     "a record of a flow that goes on, this often")
        ->type_name("TIME");
    exporter->add_option("--interval", export_.interval, "between walks of the flow tables")
        ->type_name("TIME");
    add_interfaces(exporter, export_.interfaces, "of this interface only; repeats");
}

void CommandLine::add_changes() {
    CLI::App *apply = add_changing("apply", "put a policy in force; attach if needed",
                                   [this] { return run_apply(apply_); });
    apply->add_option("POLICY", apply_.policy, "the policy file; else the one in force, read anew");
    add_interfaces(apply, apply_.interfaces, "attach to this interface too; repeats");
    add_word(apply, "--mode", modes, apply_.mode,
             "audit drops nothing, shadow judges beside the one in force; else as before")
        ->type_name("enforce|audit|shadow");
    add_word(apply, "--xdp", xdp_modes, apply_.xdp, "on the way in; auto is native where possible")
        ->type_name("auto|native|generic");
    apply
        ->add_option("--confirm-within", apply_.confirm_within,
                     "roll back unless it is confirmed within this time, such as 60s")
        ->type_name("TIME");
    apply->add_flag("--force", apply_.force,
                    "even if an SSH session of this host is cut, or all of an interface");
    add_json(apply, apply_.json);

    CLI::App *ban = add_changing("ban", "drop what comes from or goes to a prefix, at once",
                                 [this] { return run_ban(ban_); });
    ban->add_option("PREFIX", ban_.prefixes, "addresses or prefixes");
    ban->add_option("--file", ban_.file, "more of them, one a line; - is the standard input")
        ->type_name("FILE");
    ban->add_option("--for", ban_.duration,
                    "lifted by itself after this time, such as 10m; -1: never")
        ->type_name("TIME");
    ban->add_option("--owner", ban_.owner, "whose ban it is; admin if nobody is named")
        ->type_name("NAME");
    ban->add_flag("--force", ban_.force,
                  "even if an SSH session of this host is cut; twice: even if the policy says "
                  "never-ban");

    CLI::App *unban = add_changing("unban", "lift bans", [this] { return run_unban(unban_); });
    CLI::Option *prefixes = unban->add_option("PREFIX", unban_.prefixes, "as they were banned");
    CLI::Option *file =
        unban
            ->add_option("--file", unban_.file, "more of them, one a line; - is the standard input")
            ->type_name("FILE");
    unban->add_flag("--all", unban_.all, "all bans, of this owner if --owner names one")
        ->excludes(prefixes)
        ->excludes(file);
    unban->add_option("--owner", unban_.owner, "only this owner's; else those of all")
        ->type_name("NAME");

    add_changing("confirm", "keep the policy that waits to be confirmed", run_confirm);
    add_options(add_changing("rollback", "one policy back, at once; again: forth",
                             [this] { return run_rollback(rollback_); }),
                rollback_);
    CLI::App *detach = add_changing("detach", "remove from interfaces, which are then unfiltered",
                                    [this] { return run_detach(detach_); });
    add_interfaces(detach, detach_.interfaces, "from this interface; repeats");
    detach->add_flag("--all", detach_.all, "from all interfaces");
    detach->add_flag("--force", detach_.force,
                     "with --all: also what another version attached, or is damaged; with -i: also "
                     "programs of portmatrix that have no pins here");
}

void CommandLine::add_service() {
    CLI::App *restore =
        add_changing("restore", "what boot runs: the last confirmed policy and the bans",
                     [this] { return run_restore(restore_); });
    restore->add_flag("--service", restore_.for_service,
                      "end well also with the parachute, since watch comes next");
    restore->add_flag("--downgrade", restore_.downgrade,
                      "also from what a newer release has attached: flows and counters are lost");
    // What runs beside an apply; nobody types it.
    add("render-parachute", "make the parachute of the confirmed policy", run_render_parachute)
        ->group("");

    CLI::App *watch = add("watch", "re-attach what others remove; the body of the service",
                          [this] { return run_watch(watch_); });
    watch
        ->add_option("--announce", watch_.announce,
                     "ask the running watch to look at an interface that has come, and wait")
        ->type_name("IFACE");

    add_droplog_options(add("droplog", "keep a sample of the drops in the journal; a service",
                            [this] { return run_droplog(droplog_); }),
                        droplog_);
}

void CommandLine::refuse_empty_values() {
    for (CLI::App *verb : app_.get_subcommands(nullptr))
        for (CLI::Option *option : verb->get_options())
            if (option->get_items_expected_max() > 0) option->check(not_empty);
}

bool CommandLine::changes() const {
    const std::vector<CLI::App *> chosen = app_.get_subcommands();
    return !chosen.empty() && changing_.contains(chosen[0]);
}

int CommandLine::run(int count, char **words) {
    try {
        auto given = with_help_option({words + 1, words + count});
        std::ranges::reverse(given);  // as the library wants them
        app_.parse(std::move(given));
    } catch (const CLI::ParseError &error) {
        if (error.get_exit_code() == 0) return app_.exit(error);  // --help, --version
        print_fault(fault_of(app_, error));
        if (changes()) print_unchanged();
        return end(Exit::usage);
    }
    show_libbpf_messages(verbose_);
    try {
        return chosen_();
    } catch (const std::exception &error) {
        print_fault({error.what(), {}, Exit::failed});
        if (changes()) print_in_force();  // it may have changed something by then
        return end(Exit::failed);
    }
}

}  // namespace

int run_command_line(int count, char **words) {
    return CommandLine().run(count, words);
}

}  // namespace pm::command

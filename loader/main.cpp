// SPDX-License-Identifier: Apache-2.0
// The command line: what there is to say, and which command it becomes.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <limits>
#include <map>
#include <set>

#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include "loader/base/fault.h"
#include "loader/base/message.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/kernel/program.h"
#include "policy/base/diagnostic.h"

namespace {

namespace command = pm::command;

constexpr int usage_error = static_cast<int>(pm::Exit::usage);

const std::map<std::string, pm_mode> modes = {
    {"enforce", PM_MODE_ENFORCE}, {"audit", PM_MODE_AUDIT}, {"shadow", PM_MODE_OFF}};
const std::map<std::string, pm_direction> directions = {{"in", PM_IN}, {"out", PM_OUT}};
const std::set<std::string> changing = {"apply", "confirm", "rollback", "restore",
                                        "ban",   "unban",   "detach"};

// An empty word is a variable that was not set, not a wish for what holds without the option.
const CLI::Validator not_empty([](std::string &text) { return text.empty() ? "is empty" : ""; }, "",
                               "");

// CLI11 takes -1 and what is too large for the largest number there is, and 010 for 8.
const CLI::Validator counted(
    [](std::string &text) {
        const bool digits = text.find_first_not_of("0123456789") == std::string::npos;
        if (!digits || text[0] == '0') return "'" + text + "' is no number from 1 on";
        constexpr std::size_t most = std::numeric_limits<std::uint64_t>::digits10;
        return text.size() <= most ? "" : "'" + text + "' is too large a number";
    },
    "", "");

// A word of a list; the error names the words.
template <class Value>
CLI::Validator one_of(const std::map<std::string, Value> &words) {
    std::string list;
    for (const auto &[word, value] : words) list += (list.empty() ? "" : ", ") + word;
    return {[words, list](std::string &text) {
                return words.count(text) ? "" : "'" + text + "' is none of: " + list;
            },
            "", ""};
}

class CommandLine {
public:
    CommandLine();
    int run(int count, char **words);

private:
    template <class Arguments>
    CLI::App *add(const char *name, const char *what, Arguments &arguments) {
        CLI::App *sub = app_.add_subcommand(name, what);
        sub->callback([&] { chosen_ = [&arguments] { return command::run(arguments); }; });
        return sub;
    }
    static void add_json(CLI::App *app, bool &json) {
        app->add_flag("--json", json, "JSON Lines instead of text");
    }
    static void add_interfaces(CLI::App *app, std::vector<std::string> &names, const char *what) {
        app->add_option("-i,--interface", names, what)->type_name("IFACE")->allow_extra_args(false);
    }
    void add_reading();
    void add_screens();
    void add_export();
    void add_changing();
    void refuse_empty_values();
    pm::Fault fault_of(const CLI::ParseError &error);
    bool changes() const;

    CLI::App app_{
        "firewall for edge hosts of real-time communication: the port matrix is the "
        "policy",
        "portmatrix"};
    bool verbose_ = false;
    std::string direction_, mode_;
    command::Check check_;
    command::Show show_;
    command::Diff diff_;
    command::Explain explain_;
    command::Apply apply_;
    command::Confirm confirm_;
    command::Rollback rollback_;
    command::Restore restore_;
    command::Watch watch_;
    command::Ban ban_;
    command::Unban unban_;
    command::Bans bans_;
    command::History history_;
    command::Status status_;
    command::Flows flows_;
    command::Monitor monitor_;
    command::Top top_;
    command::Doctor doctor_;
    command::Export export_;
    command::Detach detach_;
    std::function<int()> chosen_;
};

CommandLine::CommandLine() {
    app_.require_subcommand(1);
    app_.fallthrough(false);
    app_.set_version_flag("--version", "portmatrix " PM_VERSION);
    app_.add_flag("--verbose", verbose_, "show what the kernel says where it refuses");
    add_reading();
    add_screens();
    add_export();
    add_changing();
    refuse_empty_values();
}

void CommandLine::add_reading() {
    CLI::App *check = add("check", "read, check and compile a policy; needs no root", check_);
    check->add_option("POLICY", check_.policy, "the policy file")->required();
    add_json(check, check_.json);

    CLI::App *explain = add("explain", "what happens to a flow's first packet, and why", explain_);
    explain->add_option("--policy", explain_.policy, "ask this file; else the loaded program")
        ->type_name("POLICY");
    explain->add_option("--from", explain_.from, "source")->type_name("ADDR[:PORT]")->required();
    explain->add_option("--to", explain_.to, "destination")->type_name("ADDR[:PORT]")->required();
    explain->add_option("--proto", explain_.protocol, "tcp, udp, icmp, icmpv6 or a number")
        ->type_name("PROTO")
        ->required();
    explain->add_option("--direction", direction_, "in or out; else by whose address --from is")
        ->type_name("in|out")
        ->check(one_of(directions));
    add_interfaces(explain, explain_.interfaces, "as seen on this interface; repeats");
    add_json(explain, explain_.json);

    CLI::App *diff = add("diff", "what a policy would change, live flows included", diff_);
    diff->add_option("POLICY", diff_.policy, "the policy file")->required();
    add_json(diff, diff_.json);

    CLI::App *show = add("show", "the resolved policy, valid as input", show_);
    show->add_option("--policy", show_.policy, "of this file; else the one in force")
        ->type_name("POLICY");
    show->add_option("--generation", show_.generation, "as it was kept")
        ->type_name("N")
        ->check(counted)
        ->excludes("--policy");

    CLI::App *status = add("status", "what is attached and in force, with counters", status_);
    add_interfaces(status, status_.interfaces, "of this interface only; repeats");
    add_json(status, status_.json);

    CLI::App *bans = add("bans", "who is banned, and for how long", bans_);
    add_json(bans, bans_.json);

    CLI::App *history = add("history", "every change and refusal, and who it was", history_);
    history->add_option("--limit", history_.limit, "the newest only")
        ->type_name("N")
        ->check(counted);
    add_json(history, history_.json);

    CLI::App *flows = add("flows", "live flows", flows_);
    flows->add_option("--row", flows_.row, "of this row only")->type_name("ID");
    flows->add_option("--peer", flows_.peer, "with this peer only")->type_name("ADDR");
    flows->add_option("--sort", flows_.sort, "largest first, by this")
        ->type_name("bytes|packets|age")
        ->check(one_of(std::map<std::string, int>{{"bytes", 0}, {"packets", 0}, {"age", 0}}));
    flows->add_option("--limit", flows_.limit, "as many at most")->type_name("N")->check(counted);
    add_interfaces(flows, flows_.interfaces, "of this interface only; repeats");
    add_json(flows, flows_.json);
}

void CommandLine::add_screens() {
    CLI::App *monitor = add("monitor", "dropped packets as they happen", monitor_);
    monitor->add_option("--reason", monitor_.reasons, "for this reason only; repeats")
        ->type_name("REASON")
        ->allow_extra_args(false);
    monitor->add_option("--row", monitor_.row, "of this row only")->type_name("ID");
    monitor->add_option("--peer", monitor_.peer, "from or to this peer only")->type_name("ADDR");
    monitor->add_option("--pcap", monitor_.pcap, "write a capture for Wireshark too")
        ->type_name("FILE");
    monitor->add_option("--limit", monitor_.limit, "end after as many; with --pcap else 100000")
        ->type_name("N")
        ->check(counted);
    add_interfaces(monitor, monitor_.interfaces, "of this interface only; repeats");
    add_json(monitor, monitor_.json);

    CLI::App *top = add("top", "the matrix as a live screen", top_);
    top->add_option("--interval", top_.interval, "time between two looks, such as 2s")
        ->type_name("TIME");
    top->add_flag("--once", top_.once, "one look as plain text, then end");
    add_interfaces(top, top_.interfaces, "of this interface only; repeats");

    CLI::App *doctor = add("doctor", "what is in the way, and what to do about it", doctor_);
    add_interfaces(doctor, doctor_.interfaces, "look at this interface; repeats");
    add_json(doctor, doctor_.json);
}

void CommandLine::add_export() {
    CLI::App *exporter =
        add("export", "metrics, a page and flow records, for as long as it runs", export_);
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

void CommandLine::add_changing() {
    CLI::App *apply = add("apply", "put a policy in force; attach if needed", apply_);
    apply->add_option("POLICY", apply_.policy, "the policy file; else the one in force, read anew");
    add_interfaces(apply, apply_.interfaces, "attach to this interface too; repeats");
    apply
        ->add_option("--mode", mode_,
                     "audit drops nothing, shadow judges beside the one in force; else as before")
        ->type_name("enforce|audit|shadow")
        ->check(one_of(modes));
    apply->add_option("--xdp", apply_.xdp, "on the way in; auto is native where possible")
        ->type_name("auto|native|generic")
        ->check(one_of(std::map<std::string, int>{{"auto", 0}, {"native", 0}, {"generic", 0}}));

    apply
        ->add_option("--confirm-within", apply_.confirm_within,
                     "roll back unless it is confirmed within this time, such as 60s")
        ->type_name("TIME");
    apply->add_flag("--force", apply_.force, "even if an SSH session of this host is cut");

    CLI::App *ban = add("ban", "drop what comes from or goes to a prefix, at once", ban_);
    ban->add_option("PREFIX", ban_.prefixes, "addresses or prefixes");
    ban->add_option("--file", ban_.file, "more of them, one a line; - is the standard input")
        ->type_name("FILE");
    ban->add_option("--for", ban_.duration, "lifted by itself after this time, such as 10m")
        ->type_name("TIME");
    ban->add_flag("--force", ban_.force, "even if an SSH session of this host is cut");

    CLI::App *unban = add("unban", "lift bans", unban_);
    unban->add_option("PREFIX", unban_.prefixes, "as they were banned")->required();

    add("confirm", "keep the policy that waits to be confirmed", confirm_);
    add("rollback", "one policy back, at once; again: forth", rollback_);
    add("restore", "what boot runs: the last confirmed policy and the bans", restore_);

    add("watch", "re-attach what others remove; the body of the service", watch_);

    CLI::App *detach = add("detach", "remove from interfaces, which are then unfiltered", detach_);
    add_interfaces(detach, detach_.interfaces, "from this interface; repeats");
    detach->add_flag("--all", detach_.all, "from all interfaces");
    detach->add_flag("--force", detach_.force,
                     "with --all: also what another version attached, or is damaged");
}

void CommandLine::refuse_empty_values() {
    for (CLI::App *sub : app_.get_subcommands(nullptr))
        for (CLI::Option *option : sub->get_options())
            if (option->get_items_expected_max() > 0) option->check(not_empty);
}

// CLI11 does not name the word that it took for a command.
pm::Fault CommandLine::fault_of(const CLI::ParseError &error) {
    const std::vector<std::string> left = app_.remaining();
    if (!app_.get_subcommands().empty() || left.empty())
        return {error.what(), "see 'portmatrix --help'", pm::Exit::usage};
    std::vector<std::string> names;
    for (const CLI::App *sub : app_.get_subcommands(nullptr)) names.push_back(sub->get_name());
    const std::string meant = pm::nearest(left[0], names);
    return {fmt::format("'{}' is no {}", left[0], left[0].starts_with('-') ? "option" : "command"),
            meant.empty() ? "see 'portmatrix --help'" : fmt::format("did you mean '{}'?", meant),
            pm::Exit::usage};
}

bool CommandLine::changes() const {
    const std::vector<CLI::App *> chosen = app_.get_subcommands();
    return !chosen.empty() && changing.contains(chosen[0]->get_name());
}

int CommandLine::run(int count, char **words) {
    try {
        app_.parse(count, words);
    } catch (const CLI::ParseError &error) {
        if (error.get_exit_code() == 0) return app_.exit(error);  // --help, --version
        pm::print_fault(fault_of(error));
        if (changes()) command::say_in_force();
        return usage_error;
    }
    if (!direction_.empty()) explain_.direction = directions.at(direction_);
    apply_.shadow = mode_ == "shadow";
    if (!mode_.empty() && !apply_.shadow) apply_.mode = modes.at(mode_);
    pm::show_libbpf_messages(verbose_);
    try {
        return chosen_();
    } catch (const std::exception &error) {
        pm::print_fault({error.what(), {}, pm::Exit::failed});
        // Whether it had changed something by then, nobody knows.
        if (changes()) pm::print_plain(fmt::format("  {}\n", command::in_force_text()));
        return static_cast<int>(pm::Exit::failed);
    }
}

// What the caller has closed must not become a file or map of ours, into which we would print.
// Printing there still fails.
void hold_standard_descriptors() {
    int held = 0;
    do held = open("/dev/null", O_RDONLY | O_CLOEXEC);
    while (held >= 0 && held <= STDERR_FILENO);
    if (held > STDERR_FILENO) close(held);
}

}  // namespace

int main(int count, char **words) {
    hold_standard_descriptors();
    try {
        const int status = CommandLine().run(count, words);
        if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
            pm::print_fault({"cannot write the output", {}, pm::Exit::failed});
            return static_cast<int>(pm::Exit::failed);
        }
        return status;
    } catch (const std::exception &error) {
        pm::print_fault({error.what(), {}, pm::Exit::failed});
        return static_cast<int>(pm::Exit::failed);
    }
}

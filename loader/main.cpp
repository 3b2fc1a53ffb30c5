// SPDX-License-Identifier: Apache-2.0
// The command line: what there is to say, and which command it becomes.
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>

#include <CLI/CLI.hpp>

#include "loader/commands.h"
#include "loader/fault.h"
#include "loader/message.h"
#include "loader/program.h"

namespace {

namespace command = pm::command;

constexpr int usage_error = static_cast<int>(pm::Exit::usage);

const std::map<std::string, pm_mode> modes = {{"enforce", PM_MODE_ENFORCE},
                                              {"audit", PM_MODE_AUDIT}};
const std::map<std::string, pm_direction> directions = {{"in", PM_IN}, {"out", PM_OUT}};

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
    void add_changing();

    CLI::App app_{
        "firewall for edge hosts of real-time communication: the port matrix is the "
        "policy",
        "portmatrix"};
    bool verbose_ = false;
    std::string direction_, mode_;
    command::Check check_;
    command::Show show_;
    command::Explain explain_;
    command::Apply apply_;
    command::Status status_;
    command::Flows flows_;
    command::Detach detach_;
    std::function<int()> chosen_;
};

CommandLine::CommandLine() {
    app_.require_subcommand(1);
    app_.fallthrough(false);
    app_.set_version_flag("--version", "portmatrix " PM_VERSION);
    app_.add_flag("--verbose", verbose_, "show what the kernel says where it refuses");
    add_reading();
    add_changing();
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

    CLI::App *show = add("show", "the resolved policy, valid as input", show_);
    show->add_option("--policy", show_.policy, "of this file; else the one in force")
        ->type_name("POLICY");

    CLI::App *status = add("status", "what is attached and in force, with counters", status_);
    add_interfaces(status, status_.interfaces, "of this interface only; repeats");
    add_json(status, status_.json);

    CLI::App *flows = add("flows", "live flows", flows_);
    flows->add_option("--row", flows_.row, "of this row only")->type_name("ID");
    flows->add_option("--peer", flows_.peer, "with this peer only")->type_name("ADDR");
    flows->add_option("--sort", flows_.sort, "largest first by bytes, packets or age")
        ->type_name("KEY")
        ->check(one_of(std::map<std::string, int>{{"bytes", 0}, {"packets", 0}, {"age", 0}}));
    flows->add_option("--limit", flows_.limit, "as many at most")->type_name("N");
    add_interfaces(flows, flows_.interfaces, "of this interface only; repeats");
    add_json(flows, flows_.json);
}

void CommandLine::add_changing() {
    CLI::App *apply = add("apply", "put a policy in force; attach if needed", apply_);
    apply->add_option("POLICY", apply_.policy, "the policy file; else the one in force, read anew");
    add_interfaces(apply, apply_.interfaces, "attach to this interface too; repeats");
    apply->add_option("--mode", mode_, "enforce or audit (drop nothing); else as before")
        ->type_name("MODE")
        ->check(one_of(modes));
    apply->add_option("--xdp", apply_.xdp, "native, generic, or auto (native where possible)")
        ->type_name("MODE")
        ->check(one_of(std::map<std::string, int>{{"auto", 0}, {"native", 0}, {"generic", 0}}));

    CLI::App *detach = add("detach", "remove from interfaces, which are then unfiltered", detach_);
    add_interfaces(detach, detach_.interfaces, "from this interface; repeats");
    detach->add_flag("--all", detach_.all, "from all interfaces");
}

int CommandLine::run(int count, char **words) {
    try {
        app_.parse(count, words);
    } catch (const CLI::ParseError &error) {
        if (error.get_exit_code() == 0) return app_.exit(error);  // --help, --version
        pm::print_fault({error.what(), "see 'portmatrix --help'", pm::Exit::usage});
        for (const char *changing : {"apply", "detach"})
            if (count > 1 && std::strcmp(words[1], changing) == 0) command::say_in_force();
        return usage_error;
    }
    if (!direction_.empty()) explain_.direction = directions.at(direction_);
    if (!mode_.empty()) apply_.mode = modes.at(mode_);
    pm::show_libbpf_messages(verbose_);
    return chosen_();
}

}  // namespace

int main(int count, char **words) {
    try {
        const int status = CommandLine().run(count, words);
        if (std::fflush(stdout) != 0) {
            pm::print_fault({"cannot write the output", {}, pm::Exit::failed});
            return static_cast<int>(pm::Exit::failed);
        }
        return status;
    } catch (const std::exception &error) {
        pm::print_fault({error.what(), {}, pm::Exit::failed});
        return static_cast<int>(pm::Exit::failed);
    }
}

// SPDX-License-Identifier: Apache-2.0
// The commands of portmatrix: what each is told, and how it is run. Command `ban` is run_ban() in
// ban.cpp, its options are in command_line.cpp. A command prints its data to stdout and its
// messages to stderr, and returns the exit status.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loader/attach/attach.h"
#include "loader/observe/flow_sums.h"
#include "loader/observe/selection.h"
#include "policy/model/bans.h"
#include "policy/model/model.h"

namespace pm::command {

// Reading policies

struct CheckArguments {
    std::string policy;
    bool json = false;
    bool parachute = false;               // only what the parachute of the policy must close
    bool here = false;                    // compare the roles with the addresses of this host
    std::vector<std::string> interfaces;  // with `here`: besides the policy's
};
int run_check(const CheckArguments &arguments);

struct ExplainArguments {
    std::string policy;  // empty: ask the loaded program
    std::vector<std::string> interfaces;
    std::string from, to, protocol;
    std::optional<Direction> direction;
    bool json = false;
};
int run_explain(const ExplainArguments &arguments);

struct DiffArguments {
    std::string policy;  // empty: the one in force, which `generation` is compared with
    std::string other;   // compare `policy` with this file; empty: with what is in force
    std::optional<std::uint64_t> generation;  // compare with this one instead
    bool json = false;
};
int run_diff(const DiffArguments &arguments);

struct ShowArguments {
    std::string policy;  // empty: the one in force
    std::optional<std::uint64_t> generation;
    std::string at;           // in force at this time; empty: now
    bool as_written = false;  // else resolved
};
int run_show(const ShowArguments &arguments);

// Reading what is in force. No interfaces: all.

struct StatusArguments {
    std::vector<std::string> interfaces;
    bool all = false;  // every row, with all columns and exact numbers
    std::string row;   // this one only; empty: all
    bool json = false;
};
int run_status(const StatusArguments &arguments);

struct BansArguments {
    bool json = false;
};
int run_bans(const BansArguments &arguments);

struct AuditArguments {
    enum class Form { text, json, markdown };

    std::string at;  // of the policy that was in force at this time; empty: now
    Form form = Form::text;
};
int run_audit(const AuditArguments &arguments);

struct HistoryArguments {
    std::size_t limit = 0;  // the newest; 0: all
    bool json = false;
};
int run_history(const HistoryArguments &arguments);

struct FlowsArguments {
    enum class Order { bytes, packets, age, flows };

    std::vector<std::string> interfaces;
    SelectionWords selection;
    std::optional<SumBy> by;    // sums instead of flows
    Order sort = Order::bytes;  // largest first; age is of flows, flows of sums
    std::size_t limit = 0;      // 0: all
    bool json = false;
};
int run_flows(const FlowsArguments &arguments);

struct MonitorArguments {
    std::vector<std::string> interfaces;
    std::vector<std::string> reasons;  // labels; empty: all
    SelectionWords selection;
    std::string pcap;                  // file; empty: none
    std::string summary;               // "10s": sums of that time; empty: each drop
    std::optional<std::size_t> limit;  // events
    bool json = false;
};
int run_monitor(const MonitorArguments &arguments);

// The drop log: kept in the journal, and read back.
struct DropLogArguments {
    std::vector<std::string> interfaces, reasons;  // as of monitor
    SelectionWords selection;
};
int run_droplog(const DropLogArguments &arguments);

struct DropsArguments {
    std::string since = "1h";  // so long ago
    std::vector<std::string> reasons;
    SelectionWords selection;
    std::size_t limit = 0;  // lines; 0: all
    bool json = false;
};
int run_drops(const DropsArguments &arguments);

struct TopArguments {
    std::vector<std::string> interfaces;
    SelectionWords selection;  // of flows
    std::optional<SumBy> by;   // sums instead of flows
    std::string interval = "2s";
    bool once = false;
};
int run_top(const TopArguments &arguments);

struct DoctorArguments {
    std::vector<std::string> interfaces;
    std::string kernel;               // examine this one instead; empty: this host
    std::string root = "/";           // below which it is installed
    std::vector<std::string> checks;  // only these; empty: all
    bool json = false;
};
int run_doctor(const DoctorArguments &arguments);
int examine_kernel(const DoctorArguments &arguments);
int run_examine_kernel(const DoctorArguments &arguments);  // in that kernel

struct ExportArguments {
    std::vector<std::string> listen;      // ADDR:PORT, PORT, unix:PATH
    std::vector<std::string> host_names;  // by which it may be asked, beside its own
    std::vector<std::string> interfaces;
    std::string textfile, json_flows;  // files; empty: none
    std::vector<std::string> ipfix;    // HOST:PORT
    std::string interval = "10s", active_timeout = "60s";
};
int run_export(const ExportArguments &arguments);

// Changing what is in force

struct ApplyArguments {
    enum class Mode { enforce, audit, shadow };

    std::string policy;                   // empty: the one in force, read anew
    std::vector<std::string> interfaces;  // to attach to as well
    std::optional<Mode> mode;             // none: as before
    std::optional<XdpMode> xdp;           // none: as before
    std::string confirm_within;           // "60s"; empty: for good
    bool at_boot = false;                 // as update/apply.h has it
    bool force = false;  // even if an SSH session of this host, or all of an interface, is cut
    bool json = false;
};
int run_apply(const ApplyArguments &arguments);

struct BanArguments {
    std::vector<std::string> prefixes;
    std::string file;      // one a line; "-": standard input; empty: none
    std::string duration;  // "10m"; empty: until it is lifted
    std::string owner = default_owner;
    // How often it is given: even if an SSH session of this host is cut; twice: even if the policy
    // says never-ban.
    int force = 0;
};
int run_ban(const BanArguments &arguments);

struct UnbanArguments {
    std::vector<std::string> prefixes;
    std::string file;   // as of ban
    std::string owner;  // empty: of all owners
    bool all = false;   // instead of prefixes
};
int run_unban(const UnbanArguments &arguments);

int run_confirm();

struct RollbackArguments {
    std::optional<std::uint64_t> to;  // this generation; none: the one before
    std::string confirm_within;       // as of apply
    bool force = false;
    bool json = false;
};
int run_rollback(const RollbackArguments &arguments);

struct RestoreArguments {
    bool for_service = false;  // `watch` comes next, and goes on from a parachute
    bool downgrade = false;    // from the maps of a newer release too
};
int run_restore(const RestoreArguments &arguments);

int run_render_parachute();

struct WatchArguments {
    std::string announce;  // an interface that the running watch is to look at; empty: watch
};
int run_watch(const WatchArguments &arguments);

struct DetachArguments {
    std::vector<std::string> interfaces;
    bool all = false;
    bool force = false;  // with `all`: also what cannot be read; else also what has no pins here
};
int run_detach(const DetachArguments &arguments);

}  // namespace pm::command

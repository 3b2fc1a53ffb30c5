// SPDX-License-Identifier: Apache-2.0
#include "loader/commands/traffic_options.h"

#include <map>
#include <string>
#include <vector>

#include "loader/commands/options.h"

namespace pm::command {
namespace {

const std::map<std::string, FlowsArguments::Order> orders = {
    {"bytes", FlowsArguments::Order::bytes},
    {"packets", FlowsArguments::Order::packets},
    {"age", FlowsArguments::Order::age},
    {"flows", FlowsArguments::Order::flows}};

const std::map<std::string, SumBy> sums_by = {
    {"peer", SumBy::peer}, {"prefix", SumBy::prefix}, {"port", SumBy::port}, {"row", SumBy::row}};

// The same for all of them: which flows or drops are wanted (observe/selection.h).
void add_selection(CLI::App *verb, SelectionWords &words, const char *direction) {
    verb->add_option("--peer", words.peer, "with this peer only, an address or a prefix")
        ->type_name("PREFIX");
    verb->add_option("--port", words.port, "with this port only, of either side, or FIRST-LAST")
        ->type_name("PORT");
    verb->add_option("--proto", words.protocol, "tcp, udp, icmp, icmpv6 or a number")
        ->type_name("PROTO");
    add_word(verb, "--direction", directions, words.direction, direction)->type_name("in|out");
    verb->add_option("--row", words.row, "of this row only")->type_name("ID");
}

void add_reasons(CLI::App *verb, std::vector<std::string> &reasons) {
    verb->add_option("--reason", reasons, "for this reason only; repeats")
        ->type_name("REASON")
        ->allow_extra_args(false);
}

CLI::Option *add_by(CLI::App *verb, std::optional<SumBy> &by) {
    return add_word(verb, "--by", sums_by, by, "sums, largest first; prefix is /24 and /64")
        ->type_name("peer|prefix|port|row");
}

constexpr const char *of_flows = "opened this way only", *of_drops = "that went this way only";

}  // namespace

void add_flows_options(CLI::App *verb, FlowsArguments &flows) {
    add_selection(verb, flows.selection, of_flows);
    add_by(verb, flows.by);
    add_word(verb, "--sort", orders, flows.sort, "largest first, by this")
        ->type_name("bytes|packets|age|flows");
    verb->add_option("--limit", flows.limit, "as many at most")->type_name("N")->check(counted);
    add_interfaces(verb, flows.interfaces, "of this interface only; repeats");
    add_json(verb, flows.json);
}

void add_drops_options(CLI::App *verb, DropsArguments &drops) {
    verb->add_option("--since", drops.since, "so long ago, such as 1h or 2d")->type_name("TIME");
    add_selection(verb, drops.selection, of_drops);
    add_reasons(verb, drops.reasons);
    verb->add_option("--limit", drops.limit, "as many lines at most")
        ->type_name("N")
        ->check(counted);
    add_json(verb, drops.json);
}

void add_monitor_options(CLI::App *verb, MonitorArguments &monitor) {
    add_reasons(verb, monitor.reasons);
    add_selection(verb, monitor.selection, of_drops);
    verb->add_option("--summary", monitor.summary,
                     "sums by reason, peer and row after this time, such as 10s")
        ->type_name("TIME");
    verb->add_option("--pcap", monitor.pcap, "write a capture for Wireshark too")
        ->type_name("FILE");
    verb->add_option("--limit", monitor.limit, "end after as many; with --pcap else 100000")
        ->type_name("N")
        ->check(counted);
    add_interfaces(verb, monitor.interfaces, "of this interface only; repeats");
    add_json(verb, monitor.json);
}

void add_top_options(CLI::App *verb, TopArguments &top) {
    verb->add_option("--interval", top.interval, "time between two looks, such as 2s")
        ->type_name("TIME");
    verb->add_flag("--once", top.once, "one look as plain text, then end");
    add_by(verb, top.by);
    add_selection(verb, top.selection, of_flows);
    add_interfaces(verb, top.interfaces, "of this interface only; repeats");
}

void add_droplog_options(CLI::App *verb, DropLogArguments &droplog) {
    add_reasons(verb, droplog.reasons);
    add_selection(verb, droplog.selection, of_drops);
    add_interfaces(verb, droplog.interfaces, "of this interface only; repeats");
}

}  // namespace pm::command

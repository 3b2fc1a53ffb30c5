// SPDX-License-Identifier: Apache-2.0
#include "loader/parachute/render.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstdint>
#include <optional>

#include <fmt/core.h>

#include "loader/parachute/frame.h"
#include "loader/parachute/ruleset.h"
#include "policy/image/dated.h"
#include "policy/image/locals.h"
#include "policy/judge/moment.h"
#include "policy/model/transports.h"

namespace pm::parachute {
namespace {

// A bucket of a peer must not be forgotten before it is full again.
constexpr std::uint64_t forget_seconds = 60;
constexpr std::uint64_t ns_per_second = 1'000'000'000;

// IPv6 has these as extension headers. Conntrack looks through them, so they are dropped.
bool is_extension(std::uint8_t transport) {
    constexpr std::uint8_t all[] = {0, 43, 44, 51, 59, 60, 135, 139, 140};
    return std::ranges::find(all, transport) != std::end(all);
}

bool is_of(std::uint8_t transport, Family family) {
    if (transport == IPPROTO_ICMP) return family == Family::v4;
    if (transport == IPPROTO_ICMPV6) return family == Family::v6;
    return family == Family::v4 || !is_extension(transport);
}

// Why a row is closed whole; nothing: it is not.
std::optional<std::string> why_closed(const Row &row) {
    if (row.check.payload != Check::Payload::none && row.check.drop)
        return fmt::format("nftables cannot check for {}, and what fails the check must be dropped",
                           payload_name(row.check.payload));
    if (row.limit.flows && row.limit.per_seconds != 1 && row.limit.per_seconds != 60)
        return "nftables has no limit of this length";
    return std::nullopt;
}

Json rate_of(const Limit &limit) {
    return {{"rate", limit.flows},
            {"per", limit.per_seconds == 1 ? "second" : "minute"},
            {"burst", std::max(1U, limit.burst)}};
}

class Renderer {
public:
    explicit Renderer(const Policy &policy)
        : policy_(policy), locals_(find_locals(policy, ClosedZone::present)) {}
    Rendering run();

private:
    Frame frame() const;
    void add_zone(std::size_t zone, const std::string &label);
    void add_row(std::size_t number, Direction opener, const AddressSet &local,
                 const std::string &chain);
    void add_row(std::size_t number, Family family, const AddressSet &local,
                 const std::string &chain);
    void add_verdict(std::size_t number, Family family, std::vector<Json> matches,
                     const std::string &chain);
    // Adds what makes the address one of the set. False: no address of the family is.
    enum class End { source, target };
    bool add_match(std::vector<Json> &matches, const Json &address, const AddressSet &set,
                   Family family, End end);
    Json peer_limit(std::size_t number, Family family);
    std::string row_limit(std::size_t number);

    const Policy &policy_;
    const Locals locals_;
    const std::uint64_t now_ = utc_now();
    Ruleset out_;
    std::vector<bool> has_limit_ = std::vector<bool>(policy_.rows.size() * 3);
};

Frame Renderer::frame() const {
    std::vector<const AddressSet *> own;
    for (std::size_t i = 0; i < locals_.sets.size(); ++i)
        if (locals_.own[i]) own.push_back(&locals_.sets[i]);
    return {.own = AddressSet::join(own),
            .blocked = blocked_addresses(policy_),
            .drops_fragments = policy_.fragments_drop,
            .default_zone = policy_.interfaces.empty() ? "0" : closed_zone_label};
}

// The chains in front have dropped martians, and groups as sources.
bool Renderer::add_match(std::vector<Json> &matches, const Json &address, const AddressSet &set,
                         Family family, End end) {
    const AddressSet held = part(set, family);
    if (held.empty()) return false;
    static const AddressSet groups = AddressSet::multicast();
    static const AddressSet hosts =
        (AddressSet::v4() | AddressSet::v6()) - AddressSet::martians() - groups;
    if (!held.contains(part(hosts, family))) {
        matches.push_back(match(address, "@" + out_.set_of(held, family)));
    } else if (end == End::target && !held.contains(part(groups, family))) {
        if (!(held & groups).empty())
            matches.push_back(match(address, "@" + out_.set_of(held, family)));
        else
            matches.push_back(match(address, "@" + groups_set(family), "!="));
    }
    return true;
}

std::string Renderer::row_limit(std::size_t number) {
    std::string name = fmt::format("limit-{}", number);
    if (!has_limit_[number * 3]) out_.add_limit(name, rate_of(policy_.rows[number].limit));
    has_limit_[number * 3] = true;
    return name;
}

Json Renderer::peer_limit(std::size_t number, Family family) {
    const Row &row = policy_.rows[number];
    std::string name = fmt::format("limit-{}-{}", number, suffix(family));
    const std::size_t at = number * 3 + (family == Family::v4 ? 1 : 2);
    const std::uint64_t full =
        std::uint64_t{row.limit.burst} * row.limit.per_seconds / std::max(1U, row.limit.flows) +
        row.limit.per_seconds;
    if (!has_limit_[at])
        out_.add_set(name, family == Family::v4 ? "ipv4_addr" : "ipv6_addr", {"timeout"},
                     static_cast<unsigned>(full + forget_seconds));
    has_limit_[at] = true;
    Json peer = peer_address(family, row.direction);
    if (family == Family::v6) peer = {{"&", Json::array({peer, "ffff:ffff:ffff:ffff::"})}};
    Json statement = update(name, std::move(peer));
    statement["set"]["stmt"] = Json::array({Json({{"limit", rate_of(row.limit)}})});
    return statement;
}

void Renderer::add_verdict(std::size_t number, Family family, std::vector<Json> matches,
                           const std::string &chain) {
    const Row &row = policy_.rows[number];
    if (row.expires) matches.push_back(match(meta("time"), row.expires / ns_per_second, "<"));
    auto rule = [&](std::vector<Json> more) {
        std::vector<Json> all = matches;
        all.insert(all.end(), more.begin(), more.end());
        out_.add_rule(chain, std::move(all));
    };
    if (why_closed(row)) return rule({drop()});
    if (row.limit.flows == 0) return rule({accept()});
    const Json limit =
        row.limit.per_row ? Json({{"limit", row_limit(number)}}) : peer_limit(number, family);
    rule({not_yet_a_flow(), limit, accept()});
    rule({not_yet_a_flow(), drop()});
    rule({accept()});
}

Json ports_of(const Ports &ports) {
    Json all = Json::array();
    for (const PortRange &one : ports)
        all.push_back(one.first == one.last ? Json(one.first) : range(one.first, one.last));
    return one_of(std::move(all));
}

void Renderer::add_row(std::size_t number, Family family, const AddressSet &local,
                       const std::string &chain) {
    const Row &row = policy_.rows[number];
    const bool in = row.direction == Direction::in;
    std::vector<Json> matches = {is_family(family)};
    if (!add_match(matches, local_address(family, row.direction), local, family,
                   in ? End::target : End::source) ||
        !add_match(matches, peer_address(family, row.direction),
                   peer_addresses(policy_, peer_name(row)), family, in ? End::source : End::target))
        return;
    for (const bool with_ports : {true, false}) {
        Json protocols = Json::array();
        for (const std::uint8_t one : row.transports)
            if (has_ports(one) == with_ports && is_of(one, family)) protocols.push_back(one);
        if (protocols.empty()) continue;
        std::vector<Json> all = matches;
        all.push_back(match(flow("protocol", row.direction), one_of(std::move(protocols))));
        if (with_ports) {
            // In the reply tuple the ports are the other way round too.
            const char *destination = in ? "proto-dst" : "proto-src";
            const char *source = in ? "proto-src" : "proto-dst";
            if (row.port != any_port)
                all.push_back(match(flow(destination, row.direction), ports_of(row.port)));
            if (row.source_port != any_port)
                all.push_back(match(flow(source, row.direction), ports_of(row.source_port)));
        }
        add_verdict(number, family, std::move(all), chain);
    }
}

void Renderer::add_zone(std::size_t zone, const std::string &label) {
    for (const Direction opener : {Direction::in, Direction::out}) {
        const bool in = opener == Direction::in;
        const std::string chain = zone_chain(opener, label);
        out_.add_chain(chain);
        out_.add_rule(chain, {jump(in ? addresses_in : addresses_out)});
        bool is_matrix = false;
        for (std::size_t i = 0; i < policy_.rows.size(); ++i) {
            const Row &row = policy_.rows[i];
            const std::uint32_t set = locals_.row_sets[zone][i];
            if (row.direction != opener || set == Locals::none || is_past(row, now_)) continue;
            if (row.section == Section::matrix && !is_matrix) {
                out_.add_rule(chain, {jump(in ? unwanted_in : unwanted_out)});
                is_matrix = true;
            }
            for (const Family family : families) add_row(i, family, locals_.sets[set], chain);
        }
        out_.add_rule(chain, {drop()});
    }
}

Rendering Renderer::run() {
    const Frame common = frame();
    add_checks(out_, common);
    const std::size_t open_zones = closed_zone(policy_.interfaces.size());
    for (std::size_t zone = 0; zone < open_zones; ++zone) add_zone(zone, std::to_string(zone));
    add_zone(open_zones, closed_zone_label);
    add_hooks(out_, common);
    Rendering done = {.commands = out_.text(), .zones = {}, .closed = closed_rows(policy_)};
    for (const InterfaceDef &one : policy_.interfaces) done.zones.push_back(one.name);
    return done;
}

}  // namespace

std::vector<ClosedRow> closed_rows(const Policy &policy) {
    std::vector<ClosedRow> closed;
    for (const Row &row : policy.rows) {
        if (is_switched_off(policy, row) || is_past(row, utc_now())) continue;
        if (const auto why = why_closed(row))
            closed.push_back({row.id, *why});
        else if (std::ranges::any_of(row.transports, is_extension))
            closed.push_back({row.id,
                              "in IPv6 nftables does not tell its protocol from what it wraps; "
                              "IPv4 passes"});
    }
    return closed;
}

Rendering render(const Policy &policy) {
    return Renderer(policy).run();
}

Rendering render_closed() {
    return Renderer(Policy()).run();
}

}  // namespace pm::parachute

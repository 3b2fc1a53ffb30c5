// SPDX-License-Identifier: Apache-2.0
#include "loader/own/roles_on_host.h"

#include <algorithm>
#include <utility>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/own/topology.h"

namespace pm {
namespace {

constexpr std::size_t addresses_shown = 10;

using Named = std::pair<const std::string, AddressSetDef>;

bool is_link_local(const Address &address) {
    static const AddressSet link_local(
        {parse_prefix("169.254.0.0/16")->range(), parse_prefix("fe80::/10")->range()});
    return link_local.contains(address);
}

// Of those in no role, which are told.
bool is_missed(const OwnAddress &one) {
    return one.is_in_use && !one.is_deprecated && !is_link_local(one.address);
}

bool is_loopback(const Address &address) {
    static const AddressSet loopback(
        {parse_prefix("127.0.0.0/8")->range(), parse_prefix("::1")->range()});
    return loopback.contains(address);
}

AddressSet set_of(const std::vector<Prefix> &prefixes) {
    std::vector<Range> ranges;
    for (const Prefix &one : prefixes) ranges.push_back(one.range());
    return AddressSet(std::move(ranges));
}

// "203.0.113.10, 203.0.113.11 and 3 more"
std::string listed(const std::vector<Address> &addresses) {
    std::vector<std::string> shown;
    for (const Address &one : addresses)
        if (shown.size() < addresses_shown) shown.push_back(to_string(one));
    const std::size_t more = addresses.size() - shown.size();
    return fmt::format("{}{}", fmt::join(shown, ", "),
                       more ? fmt::format(" and {} more", more) : "");
}

// "255 "; nothing of more than anybody counts.
std::string count_text(double extent) {
    return extent < 1e6 ? fmt::format("{:.0f} ", extent) : "";
}

class Comparison {
public:
    Comparison(const Policy &policy, const HostAddresses &host);

    void of_interface(const PolicyInterface &interface);
    void of_role(const Named &role);
    std::vector<RoleFinding> take() { return std::move(findings_); }

private:
    bool is_shut_on_purpose(const std::string &interface) const;
    bool has_multicast_row(const std::string &interface) const;
    AddressSet covered(const std::string &interface) const;
    std::string elsewhere(const std::vector<Address> &addresses) const;
    Location where(const std::string &interface) const;
    std::string of_interfaces() const;
    static AddressSet written(const AddressSetDef &role);
    void add_not_covered(const PolicyInterface &interface, const std::vector<OwnAddress> &without);
    void add_absent(const Named &role, const std::vector<Address> &absent);
    void add_others(const Named &role, const AddressSet &others);
    void add(RoleFinding finding) { findings_.push_back(std::move(finding)); }
    const char *placed_there() const {
        return policy_.interfaces.empty() ? "" : " that is placed there";
    }

    const Policy &policy_;
    const HostAddresses &host_;
    const Topology topology_;
    AddressSet own_;
    AddressSet service_;                   // of these, what every interface may lead to
    std::vector<std::string> interfaces_;  // "eth0 has 203.0.113.10"
    Indices stack_;                        // of all interfaces
    std::vector<RoleFinding> findings_;
};

Comparison::Comparison(const Policy &policy, const HostAddresses &host)
    : policy_(policy), host_(host), topology_(host.links) {
    std::vector<Range> on_devices, service;
    for (const OwnAddress &one : host.own) {
        const auto link = std::ranges::find(host.links, one.index, &Link::index);
        const bool is_on_wire =
            one.interface != "lo" && (link == host.links.end() || link->kind != "dummy");
        (is_on_wire ? on_devices : service).push_back({one.address, one.address});
    }
    const AddressSet wire(std::move(on_devices));
    service_ = (AddressSet(std::move(service)) | set_of(host.local)) - wire;
    own_ = service_ | wire;
}

bool Comparison::is_shut_on_purpose(const std::string &interface) const {
    bool has_role = false;
    for (const auto &[name, role] : policy_.roles) {
        if (!is_placed(policy_, name, interface)) continue;
        if (!role.is_none) return false;
        has_role = true;
    }
    return has_role;
}

bool Comparison::has_multicast_row(const std::string &interface) const {
    return std::ranges::any_of(policy_.rows, [&](const Row &row) {
        return !is_role(policy_, local_name(row)) && !is_switched_off(policy_, row) &&
               !row_local_addresses(policy_, row, interface).empty();
    });
}

// The addresses of all roles that are placed on the interface.
AddressSet Comparison::covered(const std::string &interface) const {
    AddressSet all;
    for (const auto &[name, role] : policy_.roles)
        if (is_placed(policy_, name, interface))
            all = all | local_addresses(policy_, name, interface, Direction::in);
    return all;
}

// "; role 'inner' has it, and is placed elsewhere": of the first that a role has.
std::string Comparison::elsewhere(const std::vector<Address> &addresses) const {
    for (const Address &one : addresses)
        for (const auto &[name, role] : policy_.roles)
            if (role.addresses.contains(one))
                return fmt::format("; role '{}' has {}, and is placed elsewhere", name,
                                   to_string(one));
    return {};
}

Location Comparison::where(const std::string &interface) const {
    const auto found = std::ranges::find(policy_.interfaces, interface, &InterfaceDef::name);
    return found == policy_.interfaces.end() ? Location{policy_.file, 0, 0, 1} : found->where;
}

// "eth0 has 203.0.113.10; eth1 has 10.0.0.5"
std::string Comparison::of_interfaces() const {
    return interfaces_.empty() ? "its interfaces have none yet"
                               : fmt::format("{}", fmt::join(interfaces_, "; "));
}

void Comparison::of_interface(const PolicyInterface &interface) {
    const Indices stack = topology_.stack_on(interface.index);
    stack_.insert(stack.begin(), stack.end());
    std::vector<OwnAddress> without;
    std::vector<Address> all, missed;
    const AddressSet covered = this->covered(interface.name);
    bool is_reached = !(covered & service_).empty() || has_multicast_row(interface.name);
    for (const OwnAddress &one : host_.own) {
        if (!stack.contains(one.index) || is_loopback(one.address)) continue;
        const bool is_covered = covered.contains(one.address);
        is_reached = is_reached || is_covered;
        if (!is_covered && !is_missed(one)) continue;
        all.push_back(one.address);
        if (is_covered) continue;
        without.push_back(one);
        missed.push_back(one.address);
    }
    if (!all.empty()) interfaces_.push_back(fmt::format("{} has {}", interface.name, listed(all)));
    if (without.empty() || is_shut_on_purpose(interface.name)) return;
    if (is_reached) return add_not_covered(interface, without);
    add({.cuts_off = true,
         .interface = interface.name,
         .where = where(interface.name),
         .text = fmt::format("no address of {} is in a role{}: nothing would pass there but "
                             "essentials; it has {}{}",
                             interface.name, placed_there(), listed(all), elsewhere(missed)),
         .remedy = "write under 'edge' what is meant to be reached"});
}

void Comparison::add_not_covered(const PolicyInterface &interface,
                                 const std::vector<OwnAddress> &without) {
    std::vector<Address> temporary;
    std::vector<OwnAddress> others;
    for (const OwnAddress &one : without) {
        if (one.is_temporary)
            temporary.push_back(one.address);
        else
            others.push_back(one);
    }
    const auto warn = [&](const std::string &which, const std::string &more, std::string remedy) {
        add({.cuts_off = false,
             .interface = interface.name,
             .where = where(interface.name),
             .text = fmt::format("{} in no role{}: everything to and from there is dropped but "
                                 "essentials{}",
                                 which, placed_there(), more),
             .remedy = std::move(remedy)});
    };
    for (std::size_t i = 0; i < others.size() && i < addresses_shown; ++i)
        warn(fmt::format("{} of {} is", to_string(others[i].address),
                         others[i].interface.empty() ? interface.name : others[i].interface),
             elsewhere({others[i].address}), "add it to a role under 'edge' if it is used");
    if (others.size() > addresses_shown)
        warn(fmt::format("{} more addresses of {} are", others.size() - addresses_shown,
                         interface.name),
             "", "see them with: ip -brief address");
    if (temporary.empty()) return;
    std::string device = interface.name;
    for (const OwnAddress &one : without)
        if (one.is_temporary && !one.interface.empty()) device = one.interface;
    std::string setting = device;
    std::ranges::replace(setting, '.', '/');
    warn(fmt::format("the temporary addresses of {} ({}) are", device, listed(temporary)), "",
         fmt::format("switch them off: sysctl net.ipv6.conf.{}.use_tempaddr=0; or give rows that "
                     "open connections a role that is 'interface'",
                     setting));
}

// What the role itself writes: not what it has by the name of another role.
AddressSet Comparison::written(const AddressSetDef &role) {
    if (role.form != AddressSetDef::Form::items) return role.addresses;
    std::vector<Range> ranges;
    for (const SetItem &item : role.items) {
        if (item.kind == SetItem::Kind::file) return role.addresses;
        if (item.kind == SetItem::Kind::prefix) ranges.push_back(item.prefix.range());
    }
    return AddressSet(std::move(ranges)) & role.addresses;
}

void Comparison::of_role(const Named &role) {
    if (role.second.is_interface) return;
    const AddressSet all = written(role.second);
    AddressSet others = all - own_;
    std::vector<Address> absent;
    const auto take_single = [&](const Range &one) {
        if (one.first == one.last && others.contains(one.first)) absent.push_back(one.first);
    };
    for (const SetItem &item : role.second.items)
        if (item.kind == SetItem::Kind::prefix) take_single(item.prefix.range());
    for (const Range &one : all.ranges()) take_single(one);
    std::ranges::sort(absent);
    absent.erase(std::unique(absent.begin(), absent.end()), absent.end());
    if (!absent.empty()) add_absent(role, absent);

    std::vector<Range> singles;
    for (const Address &one : absent) singles.push_back({one, one});
    add_others(role, others - AddressSet(std::move(singles)));
}

void Comparison::add_absent(const Named &role, const std::vector<Address> &absent) {
    for (std::size_t i = 0; i < absent.size() && i < addresses_shown; ++i) {
        Location where = role.second.where;
        for (const SetItem &item : role.second.items)
            if (item.kind == SetItem::Kind::prefix &&
                item.prefix.range() == Range{absent[i], absent[i]})
                where = item.where;
        add({.cuts_off = false,
             .interface = "",
             .where = where,
             .text = fmt::format("role '{}' has {}, which this host does not have: nothing comes "
                                 "there",
                                 role.first, to_string(absent[i])),
             .remedy = fmt::format("write this host's own address (behind NAT the private one); {}",
                                   of_interfaces())});
    }
    if (absent.size() > addresses_shown)
        add({.cuts_off = false,
             .interface = "",
             .where = role.second.where,
             .text = fmt::format("role '{}' has {} more addresses that this host does not have",
                                 role.first, absent.size() - addresses_shown),
             .remedy = "write addresses of this host alone"});
}

void Comparison::add_others(const Named &role, const AddressSet &others) {
    const auto warn = [&](std::string text) {
        add({.cuts_off = false,
             .interface = "",
             .where = role.second.where,
             .text = std::move(text),
             .remedy = fmt::format("write this host's own addresses alone; {}", of_interfaces())});
    };
    if (!others.empty())
        warn(
            fmt::format("role '{}' has {}addresses that this host does not have: what their owners "
                        "send is dropped (own-address-spoofed)",
                        role.first, count_text(others.extent())));
    std::vector<Address> told;
    for (const Neighbour &one : host_.neighbours) {
        if (!stack_.contains(one.interface) || own_.contains(one.address) ||
            !written(role.second).contains(one.address) || std::ranges::count(told, one.address))
            continue;
        told.push_back(one.address);
        if (told.size() <= addresses_shown)
            warn(
                fmt::format("role '{}' has {}, {}: all that it sends is dropped "
                            "(own-address-spoofed)",
                            role.first, to_string(one.address),
                            one.is_gateway ? "the gateway" : "a neighbour"));
    }
}

}  // namespace

Result<HostAddresses> read_host_addresses() {
    auto links = all_links();
    if (!links) return tl::unexpected(links.error());
    auto own = own_addresses();
    if (!own) return tl::unexpected(own.error());
    auto local = local_prefixes();
    if (!local) return tl::unexpected(local.error());
    auto near = neighbours();
    if (!near) return tl::unexpected(near.error());
    return HostAddresses{.links = std::move(*links),
                         .own = std::move(*own),
                         .local = std::move(*local),
                         .neighbours = std::move(*near)};
}

std::vector<RoleFinding> compare_roles(const Policy &policy,
                                       const std::vector<PolicyInterface> &interfaces,
                                       const HostAddresses &host) {
    Comparison comparison(policy, host);
    for (const PolicyInterface &one : interfaces) comparison.of_interface(one);
    for (const auto &role : policy.roles) {
        const bool is_here =
            interfaces.empty() || std::ranges::any_of(interfaces, [&](const PolicyInterface &one) {
                return is_placed(policy, role.first, one.name);
            });
        if (is_here) comparison.of_role(role);
    }
    return comparison.take();
}

}  // namespace pm

// SPDX-License-Identifier: Apache-2.0
// Listed roles have one set each. Roles of form `interface` share one set for each zone and
// direction; in the closed zone each has its own.
#include "policy/image/locals.h"

#include <cstddef>
#include <map>

namespace pm {
namespace {

class Finder {
public:
    Finder(const Policy &policy, ClosedZone closed)
        : policy_(policy), open_zones_(closed_zone(policy.interfaces.size())) {
        out_.zones = open_zones_ + (closed == ClosedZone::present);
        out_.present.resize(out_.zones * 2);
        out_.row_sets.resize(out_.zones);
    }
    Locals find();

private:
    std::uint32_t set(const std::string &key, bool own, const AddressSet &addresses);
    std::uint32_t role_set(const std::string &role, std::size_t zone, Direction direction);
    AddressSet closed_addresses(const std::string &role, Direction direction) const;
    std::uint32_t row_set(const Row &row, std::size_t zone);
    void find_present(std::size_t zone, Direction direction);

    const Policy &policy_;
    const std::size_t open_zones_;
    Locals out_;
    std::map<std::string, std::uint32_t> numbers_;
    std::map<std::string, std::uint32_t> roles_[2];  // by direction, in the current zone
};

std::uint32_t Finder::set(const std::string &key, bool own, const AddressSet &addresses) {
    auto [entry, is_new] = numbers_.try_emplace(key, static_cast<std::uint32_t>(out_.sets.size()));
    if (is_new) {
        out_.sets.push_back(addresses);
        out_.own.push_back(own);
    }
    return entry->second;
}

// What a role of form `interface` is on a closed interface, of which nobody knows which one it is:
// what it is on one of the policy's interfaces.
AddressSet Finder::closed_addresses(const std::string &role, Direction direction) const {
    AddressSet addresses;
    for (std::size_t zone = 0; zone < open_zones_; ++zone)
        addresses = addresses | local_addresses(policy_, role, zone_name(policy_, zone), direction);
    return addresses;
}

std::uint32_t Finder::role_set(const std::string &role, std::size_t zone, Direction direction) {
    const std::string &interface = zone_name(policy_, zone);
    const bool closed = zone >= open_zones_, placed = closed || is_placed(policy_, role, interface);
    const AddressSetDef &def = policy_.roles.at(role);
    if (!def.is_interface) {
        const std::uint32_t number = set(role, true, def.addresses);
        return placed ? number : Locals::none;
    }
    if (!placed) return Locals::none;
    // No set can have this key as its name: names begin with a letter.
    std::string key = std::to_string(Locals::index(zone, direction));
    if (closed) key += " " + role;
    if (auto known = numbers_.find(key); known != numbers_.end()) return known->second;
    return set(key, false,
               closed ? closed_addresses(role, direction)
                      : local_addresses(policy_, role, interface, direction));
}

std::uint32_t Finder::row_set(const Row &row, std::size_t zone) {
    if (is_switched_off(policy_, row)) return Locals::none;
    if (zone >= open_zones_ && row.section != Section::failsafe) return Locals::none;
    const std::string &local = local_name(row);
    if (is_role(policy_, local)) return roles_[static_cast<std::size_t>(row.direction)].at(local);
    return set(local, false, peer_addresses(policy_, local));
}

void Finder::find_present(std::size_t zone, Direction direction) {
    std::vector<std::uint32_t> &present = out_.present[Locals::index(zone, direction)];
    for (const auto &[role, def] : policy_.roles) {
        const std::uint32_t number = role_set(role, zone, direction);
        roles_[static_cast<std::size_t>(direction)][role] = number;
        if (number != Locals::none) present.push_back(number);
    }
}

Locals Finder::find() {
    for (std::size_t zone = 0; zone < out_.zones; ++zone) {
        find_present(zone, Direction::in);
        find_present(zone, Direction::out);
        for (const Row &row : policy_.rows) {
            const std::uint32_t number = row_set(row, zone);
            out_.row_sets[zone].push_back(number);
            if (number != Locals::none && !is_role(policy_, local_name(row)))
                out_.present[Locals::index(zone, row.direction)].push_back(number);
        }
    }
    return std::move(out_);
}

// The zone that an interface number is in; PM_NO_ZONE: none.
std::size_t zone_of(pm_view image, unsigned number) {
    const auto zones = static_cast<std::uint32_t>(offsetof(pm_image, zones));
    return static_cast<std::size_t>(pm_load(image, zones + number % PM_INTERFACES, 1));
}

}  // namespace

Locals find_locals(const Policy &policy, ClosedZone closed) {
    return Finder(policy, closed).find();
}

const std::string &zone_name(const Policy &policy, std::size_t zone) {
    static const std::string none;
    return zone < policy.interfaces.size() ? policy.interfaces[zone].name : none;
}

bool is_closed(pm_view image, unsigned number) {
    const std::size_t zone = zone_of(image, number);
    return zone != PM_NO_ZONE && zone >= closed_zone(pm_field(image, pm_image, named_zones));
}

const std::string &interface_name(const Policy &policy, pm_view image, unsigned number) {
    return zone_name(policy, zone_of(image, number));
}

}  // namespace pm

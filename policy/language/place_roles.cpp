// SPDX-License-Identifier: Apache-2.0
#include "policy/language/place_roles.h"

#include <fmt/format.h>

#include "policy/base/text.h"
#include "policy/language/resolve_sets.h"

namespace pm {
namespace {

class Placement {
public:
    Placement(const Document &document, Lookup &lookup, Diagnostics &diagnostics)
        : document_(document), lookup_(lookup), diagnostics_(diagnostics) {}

    std::vector<InterfaceDef> place() {
        for (const WrittenInterface &written : document_.interfaces->value) {
            if (written.name.text == "lo")
                diagnostics_.error(written.name.where,
                                   "interface 'lo' is the loopback, which is never filtered",
                                   "place the role on the interface where others reach it");
            for (const Name &role : written.roles) {
                if (!lookup_.role(role)) continue;
                placed_[role.text].push_back(interfaces_.size());
                check_interface_role(role, written.name.text);
            }
            interfaces_.push_back({written.name.text, {}, written.name.where});
        }
        // Only listed roles count for aliases, so that the order of the aliases does not matter.
        const NumbersByRole listed = placed_;
        for (const auto &[name, role] : document_.roles) place_role(name, role, listed);
        return std::move(interfaces_);
    }

private:
    using NumbersByRole = std::map<std::string, std::vector<std::size_t>>;

    void place_role(const std::string &name, const AddressSetDef &role,
                    const NumbersByRole &listed) {
        const std::string *target = &name;
        const AddressSetDef *set = &role;
        // Aliases that end nowhere or in a circle have been reported with the sets.
        for (std::size_t steps = 0; !listed.contains(*target) && is_alias(*set); ++steps) {
            target = &set->items[0].text;
            const auto next = document_.roles.find(*target);
            if (next == document_.roles.end() || steps == document_.roles.size()) return;
            set = &next->second;
        }
        const auto numbers = listed.find(*target);
        if (numbers == listed.end()) {
            diagnostics_.error(
                role.where,
                fmt::format("role {} is on no interface; with 'interfaces' every role is placed",
                            quote(name)),
                fmt::format("add it to one of {}", joined_names()));
            return;
        }
        for (const std::size_t number : numbers->second) interfaces_[number].roles.push_back(name);
    }

    // Such a role has all addresses that arrive there. On two interfaces it would not be plain
    // which of them has an address.
    void check_interface_role(const Name &role, const std::string &interface) {
        if (!document_.roles.at(role.text).is_interface) return;
        if (catch_all_.empty()) catch_all_ = interface;
        if (catch_all_ != interface)
            diagnostics_.error(
                role.where,
                fmt::format(
                    "role {} is interface on {}, and so is a role on {}; only one interface may have such roles",
                    quote(role.text), printable(interface), printable(catch_all_)),
                "list the addresses of the role");
    }

    std::string joined_names() const {
        std::vector<std::string> names;
        for (const InterfaceDef &interface : interfaces_)
            names.push_back(printable(interface.name));
        return joined(names);
    }

    const Document &document_;
    Lookup &lookup_;
    Diagnostics &diagnostics_;
    std::vector<InterfaceDef> interfaces_;
    NumbersByRole placed_;   // role to numbers of interfaces
    std::string catch_all_;  // the interface whose roles are `interface`
};

}  // namespace

std::vector<InterfaceDef> place_roles(const Document &document, Lookup &lookup,
                                      Diagnostics &diagnostics) {
    if (!document.interfaces) return {};
    return Placement(document, lookup, diagnostics).place();
}

}  // namespace pm

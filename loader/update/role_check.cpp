// SPDX-License-Identifier: Apache-2.0
#include "loader/update/role_check.h"

#include <set>

#include <fmt/core.h>

#include "loader/own/roles_on_host.h"

namespace pm {
namespace {

std::set<std::string> cut_off(const std::vector<RoleFinding> &findings) {
    std::set<std::string> interfaces;
    for (const RoleFinding &one : findings)
        if (one.cuts_off) interfaces.insert(one.interface);
    return interfaces;
}

}  // namespace

Result<std::vector<std::string>> check_roles(const Policy &policy,
                                             const std::function<std::optional<Policy>()> &before,
                                             const std::vector<Target> &targets, bool is_let) {
    const auto host = read_host_addresses();
    if (!host)
        return std::vector{"warning: whether the roles fit this host cannot be told: " +
                           host.error().message};
    std::vector<PolicyInterface> interfaces, filtered;
    for (const Target &one : targets) {
        if (!one.device) continue;
        interfaces.push_back({one.name, one.device->index});
        if (!one.is_new) filtered.push_back(interfaces.back());
    }
    const auto findings = compare_roles(policy, interfaces, *host);
    std::set<std::string> refused = is_let ? std::set<std::string>() : cut_off(findings);
    if (!refused.empty())
        if (const auto policy_before = before())
            for (const std::string &one : cut_off(compare_roles(*policy_before, filtered, *host)))
                refused.erase(one);
    std::vector<std::string> warnings;
    for (const RoleFinding &one : findings) {
        if (one.cuts_off && refused.contains(one.interface))
            return fault(one.text,
                         fmt::format("{}, or detach it: portmatrix detach -i {}. 'portmatrix check "
                                     "--here' says more. To put it in force all the same, let it "
                                     "come back by itself with --confirm-within 60s, or --force it",
                                     one.remedy, one.interface),
                         Exit::refused);
        warnings.push_back("warning: " + one.text + "; " + one.remedy);
    }
    return warnings;
}

}  // namespace pm

// SPDX-License-Identifier: Apache-2.0
#include "loader/doctor/roles.h"

namespace pm {

void examine_roles(const Policy &policy, const std::vector<PolicyInterface> &interfaces,
                   Findings &findings) {
    constexpr const char *check = "roles";
    const auto host = read_host_addresses();
    if (!host)
        return findings.warning(
            check, "whether the roles fit this host cannot be told: " + host.error().message,
            host.error().hint);
    const auto found = compare_roles(policy, interfaces, *host);
    for (const RoleFinding &one : found) {
        findings.about(one.interface);
        findings.warning(check, one.text, one.remedy);
    }
    findings.about("");
    if (found.empty()) findings.fine(check, "the roles fit the addresses of this host");
}

}  // namespace pm

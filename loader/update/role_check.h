// SPDX-License-Identifier: Apache-2.0
// Whether the roles of a policy fit this host, before it is put in force (own/roles_on_host.h).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "loader/attach/targets.h"
#include "loader/base/fault.h"
#include "policy/model/model.h"

namespace pm {

// Warnings, a sentence each. Refused, unless `is_let`: an interface of which no address is in a
// role, as it was not by the policy `before` (nothing: none was enforced). So whoever wants that,
// as on a host whose addresses are all another's or are translated, is refused once. A target that
// is absent is not looked at.
Result<std::vector<std::string>> check_roles(const Policy &policy,
                                             const std::function<std::optional<Policy>()> &before,
                                             const std::vector<Target> &targets, bool is_let);

}  // namespace pm

// SPDX-License-Identifier: Apache-2.0
#include "loader/state/drift.h"

#include <filesystem>

#include "loader/base/paths.h"
#include "loader/state/store.h"
#include "policy/language/read.h"
#include "policy/model/diff.h"
#include "policy/model/print.h"

namespace pm {

Result<Policy> read_policy_in_force(const Catalog &catalog) {
    auto store = Store::open(Paths::from_environment());
    if (!store) return tl::unexpected(store.error());
    const std::uint64_t number = catalog.generation;
    std::error_code error;
    if (const auto path = store->policy_path(number);
        number != 0 && std::filesystem::exists(path, error)) {
        ReadResult stored = read_policy(path, {});
        if (stored.policy && !stored.diagnostics.has_errors()) return std::move(*stored.policy);
    }
    ReadResult source = read_policy_text(catalog.document, "the policy in force", {});
    if (!source.policy || source.diagnostics.has_errors() ||
        digest(*source.policy) != catalog.sha256)
        return fault("the policy in force is not stored, and its set files are others now",
                     "see it with 'portmatrix show'");
    return std::move(*source.policy);
}

bool policy_file_differs(const Catalog &in_force) {
    const std::filesystem::path file = policy_file();
    std::error_code error;
    if (in_force.sha256.empty() || !std::filesystem::exists(file, error)) return false;
    ReadOptions options;
    options.include_path = include_path();
    const ReadResult read = read_policy(file, options);
    if (!read.policy || read.diagnostics.has_errors()) return true;
    if (digest(*read.policy) == in_force.sha256) return false;
    const auto stored = read_policy_in_force(in_force);
    return !stored || !diff(*stored, *read.policy).empty();
}

}  // namespace pm

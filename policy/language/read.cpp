// SPDX-License-Identifier: Apache-2.0
// Each step begins only if the one before found no fault: otherwise it would report what follows
// from that fault.
#include "policy/language/read.h"

#include <fmt/format.h>

#include "policy/base/source_file.h"
#include "policy/base/text.h"
#include "policy/language/merge.h"
#include "policy/language/resolve.h"

namespace pm {
namespace {

// Are the `required` sets that nobody has defined the only errors?
bool misses_required_only(const Policy &policy, const Diagnostics &diagnostics) {
    int missing = 0;
    for (const auto *sets : {&policy.roles, &policy.peers})
        for (const auto &[name, set] : *sets) missing += set.form == AddressSetDef::Form::required;
    return diagnostics.errors() == missing;
}

ReadResult finish(const Files &files, Diagnostics diagnostics) {
    ReadResult result{
        .policy = std::nullopt, .diagnostics = std::move(diagnostics), .unreadable = false};
    for (const Document &one : files.documents) result.files.push_back(one.file);
    if (result.diagnostics.has_errors()) return result;
    Document document = merge(files, result.diagnostics);
    if (result.diagnostics.has_errors()) return result;
    Policy policy = resolve(std::move(document), result.diagnostics);
    if (misses_required_only(policy, result.diagnostics)) result.policy = std::move(policy);
    return result;
}

}  // namespace

ReadResult read_policy(const std::filesystem::path &path, const ReadOptions &options) {
    Diagnostics diagnostics;
    const auto file = read_source(path, path.string(), policy_size_limit);
    if (!file) {
        diagnostics.error(
            {}, fmt::format("cannot read policy {}: {}", quote(path.string()), file.error().cause),
            file.error().hint);
        return {.policy = std::nullopt, .diagnostics = std::move(diagnostics), .unreadable = true};
    }
    const Files files = load_files(*file, options, diagnostics);
    return finish(files, std::move(diagnostics));
}

ReadResult read_policy_text(std::string text, const std::string &name, const ReadOptions &options) {
    Diagnostics diagnostics;
    const auto file = std::make_shared<const SourceFile>(SourceFile{name, name, std::move(text)});
    const Files files = load_files(file, options, diagnostics);
    return finish(files, std::move(diagnostics));
}

}  // namespace pm

// SPDX-License-Identifier: Apache-2.0
#include "loader/state/policy_source.h"

#include "loader/base/paths.h"
#include "policy/check/expect.h"
#include "policy/language/read.h"

namespace pm {
namespace {

ReadOptions options() {
    ReadOptions options;
    options.include_path = include_path();
    return options;
}

Result<Source> compiled(ReadResult read, Expectations expectations) {
    if (read.unreadable) {
        const Diagnostic &why = read.diagnostics.all().front();
        return fault(why.message, why.hint);
    }
    Source source = {.policy = std::move(read.policy),
                     .image = std::nullopt,
                     .diagnostics = std::move(read.diagnostics),
                     .files = std::move(read.files)};
    if (source.diagnostics.has_errors()) return source;

    auto image = compile(*source.policy);
    if (!image) return fault(image.error(), {}, Exit::invalid);
    source.image = std::move(*image);
    if (expectations == Expectations::ask && !source.policy->expect.empty())
        source.expectations =
            check_expectations(*source.policy, ImageView(source.image->bytes), source.diagnostics)
                .count;
    return source;
}

}  // namespace

Result<Source> read_source(const std::string &path, Expectations expectations) {
    return compiled(read_policy(path, options()), expectations);
}

Result<Source> read_source_text(std::string text, const std::string &name,
                                Expectations expectations) {
    return compiled(read_policy_text(std::move(text), name, options()), expectations);
}

}  // namespace pm

// SPDX-License-Identifier: Apache-2.0
#include "loader/state/policy_source.h"

#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "loader/base/paths.h"
#include "loader/base/progress.h"
#include "policy/base/source_file.h"
#include "policy/base/whole_file.h"
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

// Files that it names lie in the current folder.
Result<Source> read_standard_input(Expectations expectations) {
    constexpr std::size_t guessed_size = 65536;  // bytes
    auto text = read_whole(STDIN_FILENO, guessed_size, policy_size_limit);
    if (!text) return cannot("read the standard input", text.error());
    return read_source_text(std::move(*text), "standard input", expectations);
}

// A name without a folder that is no file here may be that of a shipped policy, with or without its
// ending.
std::filesystem::path found_policy(const std::filesystem::path &path) {
    std::error_code ignored;
    if (path.has_parent_path() || std::filesystem::exists(path, ignored)) return path;
    for (const std::filesystem::path &folder : include_path())
        for (const char *ending : {"", ".yaml"}) {
            std::filesystem::path shipped = folder / (path.string() + ending);
            if (std::filesystem::is_regular_file(shipped, ignored)) return shipped;
        }
    return path;
}

}  // namespace

Result<Source> read_source(const std::string &path, Expectations expectations) {
    const Progress progress("reading the policy");
    if (path == "-") return read_standard_input(expectations);
    return compiled(read_policy(found_policy(path), options()), expectations);
}

Result<Source> read_source_text(std::string text, const std::string &name,
                                Expectations expectations) {
    return compiled(read_policy_text(std::move(text), name, options()), expectations);
}

}  // namespace pm

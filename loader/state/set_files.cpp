// SPDX-License-Identifier: Apache-2.0
#include "loader/state/set_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <system_error>

#include <fmt/core.h>

#include "loader/base/file.h"
#include "policy/base/fd.h"

namespace pm {
namespace {

// If there are more sets, one sync of the whole file system takes less time than one for each.
constexpr std::size_t sets_synced_singly = 64;
constexpr std::size_t sha256_digits = 64;

template <typename PolicyType, typename Visit>
void each_file(PolicyType &policy, Visit visit) {
    for (auto *sets : {&policy.roles, &policy.peers})
        for (auto &[name, set] : *sets)
            for (auto *items : {&set.items, &set.except})
                for (auto &item : *items)
                    if (item.kind == SetItem::Kind::file && item.content) visit(item);
}

// Each set file of the policy once, by its hash.
std::map<std::string, const SetItem *> contents_of(const Policy &policy) {
    std::map<std::string, const SetItem *> files;
    each_file(policy, [&](const SetItem &item) { files[item.file_sha256] = &item; });
    return files;
}

}  // namespace

std::vector<SetItem *> file_items(Policy &policy) {
    std::vector<SetItem *> items;
    each_file(policy, [&](SetItem &item) { items.push_back(&item); });
    return items;
}

std::vector<const SetItem *> file_items(const Policy &policy) {
    std::vector<const SetItem *> items;
    each_file(policy, [&](const SetItem &item) { items.push_back(&item); });
    return items;
}

// A set that is there already is not written again: its name says its content.
Done save_set_files(const std::filesystem::path &folder, const Policy &policy) {
    const auto files = contents_of(policy);
    std::size_t written = 0;
    for (const auto &[sha256, item] : files) {
        const std::filesystem::path path = folder / sha256;
        std::error_code error;
        if (std::filesystem::file_size(path, error) == item->content->text.size() && !error)
            continue;
        std::filesystem::path aside = path;
        aside += ".new";
        auto done = write_new(aside, item->content->text,
                              files.size() <= sets_synced_singly ? Sync::now : Sync::later);
        if (!done) return done;
        if (rename(aside.c_str(), path.c_str()) != 0)
            return cannot(fmt::format("replace {}", path.string()), errno);
        written++;
    }
    if (written == 0) return {};
    if (files.size() <= sets_synced_singly) return sync_folder(folder);
    const Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || syncfs(fd.get()) != 0) return cannot(fmt::format("sync {}", folder.string()), errno);
    return {};
}

Result<std::set<std::string>> named_set_files(const std::filesystem::path &policy,
                                              const std::filesystem::path &folder) {
    std::set<std::string> named;
    std::error_code error;
    if (!std::filesystem::exists(policy, error) && !error) return named;
    const std::string prefix = folder.string() + "/";
    return read_file(policy).map([&](const std::string &text) {
        for (std::size_t at = 0; (at = text.find(prefix, at)) != std::string::npos;) {
            at += prefix.size();
            named.insert(text.substr(at, sha256_digits));
        }
        return std::move(named);
    });
}

}  // namespace pm

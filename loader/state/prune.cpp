// SPDX-License-Identifier: Apache-2.0
// What of the stored generations goes, after a change.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include <fmt/core.h>

#include "loader/base/clock.h"
#include "loader/base/file.h"
#include "loader/state/folder_names.h"
#include "loader/state/generation_index.h"
#include "loader/state/retention.h"
#include "loader/state/store.h"

namespace pm {
namespace {

struct StoredFolders {
    GenerationIndex index;
    std::map<std::uint64_t, std::filesystem::path> folders;
    bool whole = true;  // false: a policy that may name any set file cannot be read
};

StoredFolders find_generations(const std::vector<std::filesystem::path> &entries,
                               const std::filesystem::path &sets, const GenerationIndex &known,
                               std::uint64_t now) {
    StoredFolders found;
    for (const std::filesystem::path &folder : entries) {
        const std::uint64_t number = generation_number(folder);
        if (number == 0) continue;
        const auto before = known.find(number);
        auto one =
            index_generation(folder, sets, before == known.end() ? nullptr : &before->second);
        found.whole &= one.has_value();
        IndexedGeneration &kept = found.index[number];
        kept = one ? std::move(*one) : IndexedGeneration{.stored = {.applied_at = now}};
        kept.stored.number = number;
        kept.stored.confirmed = !is_unconfirmed(folder);
        found.folders[number] = folder;
    }
    return found;
}

// A generation that goes gets another name first: killed at any instant, this leaves whole ones.
// `aside`: the name that the next save removes.
void remove_generations(StoredFolders &found, const Retention &kept,
                        const std::filesystem::path &aside) {
    std::error_code ignored;
    for (const auto &[number, folder] : found.folders) {
        const bool is_whole = kept.whole.contains(number);
        if (!is_whole && !kept.as_text.contains(number)) {
            std::filesystem::remove_all(aside, ignored);
            if (rename(folder.c_str(), aside.c_str()) != 0) continue;
            std::filesystem::remove_all(aside, ignored);
            found.index.erase(number);
        } else if (IndexedGeneration &one = found.index[number]; !is_whole && one.has_image) {
            one.has_image = unlink((folder / "image").c_str()) != 0 && errno != ENOENT;
        }
    }
}

std::string cut_text(const std::vector<std::uint64_t> &cut) {
    return fmt::format(
        "{} {} {} no longer kept, though younger than {} days: the texts of older generations and "
        "their set files may take {} MB",
        cut.size() == 1 ? "generation" : "generations", numbers_text(cut),
        cut.size() == 1 ? "is" : "are", RetentionLimits().days, RetentionLimits().disk >> 20);
}

}  // namespace

std::optional<std::string> Store::prune(const std::set<std::uint64_t> &needed) {
    const auto entries = list_folder(generations());
    const auto set_files = list_folder(sets());
    if (!entries || !set_files) return std::nullopt;
    const std::uint64_t now = realtime_ns();
    const std::string text = read_file(index_path()).value_or(std::string());
    StoredFolders found = find_generations(*entries, sets(), parse_index(text), now);
    std::vector<StoredGeneration> stored;
    for (const auto &[number, one] : found.index) stored.push_back(one.stored);
    std::map<std::string, std::uint64_t> set_sizes;
    for (const std::filesystem::path &one : *set_files)
        set_sizes[one.filename()] = size_on_disk(one);
    const Retention kept = choose_kept(stored, needed, set_sizes, now);
    remove_generations(found, kept, generations() / "new");

    // Without the index the next prune takes longer, and does the same.
    if (const std::string now_text = index_text(found.index); now_text != text)
        (void)write_file(index_path(), now_text);
    std::set<std::string> named;
    for (const auto &[number, one] : found.index)
        named.insert(one.stored.set_files.begin(), one.stored.set_files.end());
    std::error_code ignored;
    if (found.whole)
        for (const std::filesystem::path &one : *set_files)
            if (!named.contains(one.filename())) std::filesystem::remove(one, ignored);
    return kept.cut.empty() ? std::nullopt : std::optional(cut_text(kept.cut));
}

}  // namespace pm

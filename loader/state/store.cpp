// SPDX-License-Identifier: Apache-2.0
#include "loader/state/store.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <set>
#include <string_view>
#include <system_error>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "loader/base/file.h"
#include "loader/state/folder_names.h"
#include "loader/state/set_files.h"
#include "policy/base/sha256.h"
#include "policy/model/diff.h"
#include "policy/model/print.h"

namespace pm {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

std::string_view as_text(const std::vector<std::uint8_t> &bytes) {
    return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

Done make_folder(const fs::path &path) {
    std::error_code error;
    fs::create_directory(path, error);
    if (error) return cannot(fmt::format("make the folder {}", path.string()), error.value());
    return {};
}

}  // namespace

Result<Store> Store::open(const Paths &paths) {
    auto exists = has_private_folder(paths.state);
    if (!exists) return tl::unexpected(exists.error());
    return Store(paths.state);
}

fs::path Store::confirmed_folder(std::uint64_t number) const {
    return generations() / std::to_string(number);
}

fs::path Store::unconfirmed_folder(std::uint64_t number) const {
    return confirmed_folder(number) += unconfirmed_suffix;
}

fs::path Store::stored_folder(std::uint64_t number) const {
    std::error_code error;
    const fs::path confirmed = confirmed_folder(number);
    return fs::exists(confirmed, error) ? confirmed : unconfirmed_folder(number);
}

fs::path Store::policy_path(std::uint64_t number) const {
    return stored_folder(number) / "policy.yaml";
}

Result<Store::Numbers> Store::confirmed_numbers() const {
    auto entries = list_folder(generations());
    if (!entries) return tl::unexpected(entries.error());
    Numbers result;
    for (const fs::path &entry : *entries)
        if (const std::uint64_t number = generation_number(entry); number && !is_unconfirmed(entry))
            result.push_back(number);
    std::ranges::sort(result);
    return result;
}

Result<Store::Numbers> Store::all_numbers() const {
    auto entries = list_folder(generations());
    if (!entries) return tl::unexpected(entries.error());
    std::set<std::uint64_t> found;
    for (const fs::path &entry : *entries)
        if (const std::uint64_t number = generation_number(entry)) found.insert(number);
    return Numbers{found.begin(), found.end()};
}

Result<std::uint64_t> Store::last_number() const {
    return all_numbers().map(
        [](const Numbers &numbers) { return numbers.empty() ? 0 : numbers.back(); });
}

Done Store::make_folders() const {
    if (auto made = make_private_folder(folder_); !made) return tl::unexpected(made.error());
    return make_folder(generations()).and_then([&] { return make_folder(sets()); });
}

Done Store::save_unconfirmed(Generation generation, const Image &image, const Policy &policy,
                             const WrittenFiles &files) {
    const std::string_view bytes = as_text(image.bytes);
    generation.image_sha256 = sha256(bytes);
    for (const SetItem *item : file_items(policy)) {
        generation.set_files.push_back(item->file_path);
        generation.set_sha256.push_back(item->file_sha256);
    }
    generation.rows = row_digests(policy);
    const fs::path final = unconfirmed_folder(generation.number), aside = generations() / "new";
    std::error_code error;
    const auto put = [&](const char *name, std::string_view content) {
        return [&, name, content] { return write_new(aside / name, content); };
    };
    const std::string yaml = print_with_files_in((sets()).string(), policy);
    const std::string about = about_text(generation), sources = written_text(files);
    auto done = make_folders()
                    .and_then([&] { return save_set_files(sets(), policy); })
                    .and_then([&] {
                        fs::remove_all(aside, error);
                        fs::remove_all(final, error);  // of an apply that was killed
                        return make_folder(aside);
                    })
                    .and_then(put("image", bytes))
                    .and_then(put("policy.yaml", yaml))
                    .and_then(put("about.json", about))
                    .and_then([&]() -> Done {
                        return sources.empty() ? Done() : put("written.json", sources)();
                    })
                    .and_then([&] { return sync_folder(aside); });
    if (!done) {
        fs::remove_all(aside, error);
        return done;
    }
    if (rename(aside.c_str(), final.c_str()) != 0)
        return cannot(fmt::format("make {}", final.string()), errno);
    return sync_folder(final.parent_path());
}

Result<Generation> Store::generation(std::uint64_t number) const {
    return read_about(confirmed_folder(number) / "about.json");
}

Result<Generation> Store::any_generation(std::uint64_t number) const {
    auto confirmed = generation(number);
    return confirmed ? confirmed : read_about(unconfirmed_folder(number) / "about.json");
}

Done Store::save_about(const Generation &generation) const {
    return write_file(confirmed_folder(generation.number) / "about.json", about_text(generation));
}

Result<Image> Store::image(const Generation &generation) const {
    const fs::path path = confirmed_folder(generation.number) / "image";
    return read_file(path).and_then([&](const std::string &text) -> Result<Image> {
        if (sha256(text) != generation.image_sha256)
            return fault(fmt::format("{} is damaged: its SHA-256 is another", path.string()));
        return Image{{text.begin(), text.end()}};
    });
}

Result<std::string> Store::policy_text(std::uint64_t number) const {
    return read_file(policy_path(number));
}

Result<WrittenFiles> Store::written(std::uint64_t number) const {
    std::error_code error;
    const fs::path path = stored_folder(number) / "written.json";
    if (!fs::exists(path, error) && !error) return WrittenFiles();
    return read_file(path).and_then([&](const std::string &text) -> Result<WrittenFiles> {
        auto files = parse_written(text);
        if (!files) return fault(fmt::format("{} is damaged", path.string()));
        return std::move(*files);
    });
}

Result<std::optional<Confirmed>> Store::confirmed() const {
    const fs::path path = folder_ / "confirmed.json";
    std::error_code error;
    if (!fs::exists(path, error) && !error) return std::nullopt;
    return read_file(path).and_then(
        [&](const std::string &text) -> Result<std::optional<Confirmed>> {
            try {
                const Json json = Json::parse(text);
                return Confirmed{.generation = json.at("generation"),
                                 .previous = json.at("previous"),
                                 .earlier = json.value("earlier", std::uint64_t{0})};
            } catch (const Json::exception &) {
                return fault(fmt::format("{} is damaged", path.string()));
            }
        });
}

Result<std::optional<Generation>> Store::confirmed_generation() const {
    auto now = confirmed();
    if (!now) return tl::unexpected(now.error());
    if (!*now) return std::nullopt;
    return generation((*now)->generation).map([](Generation &&one) {
        return std::optional(std::move(one));
    });
}

Done Store::write_confirmed(const Confirmed &confirmed) const {
    Json json;
    json["generation"] = confirmed.generation;
    json["previous"] = confirmed.previous;
    json["earlier"] = confirmed.earlier;
    return write_file(folder_ / "confirmed.json", json.dump() + "\n");
}

Done Store::confirm(Confirmed confirmed) {
    if (auto made = make_folders(); !made) return made;
    const auto before = this->confirmed().value_or(std::nullopt);
    if (before) confirmed.earlier = before->previous;
    const fs::path waits = unconfirmed_folder(confirmed.generation),
                   final = confirmed_folder(confirmed.generation);
    const bool waited = rename(waits.c_str(), final.c_str()) == 0;
    if (!waited && errno != ENOENT) return cannot(fmt::format("rename {}", waits.string()), errno);
    newly_confirmed_ = waited ? confirmed.generation : 0;
    auto done =
        sync_folder(final.parent_path()).and_then([&] { return write_confirmed(confirmed); });
    if (!done) undo_confirm(before);  // confirmed.json may name it though its sync failed
    return done;
}

void Store::undo_confirm(const std::optional<Confirmed> &before) {
    std::error_code ignored;
    if (newly_confirmed_ != 0)
        fs::rename(confirmed_folder(newly_confirmed_), unconfirmed_folder(newly_confirmed_),
                   ignored);
    newly_confirmed_ = 0;
    if (before)
        (void)write_confirmed(*before);
    else if (const auto numbers = confirmed_numbers(); numbers && numbers->empty())
        fs::remove(folder_ / "confirmed.json", ignored);
    // Else something was confirmed, and boot must not think that nothing ever was.
}

}  // namespace pm

// SPDX-License-Identifier: Apache-2.0
#include "loader/state/generation_index.h"

#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "loader/base/file.h"
#include "loader/state/generation.h"
#include "loader/state/set_files.h"

namespace pm {
namespace {

using Json = nlohmann::ordered_json;

std::uint64_t mtime_of(const std::filesystem::path &path) {
    struct stat status = {};
    if (lstat(path.c_str(), &status) != 0) return 0;
    return static_cast<std::uint64_t>(status.st_mtim.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(status.st_mtim.tv_nsec);
}

// What is left when the image is removed.
std::uint64_t text_size(const std::filesystem::path &folder) {
    std::uint64_t bytes = size_on_disk(folder);
    for (const auto &file : list_folder(folder).value_or(std::vector<std::filesystem::path>()))
        if (file.filename() != "image") bytes += size_on_disk(file);
    return bytes;
}

// An earlier release does not list them.
Result<std::vector<std::string>> set_files_of(const Result<Generation> &about,
                                              const std::filesystem::path &folder,
                                              const std::filesystem::path &sets) {
    if (about && about->set_sha256.size() == about->set_files.size() && !about->rows.empty())
        return about->set_sha256;
    return named_set_files(folder / "policy.yaml", sets)
        .map([](const std::set<std::string> &named) {
            return std::vector<std::string>(named.begin(), named.end());
        });
}

}  // namespace

std::string index_text(const GenerationIndex &index) {
    Json json = Json::array();
    for (const auto &[number, one] : index)
        json.push_back({{"generation", number},
                        {"confirmed", one.stored.confirmed},
                        {"applied_at", one.stored.applied_at},
                        {"disk", one.stored.disk},
                        {"set_files", one.stored.set_files},
                        {"written_at", one.written_at},
                        {"has_image", one.has_image}});
    return json.dump() + "\n";
}

GenerationIndex parse_index(const std::string &text) {
    GenerationIndex index;
    try {
        for (const Json &one : Json::parse(text)) {
            const std::uint64_t number = one.at("generation");
            index[number] = {.stored = {.number = number,
                                        .confirmed = one.at("confirmed"),
                                        .applied_at = one.at("applied_at"),
                                        .disk = one.at("disk"),
                                        .set_files = one.at("set_files")},
                             .written_at = one.at("written_at"),
                             .has_image = one.at("has_image")};
        }
    } catch (const Json::exception &) {
        return {};
    }
    return index;
}

Result<IndexedGeneration> index_generation(const std::filesystem::path &folder,
                                           const std::filesystem::path &sets,
                                           const IndexedGeneration *known) {
    const std::uint64_t written_at = mtime_of(folder / "policy.yaml");
    if (known && known->written_at == written_at) return *known;
    const auto about = read_about(folder / "about.json");
    auto files = set_files_of(about, folder, sets);
    if (!files) return tl::unexpected(files.error());
    return IndexedGeneration{.stored = {.applied_at = about ? about->applied_at : written_at,
                                        .disk = text_size(folder),
                                        .set_files = std::move(*files)},
                             .written_at = written_at};
}

}  // namespace pm

// SPDX-License-Identifier: Apache-2.0
#include "loader/state/written.h"

#include <nlohmann/json.hpp>

namespace pm {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

WrittenFiles written_files(const std::vector<std::shared_ptr<const SourceFile>> &files) {
    WrittenFiles written;
    std::size_t bytes = 0;
    for (const auto &file : files) {
        bytes += file->text.size();
        if (bytes > written_limit) return {};
        written.push_back({.name = file->name, .text = file->text});
    }
    return written;
}

std::string written_text(const WrittenFiles &files) {
    if (files.empty()) return {};
    Json json = Json::array();
    for (const WrittenFile &one : files) json.push_back({{"file", one.name}, {"text", one.text}});
    // The reader of policies takes UTF-8 alone, but a name may be anything.
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::optional<WrittenFiles> parse_written(const std::string &text) {
    WrittenFiles files;
    try {
        for (const Json &one : Json::parse(text))
            files.push_back({.name = one.at("file"), .text = one.at("text")});
    } catch (const Json::exception &) {
        return std::nullopt;
    }
    return files;
}

}  // namespace pm

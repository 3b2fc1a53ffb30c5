// SPDX-License-Identifier: Apache-2.0
#include "loader/parachute/store.h"

#include <filesystem>
#include <system_error>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "loader/base/file.h"
#include "policy/base/sha256.h"

namespace pm::parachute {
namespace {

using Json = nlohmann::ordered_json;

std::filesystem::path folder_of(const Paths &paths) {
    return paths.state / "parachute";
}

std::filesystem::path stored_file(const Paths &paths) {
    return folder_of(paths) / "rendered";
}

std::string about(const Stored &stored) {
    Json closed = Json::array();
    for (const ClosedRow &one : stored.rendering.closed)
        closed.push_back({{"row", one.id}, {"why", one.why}});
    const Json json = {{"layout", layout},
                       {"generation", stored.generation},
                       {"policy", stored.policy},
                       {"sha256", stored.sha256},
                       {"zones", stored.rendering.zones},
                       {"closed", closed},
                       {"commands_sha256", pm::sha256(stored.rendering.commands)}};
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Nothing: it is of another layout.
std::optional<Stored> parse_stored(const std::string &text) {
    const std::size_t end = text.find('\n');
    const Json json = Json::parse(text.substr(0, end));
    if (json.at("layout") != layout) return std::nullopt;
    Stored stored = {.generation = json.at("generation"),
                     .policy = json.at("policy"),
                     .sha256 = json.at("sha256"),
                     .rendering = {.commands = end == std::string::npos ? "" : text.substr(end + 1),
                                   .zones = json.at("zones"),
                                   .closed = {}}};
    for (const Json &one : json.at("closed"))
        stored.rendering.closed.push_back({.id = one.at("row"), .why = one.at("why")});
    if (pm::sha256(stored.rendering.commands) != json.at("commands_sha256").get<std::string>())
        stored.generation = 0;
    return stored;
}

}  // namespace

Result<std::optional<Stored>> read_stored(const Paths &paths) {
    const std::filesystem::path path = stored_file(paths);
    std::error_code error;
    if (!std::filesystem::exists(path, error) && !error) return std::nullopt;
    auto text = read_file(path);
    if (!text) return tl::unexpected(text.error());
    try {
        std::optional<Stored> stored = parse_stored(*text);
        if (stored && stored->generation == 0)
            return fault(fmt::format("{} is not as it was written", path.string()));
        return stored;
    } catch (const Json::exception &) {
        return fault(fmt::format("{} cannot be read", path.string()));
    }
}

Done store(const Paths &paths, const Stored &stored) {
    return make_private_folder(folder_of(paths)).and_then([&] {
        return write_file(stored_file(paths), about(stored) + "\n" + stored.rendering.commands);
    });
}

std::uint64_t stored_generation(const Paths &paths) {
    const auto text = read_file(stored_file(paths));
    if (!text) return 0;
    try {
        const Json json = Json::parse(text->substr(0, text->find('\n')));
        return json.at("layout") == layout ? json.at("generation").get<std::uint64_t>() : 0;
    } catch (const Json::exception &) {
        return 0;
    }
}

}  // namespace pm::parachute

// SPDX-License-Identifier: Apache-2.0
#include "loader/parachute/note.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "loader/base/file.h"
#include "loader/host/nft_hold.h"
#include "loader/host/nft_tables.h"
#include "loader/parachute/render.h"

namespace pm::parachute {
namespace {

using Json = nlohmann::ordered_json;

std::filesystem::path note_file(const Paths &paths) {
    return paths.run / "parachute";
}

Note parse_note(const std::string &text) {
    const Json json = Json::parse(text);
    Note note = {.generation = json.at("generation"),
                 .policy = json.at("policy"),
                 .sha256 = json.at("sha256"),
                 .since = json.at("since"),
                 .seen = json.at("seen"),
                 .why = json.at("why"),
                 .fallback = json.at("fallback"),
                 .wanted = json.at("wanted"),
                 .interfaces = json.at("interfaces"),
                 .open = json.at("open"),
                 .places = json.at("places"),
                 .zones = json.at("zones"),
                 .closed = {}};
    for (const Json &one : json.at("closed"))
        note.closed.push_back({.row = one.at("row"), .why = one.at("why")});
    return note;
}

}  // namespace

std::optional<Note> read_note(const Paths &paths) {
    const std::filesystem::path path = note_file(paths);
    if (access(path.c_str(), F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR))
        return std::nullopt;
    Note unread;
    auto text = read_file(path);
    if (!text) {
        unread.why = text.error().message;
        return unread;
    }
    try {
        return parse_note(*text);
    } catch (const Json::exception &) {
        unread.why = fmt::format("{} cannot be read", path.string());
        return unread;
    }
}

Done write_note(const Paths &paths, const Note &note) {
    Json closed = Json::array();
    for (const Note::Closed &one : note.closed)
        closed.push_back({{"row", one.row}, {"why", one.why}});
    const Json json = {{"generation", note.generation},
                       {"policy", note.policy},
                       {"sha256", note.sha256},
                       {"since", note.since},
                       {"seen", note.seen},
                       {"why", note.why},
                       {"fallback", note.fallback},
                       {"wanted", note.wanted},
                       {"interfaces", note.interfaces},
                       {"open", note.open},
                       {"places", note.places},
                       {"zones", note.zones},
                       {"closed", closed}};
    if (auto made = make_private_folder(paths.run); !made) return made;
    return write_file(note_file(paths),
                      json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

Done remove_note(const Paths &paths) {
    if (unlink(note_file(paths).c_str()) != 0 && errno != ENOENT && errno != ENOTDIR)
        return cannot(fmt::format("remove {}", note_file(paths).string()), errno);
    return {};
}

std::filesystem::path copy_file(const Paths &paths) {
    return paths.run / "parachute.held";
}

bool is_filtering(const Paths &paths) {
    return has_nft_table(table_name).value_or(false) || is_held(copy_file(paths));
}

}  // namespace pm::parachute

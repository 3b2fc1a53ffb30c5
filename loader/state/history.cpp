// SPDX-License-Identifier: Apache-2.0
#include "loader/state/history.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <tuple>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "loader/base/clock.h"
#include "loader/base/message.h"
#include "loader/state/journal.h"
#include "policy/base/fd.h"

namespace pm {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

constexpr off_t size_limit = 4 << 20;  // then it becomes history.jsonl.1, the one before goes

std::string name_of(uid_t user) {
    const passwd *entry = getpwuid(user);
    return entry ? entry->pw_name : std::to_string(user);
}

// The kernel keeps who logged in, through su and sudo.
std::string login_user() {
    std::ifstream file("/proc/self/loginuid");
    std::uint32_t user = 0;
    if (file >> user && user != ~std::uint32_t{0}) return name_of(user);
    const char *sudo = std::getenv("SUDO_USER");
    return sudo && *sudo ? sudo : name_of(getuid());
}

std::string command_line() {
    std::ifstream file("/proc/self/cmdline");
    std::string text((std::istreambuf_iterator<char>(file)), {});
    while (!text.empty() && text.back() == '\0') text.pop_back();
    std::replace(text.begin(), text.end(), '\0', ' ');
    return text;
}

fs::path file_of(const Paths &paths) {
    return paths.state / "history.jsonl";
}

fs::path older(fs::path path) {
    return path += ".1";
}

// Nothing, if the line is torn.
std::optional<HistoryEntry> parse_entry(const std::string &line) {
    const Json json = Json::parse(line, nullptr, false);
    if (!json.is_object()) return std::nullopt;
    auto text = [&](const char *key) {
        return json.contains(key) && json[key].is_string() ? json[key].get<std::string>()
                                                           : std::string();
    };
    auto number = [&](const char *key) {
        return json.contains(key) && json[key].is_number_unsigned() ? json[key].get<std::uint64_t>()
                                                                    : 0;
    };
    HistoryEntry entry;
    entry.time = number("time_ns");
    entry.user = text("user");
    entry.command = text("command");
    entry.action = text("action");
    entry.generation = number("generation");
    entry.sha256 = text("sha256");
    entry.outcome = text("outcome");
    entry.message = text("message");
    return entry;
}

// Of the last line, or of what its last 8 KB hold.
HistoryEntry last_entry(const fs::path &path) {
    constexpr std::streamoff longest = 8192;
    std::ifstream file(path, std::ios::ate);
    file.seekg(std::max(std::streamoff{0}, std::streamoff{file.tellg()} - longest));
    HistoryEntry last;
    for (std::string line; std::getline(file, line);)
        if (auto entry = parse_entry(line)) last = std::move(*entry);
    return last;
}

// What runs of itself.
bool is_of_the_service(const HistoryEntry &entry) {
    return entry.command.ends_with(" restore") || entry.command.ends_with(" watch");
}

// A service that fails to start is started again each second: its failures, all alike, would wash
// out what was done. The journal has each of them.
bool repeats_last(const Paths &paths, const HistoryEntry &entry) {
    if (entry.outcome == "done" || !is_of_the_service(entry)) return false;
    const HistoryEntry last = last_entry(file_of(paths));
    return std::tie(last.user, last.command, last.action, last.outcome, last.message) ==
           std::tie(entry.user, entry.command, entry.action, entry.outcome, entry.message);
}

// One write, after a line feed where the last line is torn.
Done append(const Paths &paths, std::string line) {
    if (auto made = check_private_folder(paths.state, true); !made)
        return tl::unexpected(made.error());
    const fs::path path = file_of(paths);
    const Fd fd(open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    struct stat status = {};
    if (!fd || fstat(fd.get(), &status) != 0)
        return cannot(fmt::format("write {}", path.string()), errno);
    char last = '\n';
    if (status.st_size > 0 && pread(fd.get(), &last, 1, status.st_size - 1) == 1 && last != '\n')
        line.insert(line.begin(), '\n');
    if (write(fd.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()) ||
        fsync(fd.get()) != 0)
        return cannot(fmt::format("write {}", path.string()), errno);
    if (status.st_size > size_limit) rename(path.c_str(), older(path).c_str());
    return {};
}

void add_entries(const fs::path &path, std::vector<HistoryEntry> &entries, std::size_t &torn) {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        auto entry = parse_entry(line);
        torn += !entry && !line.empty();
        if (entry) entries.push_back(std::move(*entry));
    }
}

}  // namespace

std::string history_json(const HistoryEntry &entry) {
    Json json;
    json["time"] = time_text(entry.time);
    json["user"] = entry.user;
    json["command"] = entry.command;
    json["action"] = entry.action;
    json["generation"] = entry.generation ? Json(entry.generation) : Json(nullptr);
    json["sha256"] = entry.sha256.empty() ? Json(nullptr) : Json(entry.sha256);
    json["outcome"] = entry.outcome;
    json["message"] = entry.message.empty() ? Json(nullptr) : Json(entry.message);
    json["time_ns"] = entry.time;
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

void record(const Paths &paths, HistoryEntry entry) {
    if (geteuid() != 0) return;
    if (entry.time == 0) entry.time = realtime_ns();
    if (entry.user.empty()) entry.user = login_user();
    if (entry.command.empty()) entry.command = command_line();
    send_to_journal(entry);
    if (repeats_last(paths, entry)) return;
    if (auto written = append(paths, history_json(entry)); !written)
        print_note("warning: the history is incomplete: " + written.error().message);
}

Result<std::vector<HistoryEntry>> read_history(const Paths &paths, std::size_t &torn) {
    auto safe = check_private_folder(paths.state, false);
    if (!safe) return tl::unexpected(safe.error());
    std::vector<HistoryEntry> entries;
    torn = 0;
    add_entries(older(file_of(paths)), entries, torn);
    add_entries(file_of(paths), entries, torn);
    return entries;
}

}  // namespace pm

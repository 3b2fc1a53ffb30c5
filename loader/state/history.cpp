// SPDX-License-Identifier: Apache-2.0
#include "loader/state/history.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <tuple>

#include <fmt/core.h>
#include <nlohmann/json.hpp>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "loader/base/clock.h"
#include "loader/base/file.h"
#include "loader/base/json_line.h"
#include "loader/base/message.h"
#include "policy/base/fd.h"
#include "policy/base/text.h"

namespace pm {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

// Bytes of each of the two files. One that is larger becomes NAME.1, and the one of that name is
// lost.
constexpr off_t size_limit = 4 << 20;

std::string name_of(uid_t user) {
    const passwd *entry = getpwuid(user);
    return entry ? entry->pw_name : std::to_string(user);
}

// The kernel remembers who logged in, through su and sudo.
std::string login_user() {
    std::istringstream id(read_file("/proc/self/loginuid").value_or(std::string()));
    std::uint32_t user = 0;
    if (id >> user && user != ~std::uint32_t{0}) return name_of(user);
    const char *sudo = std::getenv("SUDO_USER");
    return sudo && *sudo ? sudo : name_of(getuid());
}

std::string command_line() {
    std::string text = read_file("/proc/self/cmdline").value_or(std::string());
    while (!text.empty() && text.back() == '\0') text.pop_back();
    std::ranges::replace(text, '\0', ' ');
    return text;
}

fs::path policy_history(const Paths &paths) {
    return paths.state / "history.jsonl";
}

fs::path other_history(const Paths &paths) {
    return paths.state / "history-other.jsonl";
}

fs::path older(fs::path path) {
    return path += ".1";
}

// Nothing, if the line is torn: a power cut may leave a part of it.
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

// The entries of the last lines, as far as they are in the last 8 KB.
std::vector<HistoryEntry> last_entries(const fs::path &path) {
    constexpr std::size_t longest = 8192;
    const std::string text = read_file(path).value_or(std::string());
    std::istringstream lines(text.substr(text.size() - std::min(text.size(), longest)));
    std::vector<HistoryEntry> last;
    for (std::string line; std::getline(lines, line);)
        if (auto entry = parse_entry(line)) last.push_back(std::move(*entry));
    return last;
}

// By time. Each stays in its order, though the clock was set back.
std::vector<HistoryEntry> merged(std::vector<HistoryEntry> one, std::vector<HistoryEntry> other) {
    std::vector<HistoryEntry> all;
    all.reserve(one.size() + other.size());
    auto a = one.begin(), b = other.begin();
    while (a != one.end() || b != other.end()) {
        const bool first = b == other.end() || (a != one.end() && a->time <= b->time);
        all.push_back(std::move(*(first ? a : b)++));
    }
    return all;
}

// A failure of a command that the service runs, and no user.
bool is_failure_of_the_service(const HistoryEntry &entry) {
    std::string program, verb;
    std::istringstream(entry.command) >> program >> verb;
    return entry.outcome != "done" &&
           (verb == "restore" || verb == "watch" || verb == "render-parachute");
}

bool is_alike(const HistoryEntry &one, const HistoryEntry &other) {
    return std::tie(one.user, one.command, one.action, one.outcome, one.message) ==
           std::tie(other.user, other.command, other.action, other.outcome, other.message);
}

// A service that fails to start is started again each second. Its failures are all alike, or a few
// by turns, and would push what was done out of the file. The journal has each of them.
bool repeats_last(const Paths &paths, const HistoryEntry &entry) {
    if (!is_failure_of_the_service(entry)) return false;
    const std::vector<HistoryEntry> last =
        merged(last_entries(policy_history(paths)), last_entries(other_history(paths)));
    for (auto one = last.rbegin(); one != last.rend() && is_failure_of_the_service(*one); ++one)
        if (is_alike(*one, entry)) return true;
    return false;
}

// Writes the line at once, after a line feed if the last line is torn.
Done append(const Paths &paths, const fs::path &path, std::string line) {
    if (auto made = make_private_folder(paths.state); !made) return tl::unexpected(made.error());
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

// MESSAGE_IDs: fixed 128-bit ids. They were chosen once and never change: people match on them.
constexpr struct {
    const char *action;
    const char *id;
} message_ids[] = {
    {"apply", "5a1c0f4d2e9b4a7c8f10b6d3c2e4a901"},
    {"confirm", "8e0f6b1d93c74a55a2d7f4c10b9e6d02"},
    {"rollback", "c3d92a7f51e84b06b94e1f8a7d025c03"},
    {"expire", "1f7b4c8e6a2d49d3904c5e7b8a61f304"},
    {"restore", "b96e3d05f8c14721a6e0d97c4f52ab05"},
    {"ban", "74d1e8a2c05b4f9d8b3a6f1c90e7d206"},
    {"unban", "e2a75c19d8f04b63971d0c8b5f3e6a07"},
    {"attach", "0d84f2b6e71a4c9ebc5397a1d6f80c08"},
    {"detach", "97c6b0e35d2f48a1ae84f10d7b59c309"},
};
constexpr const char *refused_id = "3be85f0c61d74e2f95a0c7d18e4b620a";

const char *message_id(const HistoryEntry &entry) {
    if (entry.outcome != "done") return refused_id;
    for (const auto &one : message_ids)
        if (entry.action == one.action) return one.id;
    return refused_id;
}

// Does nothing where no journald listens.
void send_to_journal(const HistoryEntry &entry) {
    const bool loud = entry.outcome != "done" || entry.action == "expire";
    sd_journal_send(
        "MESSAGE=%s",
        entry.message.empty() ? fmt::format("{}: {}", entry.action, entry.outcome).c_str()
                              : entry.message.c_str(),
        "MESSAGE_ID=%s", message_id(entry), "PRIORITY=%d", loud ? LOG_WARNING : LOG_NOTICE,
        "SYSLOG_IDENTIFIER=portmatrix", "PORTMATRIX_ACTION=%s", entry.action.c_str(),
        "PORTMATRIX_OUTCOME=%s", entry.outcome.c_str(), "PORTMATRIX_USER=%s", entry.user.c_str(),
        "PORTMATRIX_COMMAND=%s", entry.command.c_str(), "PORTMATRIX_GENERATION=%llu",
        static_cast<unsigned long long>(entry.generation), "PORTMATRIX_SHA256=%s",
        entry.sha256.c_str(), nullptr);
}

Done add_entries(const fs::path &path, History &history) {
    std::error_code error;
    if (!fs::exists(path, error) && !error) return {};
    auto text = read_file(path);
    if (!text) return tl::unexpected(text.error());
    std::istringstream file(*text);
    for (std::string line; std::getline(file, line);) {
        auto entry = parse_entry(line);
        history.torn += !entry && !line.empty();
        if (entry) history.entries.push_back(std::move(*entry));
    }
    return {};
}

Result<History> read_one(const fs::path &path) {
    History history;
    return add_entries(older(path), history)
        .and_then([&] { return add_entries(path, history); })
        .map([&] { return std::move(history); });
}

}  // namespace

bool changes_policy(const HistoryEntry &entry) {
    constexpr const char *actions[] = {"apply",  "confirm", "rollback",
                                       "expire", "restore", "detach"};
    return entry.outcome == "done" && std::ranges::find(actions, entry.action) != std::end(actions);
}

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
    return json_line(json);
}

void record(const Paths &paths, HistoryEntry entry) {
    if (geteuid() != 0) return;
    if (entry.time == 0) entry.time = realtime_ns();
    if (entry.user.empty()) entry.user = login_user();
    if (entry.command.empty()) entry.command = command_line();
    // The journal shows a field with odd bytes as a blob.
    entry.message = printable(entry.message);
    entry.command = printable(entry.command);
    send_to_journal(entry);
    if (repeats_last(paths, entry)) return;
    const fs::path path = changes_policy(entry) ? policy_history(paths) : other_history(paths);
    if (auto written = append(paths, path, history_json(entry)); !written)
        print_note("warning: the history is incomplete: " + written.error().message);
}

Result<History> read_history(const Paths &paths) {
    auto exists = has_private_folder(paths.state);
    if (!exists) return tl::unexpected(exists.error());
    auto policy = read_one(policy_history(paths)), other = read_one(other_history(paths));
    if (!policy) return policy;
    if (!other) return other;
    return History{.entries = merged(std::move(policy->entries), std::move(other->entries)),
                   .torn = policy->torn + other->torn};
}

}  // namespace pm

// SPDX-License-Identifier: Apache-2.0
#include "loader/state/journal.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <nlohmann/json.hpp>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "policy/base/fd.h"

namespace pm {
namespace {

constexpr const char *journal_socket = "/run/systemd/journal/socket";

// A field that is no text, such as one with control characters, is left out.
JournalFields parse_entry_fields(const std::string &line) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    JournalFields fields;
    if (!json.is_object()) return fields;
    for (const auto &[name, value] : json.items())
        if (value.is_string()) fields[name] = value.get<std::string>();
    return fields;
}

struct JournalReader {
    pid_t child = 0;
    Fd output;
};

// Runs it without a shell. It is looked for in PATH.
Result<JournalReader> start_reader(std::vector<std::string> words) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return cannot("make a pipe", errno);
    Fd read_end(ends[0]), write_end(ends[1]);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, write_end.get(), STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    std::vector<char *> pointers;
    for (std::string &word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    JournalReader reader;
    const int error =
        posix_spawnp(&reader.child, pointers[0], &files, nullptr, pointers.data(), environ);
    posix_spawn_file_actions_destroy(&files);
    if (error != 0)
        return cannot(
            "run journalctl", error,
            "install systemd's journal, or watch drops as they happen: portmatrix monitor");
    reader.output = std::move(read_end);
    return reader;
}

// Each line without its end, until there are no more.
int read_lines(int fd, const std::function<void(const std::string &)> &visit) {
    std::string text;
    char part[65536];
    for (;;) {
        const ssize_t size = read(fd, part, sizeof(part));
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) return size < 0 ? errno : 0;
        text.append(part, static_cast<std::size_t>(size));
        std::size_t at = 0;
        for (std::size_t end; (end = text.find('\n', at)) != text.npos; at = end + 1)
            visit(text.substr(at, end - at));
        text.erase(0, at);
    }
}

}  // namespace

bool has_journal() {
    struct stat status;
    return stat(journal_socket, &status) == 0 && S_ISSOCK(status.st_mode);
}

Fault no_journal() {
    return {fmt::format("no journal runs on this host: there is no {}", journal_socket),
            "start systemd-journald, or watch drops as they happen: portmatrix monitor",
            Exit::failed};
}

Done write_journal(const JournalFields &fields) {
    // The library would say nothing and write nothing.
    if (!has_journal()) return tl::unexpected(no_journal());
    std::vector<std::string> texts;
    for (const auto &[name, value] : fields) texts.push_back(fmt::format("{}={}", name, value));
    std::vector<iovec> parts;
    for (std::string &text : texts) parts.push_back({text.data(), text.size()});
    const int error = sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
    if (error < 0) return cannot("write to the journal", -error);
    return {};
}

Done read_journal(const std::string &message_id, std::uint64_t since,
                  const std::function<void(const JournalFields &)> &visit) {
    auto reader =
        start_reader({"journalctl", "--quiet", "--no-pager", "--output=json",
                      fmt::format("--since=@{}", since), "MESSAGE_ID=" + message_id, "_UID=0"});
    if (!reader) return tl::unexpected(reader.error());
    const int failed = read_lines(
        reader->output.get(), [&](const std::string &line) { visit(parse_entry_fields(line)); });
    reader->output = Fd();
    int status = 0;
    while (waitpid(reader->child, &status, 0) < 0 && errno == EINTR) {
    }
    if (failed != 0) return cannot("read what journalctl prints", failed);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    if (!has_journal()) return tl::unexpected(no_journal());
    return fault("journalctl ended with an error",
                 fmt::format("see what it says: journalctl MESSAGE_ID={}", message_id));
}

}  // namespace pm

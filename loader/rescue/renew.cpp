// SPDX-License-Identifier: Apache-2.0
#include "loader/rescue/renew.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <optional>
#include <utility>

#include "loader/base/lock.h"
#include "loader/parachute/render.h"
#include "loader/parachute/store.h"
#include "loader/parachute/table.h"
#include "loader/state/history.h"
#include "loader/state/store.h"
#include "loader/update/stored_candidate.h"

namespace pm {
namespace {

// 0: none, or it cannot be read.
std::uint64_t confirmed_number(const Paths &paths) {
    auto store = Store::open(paths);
    if (!store) return 0;
    auto confirmed = store->confirmed();
    return confirmed && *confirmed ? (*confirmed)->generation : 0;
}

Done render_generation(const Paths &paths, std::uint64_t number) {
    auto store = Store::open(paths);
    if (!store) return tl::unexpected(store.error());
    auto generation = store->generation(number);
    if (!generation) return tl::unexpected(generation.error());
    auto policy = stored_policy(*store, number);
    if (!policy) return tl::unexpected(policy.error());
    const parachute::Stored made = {.generation = number,
                                    .policy = generation->policy,
                                    .sha256 = generation->sha256,
                                    .rendering = parachute::render(*policy)};
    return parachute::check_table(made.rendering.commands).and_then([&] {
        return parachute::store(paths, made);
    });
}

void record_failure(const Paths &paths, std::uint64_t number, const Fault &fault) {
    HistoryEntry entry;
    entry.user = "-";
    entry.action = "parachute";
    entry.generation = number;
    entry.outcome = "failed";
    entry.message = "it cannot be made, and the one before stays: " + fault.message;
    record(paths, std::move(entry));
}

}  // namespace

bool has_parachute(const Paths &paths) {
    const std::uint64_t confirmed = confirmed_number(paths);
    return confirmed == 0 || parachute::stored_generation(paths) == confirmed;
}

// What another generation is confirmed meanwhile is made in the same run: its own process has found
// the lock taken.
Done renew_parachute(const Paths &paths) {
    auto lock = Lock::parachute(paths);
    if (!lock) return {};  // it is being made
    for (std::uint64_t done = 0;;) {
        const std::uint64_t number = confirmed_number(paths);
        if (number == 0 || number == done || has_parachute(paths)) return {};
        if (auto made = render_generation(paths, number); !made) {
            if (confirmed_number(paths) != number) continue;  // it was taken from under our feet
            record_failure(paths, number, made.error());
            return made;
        }
        done = number;
    }
}

pid_t start_renewal(const Paths &paths) {
    if (has_parachute(paths)) return 0;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    // Whoever reads what we print does not wait for it.
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
    char program[] = "portmatrix", command[] = "render-parachute";
    char *const words[] = {program, command, nullptr};
    pid_t child = 0;
    if (posix_spawn(&child, "/proc/self/exe", &files, &attributes, words, environ) != 0) child = 0;
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return child;
}

}  // namespace pm

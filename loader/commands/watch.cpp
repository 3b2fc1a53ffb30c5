// SPDX-License-Identifier: Apache-2.0
// The command watch, the body of the service: looks after every change of a link or a pin and every
// two seconds, and tells systemd that it lives.
#include "loader/update/watch.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>
#include <systemd/sd-daemon.h>

#include "loader/base/clock_steps.h"
#include "loader/base/lock.h"
#include "loader/base/message.h"
#include "loader/base/paths.h"
#include "loader/base/watch_socket.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/commands/service_policy.h"
#include "loader/host/link_events.h"
#include "loader/host/nft_tables.h"
#include "loader/kernel/pin_events.h"
#include "loader/rescue/look.h"
#include "loader/rescue/raise.h"
#include "loader/update/announced.h"
#include "policy/base/text.h"

namespace pm::command {
namespace {

// Not every loss makes an event: a link that is detached by its descriptor is found by looking.
constexpr int look_interval_ms = 2000;
constexpr int retry_ms = 100;  // while a command holds the lock

// After an upgrade another file has the path of this program. Then this starts that and does not
// return: it must not go on, because the programs in the kernel will be of the other build.
void restart_if_replaced(Watcher &watcher) {
    std::error_code error;
    std::string path = std::filesystem::read_symlink("/proc/self/exe", error);
    constexpr std::string_view gone = " (deleted)";
    if (!path.ends_with(gone)) return;
    path.resize(path.size() - gone.size());
    if (access(path.c_str(), X_OK) != 0) return;  // removed, or not yet there
    for (const std::string &text : watcher.end()) print_note(text);
    print_note(fmt::format("{} was replaced: starting anew", path));
    execl(path.c_str(), path.c_str(), "watch", nullptr);
    print_note(fmt::format("cannot start {} anew: {}", path, std::strerror(errno)));
}

// What udev runs before it tells others of an interface. It ends in some seconds, whatever happens.
int announce(const Paths &paths, const std::string &name) {
    auto answer = ask_watch(paths, name);
    if (answer && !*answer) answer = look_at_announced(paths, name);
    if (!answer) return end(answer.error());
    print_note(**answer);
    return end(Exit::done);
}

// "in force on eth0, eth1"; "degraded: " and what is wrong first, if something is.
std::string unit_status(const Paths &paths, const Watcher &watcher,
                        const ParachuteWatch &parachute) {
    std::vector<std::string> parts = watcher.problems();
    if (!parachute.problem().empty())
        parts.insert(parts.begin(), "the host may be open: " + parachute.problem());
    if (is_parachute_loaded(paths))
        parts.insert(parts.begin(), "nftables filters instead of the programs");
    const std::string prefix = parts.empty() ? "" : "degraded: ";
    if (!watcher.in_force().empty()) parts.push_back(watcher.in_force());
    return prefix + joined(parts, "; ");
}

// Tells systemd that it lives apart from the status: a message of more than 4096 bytes is lost.
void tell_systemd(bool is_first, const std::string &status) {
    constexpr std::size_t longest = 2048;
    sd_notify(0, is_first ? "READY=1\nWATCHDOG=1" : "WATCHDOG=1");
    sd_notify(0, ("STATUS=" + shortened(printable(status), longest)).c_str());
}

// What `watch` waits for.
struct Events {
    LinkEvents links;
    Fd signals = end_signals();
    PinEvents pins;
    ClockSteps clock;
    NftEvents tables;  // without them the parachute is looked after all the same, later

    enum class Woken { to_look, to_end };
    Woken wait(const WatchSocket &socket, int timeout_ms) {
        pollfd waits[] = {{links.fd(), POLLIN, 0},  {signals.get(), POLLIN, 0},
                          {pins.fd(), POLLIN, 0},   {clock.fd(), POLLIN, 0},
                          {socket.fd(), POLLIN, 0}, {tables.fd(), POLLIN, 0}};
        poll(waits, std::size(waits), timeout_ms);
        if (waits[1].revents != 0) return Woken::to_end;
        links.drain();
        tables.drain();
        return Woken::to_look;
    }

    // What has happened by now does not wake it.
    void drain(const Paths &paths) const {
        links.drain();
        tables.drain();
        pins.follow(paths);
    }
};

}  // namespace

int run_watch(const WatchArguments &arguments) {
    const Paths paths = Paths::from_environment();
    if (auto root = need_root(); !root) return end(root.error());
    if (!arguments.announce.empty()) return announce(paths, arguments.announce);
    if (const auto fault = nothing_to_filter(paths)) return end(*fault);
    auto lock = Lock::watch(paths);
    if (!lock) return end(lock.error());
    Events events;
    if (events.links.fd() < 0 || !events.signals)
        return end(cannot("wait for events", errno).value());
    auto socket = WatchSocket::listen(paths);
    if (!socket) return end(socket.error());

    Watcher watcher(paths);
    ParachuteWatch parachute(paths);
    const auto after = [&](std::vector<std::string> &sentences) {
        using List = ParachuteWatch::BanList;
        parachute.look(watcher.has_placed_bans() ? List::whole : List::behind, sentences);
    };
    for (bool first = true;; first = false) {
        restart_if_replaced(watcher);
        events.pins.follow(paths);
        if (events.clock.any()) {
            watcher.clock_was_set();
            parachute.clock_was_set();
        }
        socket->receive();
        for (const std::string &text : watcher.look(after)) print_note(text);
        if (!watcher.was_busy())
            socket->answer([&](const std::string &name) { return announced(paths, name); });
        const std::string status = unit_status(paths, watcher, parachute);
        tell_systemd(first, status);
        if (first) print_note("watching: " + status);
        // Else it would wake itself again and again. What others changed meanwhile is found by the
        // next look.
        if (watcher.tried_in_vain()) events.drain(paths);
        const bool soon = watcher.was_busy() || socket->is_asked();
        if (events.wait(*socket, soon ? retry_ms : look_interval_ms) == Events::Woken::to_end)
            break;
    }
    sd_notify(0, "STOPPING=1");
    for (const std::string &text : watcher.end()) print_note(text);
    return end(Exit::done);
}

}  // namespace pm::command

// SPDX-License-Identifier: Apache-2.0
// IPFIX over UDP. A collector may start late or lose a datagram, so what it must know is repeated:
// templates before the records of each walk, the names of rows when they change and every minute.
#include <netdb.h>
#include <sys/socket.h>
#include <time.h>

#include <cerrno>
#include <memory>
#include <utility>

#include <fmt/core.h>

#include "loader/base/message.h"
#include "loader/export/endpoint.h"
#include "loader/export/flow_sinks.h"
#include "loader/export/ipfix.h"
#include "policy/base/errno_text.h"
#include "policy/base/fd.h"

namespace pm::exporter {
namespace {

constexpr std::uint64_t names_again_ms = 60'000;
// A collector's socket buffer has a few hundred kilobytes: after a burst it gets time to empty it.
constexpr unsigned burst = 32;
constexpr timespec pause_between = {0, 2'000'000};

class IpfixSink : public FlowSink {
public:
    IpfixSink(Fd socket, std::string target)
        : socket_(std::move(socket)),
          target_(std::move(target)),
          encoder_([this](const auto &message) { send(message); }) {}

    void begin(const FlowNames &names, const FlowClock &clock) override {
        clock_ = clock;
        const auto time = static_cast<std::uint32_t>(clock.realtime_ms / 1000);
        encoder_.templates(time);
        // The clock may have been set back.
        const bool due =
            clock.realtime_ms >= names_due_ || clock.realtime_ms + names_again_ms < names_due_;
        if (names.rows != names_.rows || due) {
            for (const auto &[slot, id] : names.rows) encoder_.row_name(time, slot, id);
            names_due_ = clock.realtime_ms + names_again_ms;
        }
        names_ = names;
    }
    void record(const FlowRecord &record) override { encoder_.record(record, names_, clock_); }
    void end() override { encoder_.flush(); }

private:
    void send(const std::vector<std::uint8_t> &message) {
        auto try_to = [&] {
            return ::send(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL) >= 0;
        };
        // ECONNREFUSED is the answer to an earlier message, from a collector that was away. This
        // message was not sent: try again.
        if (try_to() || (errno == ECONNREFUSED && try_to()))
            complained_ = false;
        else if (!std::exchange(complained_, true))
            print_note(fmt::format("records do not reach {}: {}", target_, errno_text(errno)));
        if (++sent_ % burst == 0) nanosleep(&pause_between, nullptr);
    }

    Fd socket_;
    std::string target_;
    IpfixEncoder encoder_;
    FlowNames names_;
    FlowClock clock_;
    std::uint64_t names_due_ = 0;
    unsigned sent_ = 0;
    bool complained_ = false;
};

}  // namespace

Result<std::unique_ptr<FlowSink>> open_ipfix(const std::string &target) {
    auto end = parse_endpoint(target);
    if (!end || end->host.empty())
        return fault(fmt::format("--ipfix: '{}' is no HOST:PORT", target),
                     "such as 192.0.2.1:4739 or [2001:db8::1]:4739", Exit::usage);
    addrinfo hints = {}, *found = nullptr;
    hints.ai_socktype = SOCK_DGRAM;
    if (const int error = getaddrinfo(end->host.c_str(), end->port.c_str(), &hints, &found))
        return fault(fmt::format("--ipfix: cannot find '{}': {}", target, gai_strerror(error)));
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> release(found, freeaddrinfo);
    Fd socket(::socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket || connect(socket.get(), found->ai_addr, found->ai_addrlen) != 0)
        return cannot(fmt::format("send to {}", target), errno);
    return std::make_unique<IpfixSink>(std::move(socket), target);
}

}  // namespace pm::exporter

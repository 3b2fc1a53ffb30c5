// SPDX-License-Identifier: Apache-2.0
#include "loader/host/netlink_request.h"

#include <endian.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <vector>

#include <libmnl/libmnl.h>

#include "loader/host/netlink_socket.h"

namespace pm {
namespace {

constexpr int attempts = 10;  // to read a list that does not change meanwhile

enum class State { more, whole, failed };

struct Answer {
    std::vector<std::vector<char>> messages;
    State state = State::more;
    int error = 0;  // errno; of a failed one

    void fail(int number) {
        state = State::failed;
        error = number;
    }
    void add(const nlmsghdr *message);
};

// The end of a list has the error by which the kernel broke it off, else 0. libmnl's own loop does
// not look at it.
void Answer::add(const nlmsghdr *message) {
    const void *payload = mnl_nlmsg_get_payload(message);
    int number = 0;
    if (message->nlmsg_flags & NLM_F_DUMP_INTR) return fail(EINTR);
    switch (message->nlmsg_type) {
        case NLMSG_NOOP:
            return;
        case NLMSG_OVERRUN:
            return fail(ENOBUFS);
        case NLMSG_ERROR:
        case NLMSG_DONE:
            if (mnl_nlmsg_get_payload_len(message) >= sizeof(number))
                std::memcpy(&number, payload, sizeof(number));
            if (number < 0) return fail(-number);
            state = State::whole;
            return;
        default:
            const auto *bytes = reinterpret_cast<const char *>(message);
            messages.emplace_back(bytes, bytes + message->nlmsg_len);
    }
}

void receive(mnl_socket *socket, Answer &answer) {
    std::array<char, 65536> buffer = {};
    const ssize_t size = mnl_socket_recvfrom(socket, buffer.data(), buffer.size());
    if (size <= 0) return answer.fail(size < 0 ? errno : EIO);
    int left = static_cast<int>(size);
    const auto *message = reinterpret_cast<const nlmsghdr *>(buffer.data());
    for (; answer.state == State::more && mnl_nlmsg_ok(message, left);
         message = mnl_nlmsg_next(message, &left))
        answer.add(message);
}

Answer ask(int bus, nlmsghdr *request, std::uint16_t flags, DumpFilter filter = DumpFilter::none) {
    Answer answer;
    request->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    const NetlinkSocket socket = open_netlink(bus);
    int yes = 1;
    if (socket && filter == DumpFilter::by_header)
        mnl_socket_setsockopt(socket.get(), NETLINK_GET_STRICT_CHK, &yes, sizeof(yes));
    if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) != 0 ||
        mnl_socket_sendto(socket.get(), request, request->nlmsg_len) < 0) {
        answer.fail(errno);
        return answer;
    }
    const bool is_list = flags & NLM_F_DUMP;
    while (answer.state == State::more && (is_list || answer.messages.empty()))
        receive(socket.get(), answer);
    return answer;
}

void visit_all(const Answer &answer, const VisitMessage &visit) {
    for (const std::vector<char> &one : answer.messages)
        visit(reinterpret_cast<const nlmsghdr *>(one.data()));
}

}  // namespace

Done dump_netlink(const char *what, int bus, nlmsghdr *request, const VisitMessage &visit,
                  DumpFilter filter) {
    Answer answer;
    for (int attempt = 0; attempt < attempts; ++attempt) {
        answer = ask(bus, request, NLM_F_DUMP, filter);
        if (answer.state != State::failed || answer.error != EINTR) break;
    }
    if (answer.state == State::failed) return cannot(what, answer.error);
    visit_all(answer, visit);
    return {};
}

tl::expected<void, NetlinkError> ask_netlink(int bus, nlmsghdr *request,
                                             const VisitMessage &visit) {
    const Answer answer = ask(bus, request, 0);
    if (answer.state == State::failed) return tl::unexpected(NetlinkError{answer.error});
    visit_all(answer, visit);
    return {};
}

void put_address(nlmsghdr *request, std::uint16_t type, const Address &address) {
    const std::array<std::uint64_t, 2> halves = {htobe64(address.high), htobe64(address.low)};
    const auto *bytes = reinterpret_cast<const char *>(halves.data());
    if (address.is_v4())
        mnl_attr_put(request, type, 4, bytes + 12);
    else
        mnl_attr_put(request, type, 16, bytes);
}

Address address_of(const nlattr *attribute) {
    std::array<std::uint8_t, 16> bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    const std::size_t size = mnl_attr_get_payload_len(attribute);
    if (size == 4 || size == 16)
        std::memcpy(bytes.data() + bytes.size() - size, mnl_attr_get_payload(attribute), size);
    const auto half = [&](std::size_t from) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data() + from, sizeof(word));
        return be64toh(word);
    };
    return {half(0), half(8)};
}

}  // namespace pm

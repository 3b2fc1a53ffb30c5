// SPDX-License-Identifier: Apache-2.0
#include "loader/base/watch_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <fmt/core.h>

#include "loader/base/clock.h"

namespace pm {
namespace {

constexpr int backlog = 16;
constexpr std::size_t longest_name = 64, longest_answer = 4096;
constexpr std::size_t most_questions = 64;
constexpr double patience = 10;  // seconds that a question is kept
constexpr timeval client_patience = {5, 0};

Result<sockaddr_un> address_of(const Paths &paths) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    const std::string path = paths.run / "watch.sock";
    if (path.size() >= sizeof(address.sun_path))
        return fault(fmt::format("{} is too long for the name of a socket", path));
    path.copy(address.sun_path, path.size());
    return address;
}

const sockaddr *generic(const sockaddr_un &address) {
    return reinterpret_cast<const sockaddr *>(&address);
}

bool is_root(int client) {
    ucred peer = {};
    socklen_t size = sizeof(peer);
    return getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == 0;
}

}  // namespace

Result<WatchSocket> WatchSocket::listen(const Paths &paths) {
    auto address = address_of(paths);
    if (!address) return tl::unexpected(address.error());
    const char *path = address->sun_path;
    if (unlink(path) != 0 && errno != ENOENT) return cannot(fmt::format("remove {}", path), errno);
    Fd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    // The mode of the descriptor becomes that of the file.
    if (!fd || fchmod(fd.get(), 0600) != 0 ||
        bind(fd.get(), generic(*address), sizeof(*address)) != 0 ||
        ::listen(fd.get(), backlog) != 0)
        return cannot(fmt::format("listen on {}", path), errno);
    return WatchSocket(std::move(fd));
}

void WatchSocket::receive() {
    for (;;) {
        Fd client(accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!client) break;
        if (is_root(client.get()) && questions_.size() < most_questions)
            questions_.push_back(
                {.client = std::move(client), .name = {}, .since = monotonic_seconds()});
    }
    std::erase_if(questions_, [](Question &one) {
        if (!one.name.empty()) return false;
        std::array<char, longest_name> name;
        const ssize_t size = recv(one.client.get(), name.data(), name.size(), 0);
        if (size > 0) one.name.assign(name.data(), static_cast<std::size_t>(size));
        const bool waits = size < 0 && (errno == EAGAIN || errno == EINTR);
        return size <= 0 && (!waits || monotonic_seconds() - one.since > patience);
    });
}

void WatchSocket::answer(const std::function<Result<std::string>(const std::string &)> &about) {
    std::erase_if(questions_, [&](const Question &one) {
        if (one.name.empty()) return false;
        const auto said = about(one.name);
        const std::string text = said ? "0" + *said : "1" + said.error().message;
        // Whoever asked may have gone.
        (void)send(one.client.get(), text.data(), std::min(text.size(), longest_answer),
                   MSG_NOSIGNAL);
        return true;
    });
}

Result<std::optional<std::string>> ask_watch(const Paths &paths, std::string_view name) {
    auto address = address_of(paths);
    if (!address) return tl::unexpected(address.error());
    const Fd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (!fd) return cannot("ask the running watch", errno);
    for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO})
        setsockopt(fd.get(), SOL_SOCKET, option, &client_patience, sizeof(client_patience));
    if (connect(fd.get(), generic(*address), sizeof(*address)) != 0) {
        if (errno == ENOENT || errno == ECONNREFUSED) return std::nullopt;
        return cannot("ask the running watch", errno);
    }
    std::string text(longest_answer, 0);
    if (send(fd.get(), name.data(), name.size(), MSG_NOSIGNAL) < 0)
        return cannot("ask the running watch", errno);
    const ssize_t size = recv(fd.get(), text.data(), text.size(), 0);
    if (size <= 0)
        return fault(fmt::format("the running watch has not answered about {} in {} s", name,
                                 client_patience.tv_sec),
                     "see 'portmatrix status' and the journal of portmatrix.service");
    text.resize(static_cast<std::size_t>(size));
    if (text[0] != '0') return fault(text.substr(1));
    return text.substr(1);
}

}  // namespace pm

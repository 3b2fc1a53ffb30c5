// SPDX-License-Identifier: Apache-2.0
// Before any test the process enters a network namespace of its own. Nothing is forwarded there,
// and there are no sockets but those that a test opens.
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <gtest/gtest.h>

namespace {

void write_setting(const char *path, const char *value) {
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0 || write(file, value, std::strlen(value)) < 0) {
        std::perror(path);
        std::exit(1);
    }
    close(file);
}

void raise_loopback() {
    int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ifreq request = {};
    std::strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP;
    if (ioctl(socket, SIOCSIFFLAGS, &request)) {
        std::perror("cannot raise lo");
        std::exit(1);
    }
    close(socket);
}

class Netns : public testing::Environment {
public:
    void SetUp() override {
        if (unshare(CLONE_NEWNET)) {
            std::perror("cannot make a network namespace (these tests need root)");
            std::exit(1);
        }
        write_setting("/proc/sys/net/ipv4/ip_forward", "0");
        write_setting("/proc/sys/net/ipv6/conf/all/forwarding", "0");
        raise_loopback();
    }
};

[[maybe_unused]] const auto *const registered = testing::AddGlobalTestEnvironment(new Netns);

}  // namespace

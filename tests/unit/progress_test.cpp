// SPDX-License-Identifier: Apache-2.0
#include "loader/base/progress.h"

#include <fcntl.h>
#include <pty.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/base/fd.h"

namespace pm {
namespace {

using std::chrono::milliseconds;

// A terminal, and what is written on it.
struct Terminal {
    Terminal() {
        int master = -1, slave = -1;
        EXPECT_EQ(openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
        own = Fd(master);
        theirs = Fd(slave);
    }
    // Waits until something is there.
    std::string read_some() const {
        std::array<char, 256> bytes = {};
        const ssize_t size = read(own.get(), bytes.data(), bytes.size());
        return {bytes.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
    }
    std::string rest() const {
        fcntl(own.get(), F_SETFL, O_NONBLOCK);
        return read_some();
    }
    Fd own, theirs;
};

TEST(Progress, IsSaidOnATerminalAndWipedAway) {
    const Terminal terminal;
    {
        const Progress progress("reading", terminal.theirs.get(), milliseconds(1));
        EXPECT_THAT(terminal.read_some(), testing::HasSubstr("portmatrix: reading, 0 s"));
    }
    EXPECT_THAT(terminal.rest(), testing::EndsWith("\r\033[K"));
}

TEST(Progress, WhatIsQuickIsNotSaid) {
    const Terminal terminal;
    { const Progress progress("reading", terminal.theirs.get(), std::chrono::hours(1)); }
    EXPECT_EQ(terminal.rest(), "");
}

TEST(Progress, NothingIsSaidWhereNobodyLooks) {
    std::array<int, 2> ends = {};
    ASSERT_EQ(pipe2(ends.data(), O_NONBLOCK), 0);
    const Fd out(ends[0]), in(ends[1]);
    {
        const Progress progress("reading", in.get(), milliseconds(0));
        char byte = 0;
        EXPECT_LT(read(out.get(), &byte, 1), 0);
    }
    char byte = 0;
    EXPECT_LT(read(out.get(), &byte, 1), 0);
}

}  // namespace
}  // namespace pm

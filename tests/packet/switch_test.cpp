// SPDX-License-Identifier: Apache-2.0
// The loader switches to another record and is stopped after each instruction. Whenever that is,
// the programs read either the whole old record or the whole new one, with its fallback.
#include "loader/kernel/switch.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <optional>

#include <gtest/gtest.h>

#include "loader/base/clock.h"

namespace pm {
namespace {

class SwitchTest : public testing::Test {
protected:
    SwitchTest() {
        add("control", sizeof(pm_control), 1);
        add("images", 4096, PM_IMAGE_SLOTS);
        add("bans", 4096, PM_IMAGE_SLOTS);
        control_.emplace(open());
        pm_record first = {};
        first.mode = PM_MODE_ENFORCE;
        first.interfaces = 3;
        EXPECT_TRUE(control_->publish(first, 0));
    }

    void add(const char *name, std::uint32_t size, std::uint32_t count) {
        bpf_map_create_opts options = {};
        options.sz = sizeof(options);
        options.map_flags = BPF_F_MMAPABLE;
        maps_.add(name, Fd(bpf_map_create(BPF_MAP_TYPE_ARRAY, name, 4, size, count, &options)));
    }
    Switch open() const { return std::move(*Switch::open(maps_, Switch::Access::write)); }

    Maps maps_;
    std::optional<Switch> control_;
};

pm_record record(std::uint8_t image, pm_mode mode) {
    pm_record one = {};
    one.image = image;
    one.mode = static_cast<std::uint8_t>(mode);
    one.interfaces = 7;
    one.rollbacks = 5;
    return one;
}

// Runs `act` in a child, one instruction at a time.
class Stepped {
public:
    explicit Stepped(const std::function<void()> &act) : pid_(fork()) {
        if (pid_ != 0) {
            waitpid(pid_, nullptr, 0);
            return;
        }
        ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
        raise(SIGSTOP);
        act();
        _exit(0);
    }
    Stepped(const Stepped &) = delete;
    ~Stepped() {
        if (is_alive_) {
            kill(pid_, SIGKILL);
            waitpid(pid_, nullptr, 0);
        }
    }

    bool step() {  // false: it has ended
        int status = 0;
        ptrace(PTRACE_SINGLESTEP, pid_, nullptr, nullptr);
        waitpid(pid_, &status, 0);
        is_alive_ = WIFSTOPPED(status);
        return is_alive_;
    }

private:
    pid_t pid_;
    bool is_alive_ = true;
};

TEST_F(SwitchTest, AfterEachInstructionItIsOldOrNew) {
    // Far enough ahead for an emulated kernel, where each step takes long.
    const std::uint64_t deadline = boottime_ns() + 100'000'000'000'000;
    Switch writer = open();  // mapped before, so that only the publishing is stepped through
    std::uint64_t before = control_->state().epoch;
    auto act = [&] {
        (void)writer.publish_until(deadline, record(1, PM_MODE_ENFORCE), record(2, PM_MODE_AUDIT),
                                   before);
    };
    auto check = [&](bool is_new) {
        const Switch::State now = control_->state();
        EXPECT_EQ(now.epoch != before, is_new);
        EXPECT_EQ(now.pending, is_new);
        EXPECT_EQ(now.record.interfaces, is_new ? 7 : 3);
        EXPECT_EQ(now.record.image, is_new ? 1 : 0);
        EXPECT_EQ(now.record.deadline, is_new ? deadline : 0);
        if (!is_new) return;
        EXPECT_EQ(now.other.image, 2);
        EXPECT_EQ(now.other.mode, PM_MODE_AUDIT);
        EXPECT_EQ(now.other.deadline, 0u);
        EXPECT_GT(now.record.fallback >> PM_RECORD_BITS, now.epoch >> PM_RECORD_BITS);
    };

    std::size_t steps = 0, store = 0;
    for (Stepped child(act); child.step() && !HasFailure();) {
        steps++;
        if (store == 0 && control_->state().epoch != before) store = steps;
        check(store != 0);
    }
    ASSERT_GT(store, 50u);
    ASSERT_GT(steps, store + 10);

    // Kills a fresh child right before the store, and another right after it.
    for (const std::size_t stop : {store - 1, store}) {
        pm_record again = record(0, PM_MODE_ENFORCE);
        again.interfaces = 3;
        ASSERT_TRUE(control_->publish(again, control_->state().epoch));
        before = control_->state().epoch;
        {
            Stepped child(act);
            for (std::size_t i = 0; i < stop && child.step();) i++;
        }
        check(stop == store);
    }
    std::printf("stopped after each of %zu instructions, the store is number %zu\n", steps, store);
}

TEST_F(SwitchTest, OnePastItsDeadlineGivesWayToItsFallback) {
    const std::uint64_t before = control_->state().epoch;
    ASSERT_TRUE(control_->publish_until(boottime_ns() - 1, record(1, PM_MODE_ENFORCE),
                                        record(2, PM_MODE_AUDIT), before));
    Switch::State state = control_->state();
    EXPECT_TRUE(state.expired);
    EXPECT_FALSE(state.pending);
    EXPECT_EQ(state.record.image, 2);
    EXPECT_EQ(state.other.image, 1);
    EXPECT_TRUE(control_->settle_expired());
    state = control_->state();
    EXPECT_FALSE(state.expired);
    EXPECT_EQ(state.record.image, 2);
    const std::uint64_t settled = state.epoch;
    EXPECT_TRUE(control_->settle_expired());
    EXPECT_EQ(control_->state().epoch, settled) << "nothing is left to settle";
}

TEST_F(SwitchTest, WhatIsNamedIsNotWrittenTo) {
    const std::vector<std::uint8_t> image(16, 7);
    ASSERT_TRUE(control_->publish_until(boottime_ns() + 1'000'000'000'000,
                                        record(1, PM_MODE_ENFORCE), record(0, PM_MODE_ENFORCE),
                                        control_->state().epoch));
    EXPECT_EQ(control_->write_image(image).value(), 2u);
    ASSERT_TRUE(control_->republish([](pm_record &one) { one.shadow = 3; }));
    const auto full = control_->write_image(image);
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().message, "no slot is free for another policy");
}

TEST_F(SwitchTest, AChangeHoldsForAPendingPolicyAndItsFallback) {
    const std::uint64_t deadline = boottime_ns() + 1'000'000'000'000;
    ASSERT_TRUE(control_->publish_until(deadline, record(1, PM_MODE_ENFORCE),
                                        record(0, PM_MODE_ENFORCE), control_->state().epoch));
    const std::uint64_t before = control_->state().epoch;
    ASSERT_TRUE(control_->republish([](pm_record &one) { one.bans = 2; }));
    const Switch::State state = control_->state();
    EXPECT_GT(state.epoch >> PM_RECORD_BITS, before >> PM_RECORD_BITS);
    EXPECT_TRUE(state.pending);
    EXPECT_EQ(state.record.deadline, deadline);
    EXPECT_EQ(state.record.bans, 2);
    EXPECT_EQ(state.other.bans, 2);
    EXPECT_EQ(state.record.image, 1);
    EXPECT_EQ(state.other.image, 0);
}

TEST_F(SwitchTest, WhoComesTooLateChangesNothing) {
    const std::uint64_t before = control_->state().epoch;
    ASSERT_TRUE(control_->publish(record(1, PM_MODE_ENFORCE), before));
    EXPECT_FALSE(control_->publish(record(2, PM_MODE_ENFORCE), before));
    EXPECT_EQ(control_->state().record.image, 1);
}

}  // namespace
}  // namespace pm

// SPDX-License-Identifier: Apache-2.0
// A policy on the device edge0, as its parachute and as the image that the programs read.
#pragma once

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "loader/parachute/render.h"
#include "loader/parachute/table.h"
#include "policy/image/compile.h"
#include "policy/model/bans.h"
#include "tests/support/kernel.h"
#include "tests/support/policies.h"
#include "tests/support/wire.h"

namespace pm::test {

// The policy on one interface, as its parachute and as an image.
struct Site {
    Policy policy;
    std::size_t zone = 0;
};

inline std::string zone_interface(const Site &site) {
    return site.policy.interfaces.empty() ? interface_name : site.policy.interfaces[site.zone].name;
}

inline void load_programs(const Site &site) {
    CompileOptions options;
    options.interfaces.resize(interface_number + 1);
    options.interfaces[interface_number] = zone_interface(site);
    auto image = compile(site.policy, options);
    ASSERT_TRUE(image) << image.error();
    Kernel::shared().load_candidate(*image);
}

inline void load_parachute(const std::string &commands, const Site &site,
                           const std::vector<Ban> &bans = {}) {
    const Done done = pm::parachute::load_table(
        commands,
        pm::parachute::Devices{.open = {}, .zones = {{"edge0", std::to_string(site.zone)}}}, bans);
    ASSERT_TRUE(done) << done.error().message;
}

class Parachute : public testing::Test {
protected:
    void TearDown() override { (void)parachute::remove_table(); }  // of this namespace only
    Wire wire_;
};

}  // namespace pm::test

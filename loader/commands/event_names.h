// SPDX-License-Identifier: Apache-2.0
// What the numbers in an event mean: the names of interfaces and rows of the policy in force.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "loader/kernel/deployment.h"
#include "loader/kernel/switch.h"

namespace pm::command {

class EventNames {
public:
    // `control` must outlive it.
    explicit EventNames(const Switch &control) : control_(control) {}

    // Reads the names again if another policy is in force. The names of interfaces and rows that
    // are gone stay known: events about them may still come.
    void refresh();

    const InForce &in_force() const { return in_force_; }
    std::string interface(unsigned number) const;  // "?": none has it
    std::string row(std::uint16_t slot) const;     // empty: none has it

private:
    const Switch &control_;
    std::uint64_t epoch_ = ~std::uint64_t{0};  // of the last refresh
    InForce in_force_;
    std::map<unsigned, std::string> interfaces_;
    std::map<std::uint16_t, std::string> rows_;
};

}  // namespace pm::command

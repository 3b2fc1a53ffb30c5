// SPDX-License-Identifier: Apache-2.0
// A list of steps to take back if a later one fails.
#pragma once

#include <functional>
#include <utility>
#include <vector>

namespace pm {

// Its destructor takes back all steps, the last one first. After keep() it takes back none.
class Undo {
public:
    Undo() = default;
    Undo(const Undo &) = delete;  // each step is taken back once
    Undo &operator=(const Undo &) = delete;
    ~Undo() {
        for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) (*step)();
    }
    void add(std::function<void()> step) { steps_.push_back(std::move(step)); }
    void keep() { steps_.clear(); }

private:
    std::vector<std::function<void()>> steps_;
};

}  // namespace pm

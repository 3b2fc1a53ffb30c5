// SPDX-License-Identifier: Apache-2.0
// What to take back if the rest fails.
#pragma once

#include <functional>
#include <utility>
#include <vector>

namespace pm {

// Takes back what was done unless it is told to keep it; the last deed first.
class Undo {
public:
    Undo() = default;
    Undo(const Undo &) = delete;  // each deed is taken back once
    Undo &operator=(const Undo &) = delete;
    ~Undo() {
        for (auto deed = deeds_.rbegin(); deed != deeds_.rend(); ++deed) (*deed)();
    }
    void add(std::function<void()> deed) { deeds_.push_back(std::move(deed)); }
    void keep() { deeds_.clear(); }

private:
    std::vector<std::function<void()>> deeds_;
};

}  // namespace pm

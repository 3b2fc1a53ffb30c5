// SPDX-License-Identifier: Apache-2.0
// A list of steps to take back if a later one fails.
#pragma once

#include <functional>
#include <utility>
#include <vector>

namespace pm {

// When it goes, it takes back all steps, the last one first; after keep() none.
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

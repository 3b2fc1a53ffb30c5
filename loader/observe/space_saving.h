// SPDX-License-Identifier: Apache-2.0
// Sums by key in bounded memory: the space-saving sketch (Metwally, Agrawal, El Abbadi, 2005).
//
// There are at most `most` keys. A new one beyond them takes the place, and the sum, of the one
// with the smallest sum. So
// - a sum is never too small, and too large by at most `over`, which each entry knows,
// - `over` is at most the total of all that was added, divided by `most`,
// - every key of which more than that was added is there.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

namespace pm {

// `Note`: what is kept beside a sum; it begins anew with each key.
template <typename Key, typename Note>
class SpaceSaving {
public:
    explicit SpaceSaving(std::size_t most) : most_(most) {}

    struct Entry {
        Key key;
        std::uint64_t sum = 0, over = 0;
        Note note = {};
    };

    Note &add(const Key &key, std::uint64_t amount) {
        auto found = entries_.find(key);
        if (found != entries_.end()) {
            order_.erase({found->second.sum, key});
        } else {
            const std::uint64_t over = entries_.size() < most_ ? 0 : give_up_smallest();
            found = entries_.emplace(key, Entry{key, over, over, {}}).first;
        }
        found->second.sum += amount;
        order_.insert({found->second.sum, key});
        total_ += amount;
        return found->second.note;
    }

    // Those of which most was added for sure come first.
    std::vector<Entry> largest() const {
        std::vector<Entry> all;
        for (const auto &[key, entry] : entries_) all.push_back(entry);
        std::stable_sort(all.begin(), all.end(), [](const Entry &a, const Entry &b) {
            return a.sum - a.over > b.sum - b.over;
        });
        return all;
    }

    std::uint64_t total() const { return total_; }
    std::size_t size() const { return entries_.size(); }
    void clear() { *this = SpaceSaving(most_); }

private:
    std::uint64_t give_up_smallest() {
        const auto smallest = order_.begin();
        const std::uint64_t sum = smallest->first;
        entries_.erase(smallest->second);
        order_.erase(smallest);
        return sum;
    }

    std::size_t most_;
    std::uint64_t total_ = 0;
    std::map<Key, Entry> entries_;
    std::set<std::pair<std::uint64_t, Key>> order_;  // by sum, smallest first
};

}  // namespace pm

// SPDX-License-Identifier: Apache-2.0
// How long generations are kept, and how much of them.
//
//   whole    with the image: the newest ten that were confirmed, and what boot and rollback need
//   as text  policy, set files, and the policy as it was written: 400 days, and at least the last
//            50 generations, confirmed or not
//
// What is kept as text alone may take 256 MB of disk together. That bound counts more than the
// other two: beyond it the oldest go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace pm {

struct RetentionLimits {
    std::size_t whole = 10;    // confirmed generations with their image
    std::size_t as_text = 50;  // generations at least
    std::uint64_t days = 400;
    std::uint64_t disk = std::uint64_t{256} << 20;  // bytes
};

// What decides about a generation.
struct StoredGeneration {
    std::uint64_t number = 0;
    bool confirmed = true;
    std::uint64_t applied_at = 0;             // ns since the epoch
    std::uint64_t disk = 0;                   // bytes that its text takes
    std::vector<std::string> set_files = {};  // by their SHA-256
};

struct Retention {
    std::set<std::uint64_t> whole;    // keep the image too
    std::set<std::uint64_t> as_text;  // keep the text alone
    std::vector<std::uint64_t> cut;   // go only because the disk is bounded
};

// `stored`: ascending. `needed`: by boot and rollback. `set_sizes`: bytes on disk by SHA-256.
// `now`: ns since the epoch; what is younger than that stays.
Retention choose_kept(const std::vector<StoredGeneration> &stored,
                      const std::set<std::uint64_t> &needed,
                      const std::map<std::string, std::uint64_t> &set_sizes, std::uint64_t now,
                      const RetentionLimits &limits = {});

// "1 to 12, 14" of ascending numbers.
std::string numbers_text(const std::vector<std::uint64_t> &numbers);

}  // namespace pm

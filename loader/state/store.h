// SPDX-License-Identifier: Apache-2.0
// What outlives a reboot, under the state folder:
//
//   generations/N/       a policy as it was put in force: `image` (compiled), `policy.yaml`
//                        (resolved), `about.json`; written aside, synced, renamed
//   generations/N.unconfirmed/  the same while it waits to be confirmed
//   sets/SHA256          the set files that they name, each once
//   confirmed.json       which generation boot puts in force, and the one before it
//
// Written by commands that hold the writer's lock; whoever is killed leaves what was there.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "maps/abi.h"
#include "policy/image/compile.h"
#include "policy/model/model.h"

namespace pm {

// How a policy was put in force.
struct Generation {
    std::uint64_t number = 0;
    std::string policy;  // its name
    std::string sha256;
    std::uint64_t applied_at = 0;  // ns since the epoch
    pm_mode mode = PM_MODE_ENFORCE;
    std::vector<std::string> interfaces;  // that it was put in force on
    std::string xdp = "auto";             // as asked for: auto, native, generic
    std::uint32_t flow_capacity = 0;
    std::string image_sha256;
    std::vector<std::string> set_files;  // where its set files were read, in the policy's order
};

// What boot puts in force. A command that is killed before its switch leaves `previous` in force,
// with `earlier` before it.
struct Confirmed {
    std::uint64_t generation = 0;
    std::uint64_t previous = 0;  // 0: none
    std::uint64_t earlier = 0;   // Store::confirm() fills it in
};

class Store {
public:
    // The folder need not exist; who writes makes it.
    static Result<Store> open(const Paths &paths);

    // Numbers of the confirmed generations that are there, ascending.
    std::vector<std::uint64_t> confirmed_numbers() const;
    // The same, confirmed or not.
    std::vector<std::uint64_t> all_numbers() const;
    // The highest number that is taken, by a confirmed generation or not; 0: none.
    std::uint64_t last_number() const;

    // Keeps a generation whole, with the set files of its policy, as one that waits to be
    // confirmed. On return it is on disk.
    Done keep(Generation generation, const Image &image, const Policy &policy);

    Result<Generation> generation(std::uint64_t number) const;
    // The same, confirmed or not.
    Result<Generation> kept(std::uint64_t number) const;
    // Fails if the file is not the one that was written.
    Result<Image> image(const Generation &generation) const;
    std::filesystem::path policy_path(std::uint64_t number) const;
    // The same of one that waits to be confirmed.
    std::filesystem::path unconfirmed_policy_path(std::uint64_t number) const {
        return unconfirmed(number) / "policy.yaml";
    }
    // Of a generation that is kept, confirmed or not.
    Result<std::string> policy_text(std::uint64_t number) const;

    // What boot puts in force; none: nothing was ever confirmed.
    Result<std::optional<Confirmed>> confirmed() const;
    Done confirm(Confirmed confirmed);
    // After a switch that failed: as it was before, as far as the disk allows. Nothing where it was
    // not readable either.
    void put_back(const std::optional<Confirmed> &before);

    // Removes what is older than the newest few and not in `keep`, what was never confirmed, and
    // sets that nothing names. The last number stays taken: history has it.
    void prune(const std::vector<std::uint64_t> &keep);

private:
    explicit Store(std::filesystem::path folder) : folder_(std::move(folder)) {}
    std::filesystem::path of(std::uint64_t number) const;
    std::filesystem::path unconfirmed(std::uint64_t number) const;
    Done keep_sets(const Policy &policy) const;
    Done write_confirmed(const Confirmed &confirmed) const;
    Done prepare() const;

    std::filesystem::path folder_;
    std::uint64_t promoted_ = 0;  // by the last confirm(): it waited to be confirmed
};

// The items of a policy's sets that are files, in the order of its text.
std::vector<SetItem *> file_items(Policy &policy);

}  // namespace pm

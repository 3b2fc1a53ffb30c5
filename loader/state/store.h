// SPDX-License-Identifier: Apache-2.0
// The policies that outlive a reboot. A policy as it was put in force is a generation.
//
// Words
//   stored        a generation that is on disk
//   unconfirmed   stored, and waits to be confirmed; boot never takes it
//   confirmed     stored, and boot may put it in force
//
// Layout of the folder STATE
//   generations/N/               a confirmed generation: `image` (compiled; an older one has none),
//                                `policy.yaml` (resolved), `about.json` (how it was put in force),
//                                `written.json` (the policy as it was written)
//   generations/N.unconfirmed/   an unconfirmed one; N is in one of the two folders
//   generations/new/             one that is being written, or removed
//   sets/SHA256                  the set files that the policies name, each once
//   confirmed.json               which generation boot puts in force, and the one before it
//   kept.json                    what prune() knows of the generations: see generation_index.h
//   (bans and histories lie there too: see ban_list.h and history.h)
//
// Releases before this one know neither kept.json nor written.json, and leave them alone. They
// remove what is older than the newest ten, and compile anew what has no image.
//
// What counts
//   For boot, confirmed.json says which generation is put in force, and the folder generations/N
//   what that is. While the host runs, the kernel says what is in force (kernel/deployment.h), and
//   the stored generation adds what the kernel does not know.
//
// Order of writes
//   save_unconfirmed()
//     1. the sets;
//     2. the files in generations/new, then that folder itself, all synced;
//     3. generations/new is renamed to N.unconfirmed, and generations is synced.
//   confirm()
//     4. N.unconfirmed is renamed to N, and generations is synced;
//     5. confirmed.json is written aside, synced and renamed.
//   the caller
//     6. the switch in the kernel (kernel/switch.h).
//   About.json of a confirmed generation is replaced when more is known of its NICs: written aside,
//   synced, renamed (save_about()).
//   With a deadline, step 6 follows step 3; the command `confirm` does steps 4 to 6 later.
//
// What a run that is killed leaves, and who cleans it
//   in 1 or 2   a set that nothing names: the next prune() removes it; a folder `new`: the next
//               save_unconfirmed() removes it.
//   after 3     an unconfirmed generation that is not in force: it stays, and the next prune() but
//               one removes its image.
//   after 4     a confirmed generation that confirmed.json does not name: it stays likewise.
//   after 5     confirmed.json names a generation that is not in force: the next change puts that
//               right (update/reconcile.h). A boot before that starts the new policy, which has
//               passed every test.
//   in prune()  a generation without its image, or a part of one that goes: the next prune() ends
//   it. Each file is the old or the new one, whole, at any instant. If a step fails, undo_confirm()
//   takes back 4 and 5.
//
// Who writes holds the writer's lock (base/lock.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "loader/state/generation.h"
#include "loader/state/written.h"
#include "policy/image/compile.h"
#include "policy/model/model.h"

namespace pm {

// What confirmed.json says. If a command is killed before its switch, `previous` is still in force,
// and `earlier` is the one before it.
struct Confirmed {
    std::uint64_t generation = 0;  // boot puts it in force
    std::uint64_t previous = 0;    // `rollback` goes back to it; 0: none
    std::uint64_t earlier = 0;     // Store::confirm() fills it in
};

class Store {
public:
    // The folder need not exist; who writes makes it.
    static Result<Store> open(const Paths &paths);

    using Numbers = std::vector<std::uint64_t>;
    Result<Numbers> confirmed_numbers() const;  // of confirmed generations, ascending
    Result<Numbers> all_numbers() const;        // of all that are stored, ascending
    Result<std::uint64_t> last_number() const;  // the highest of all; 0: none is stored

    // Stores a generation, with the set files of its policy. On return it is on disk.
    // `files`: the policy as it was written.
    Done save_unconfirmed(Generation generation, const Image &image, const Policy &policy,
                          const WrittenFiles &files);

    Result<Generation> generation(std::uint64_t number) const;      // a confirmed one
    Result<Generation> any_generation(std::uint64_t number) const;  // confirmed or not

    // Replaces what is stored about a confirmed generation: what its NICs are known by.
    Done save_about(const Generation &generation) const;

    // The image of a confirmed generation. A fault if the file is not the one that was written.
    Result<Image> image(const Generation &generation) const;

    // The policy.yaml of a generation, confirmed or not, and its text.
    std::filesystem::path policy_path(std::uint64_t number) const;
    Result<std::string> policy_text(std::uint64_t number) const;
    // The policy as it was written; empty: that was not kept.
    Result<WrittenFiles> written(std::uint64_t number) const;

    // None: nothing was ever confirmed.
    Result<std::optional<Confirmed>> confirmed() const;
    Result<std::optional<Generation>> confirmed_generation() const;  // what boot puts in force
    // Boot puts this generation in force from now on. It may be confirmed already.
    Done confirm(Confirmed confirmed);
    // Takes the last confirm() back, for a switch that failed, as far as the disk allows. `before`
    // is what confirmed() said; none: nothing, or it could not be read.
    void undo_confirm(const std::optional<Confirmed> &before);

    // Removes what is kept no longer (retention.h): images, generations, and set files that nothing
    // names. The generations in `needed` stay whole, and so does the one with the highest number:
    // history has its number, and no other generation may get it. Where the folder, or a policy
    // that may name a set file, cannot be read, what it may need stays. Returns a sentence if the
    // bound of disk has removed what else would stay.
    std::optional<std::string> prune(const std::set<std::uint64_t> &needed);

private:
    explicit Store(std::filesystem::path folder) : folder_(std::move(folder)) {}
    std::filesystem::path generations() const { return folder_ / "generations"; }
    std::filesystem::path sets() const { return folder_ / "sets"; }
    std::filesystem::path confirmed_folder(std::uint64_t number) const;
    std::filesystem::path unconfirmed_folder(std::uint64_t number) const;
    std::filesystem::path stored_folder(std::uint64_t number) const;  // which of the two it is in
    std::filesystem::path index_path() const { return folder_ / "kept.json"; }
    Done write_confirmed(const Confirmed &confirmed) const;
    Done make_folders() const;

    std::filesystem::path folder_;
    std::uint64_t newly_confirmed_ = 0;  // the generation that the last confirm() renamed; 0: none
};

}  // namespace pm

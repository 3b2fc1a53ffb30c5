// SPDX-License-Identifier: Apache-2.0
// Puts a compiled policy in force on its interfaces, or changes nothing: what apply, rollback and
// restore have in common. Everything that can fail comes before the one store that switches; a
// rollout that is not committed takes back what it did. The caller holds the writer's lock.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "loader/attach/attach.h"
#include "loader/attach/exchange.h"
#include "loader/attach/targets.h"
#include "loader/base/undo.h"
#include "loader/kernel/deployment.h"
#include "loader/kernel/probe.h"
#include "loader/kernel/switch.h"
#include "loader/state/store.h"
#include "loader/update/session_guard.h"
#include "policy/image/compile.h"
#include "policy/judge/question.h"

namespace pm {

struct Candidate {
    Image image;  // placed for the numbers and counters of Rollout::placement()
    std::vector<Target> targets;
    std::uint32_t flow_capacity = 65536;
    XdpMode xdp = XdpMode::automatic;
    bool partly = false;  // on those interfaces that can be attached to, rather than on all or none
};

// Makes what the programs fell back to at a deadline what was published last, and records it. What
// is told of that; nothing: no deadline has passed.
Result<std::optional<std::string>> settle_expiry(const Paths &paths, const Pins &pins,
                                                 Switch &control);

class Rollout {
public:
    explicit Rollout(Paths paths) : paths_(std::move(paths)) {}

    // What is in force now. A policy whose confirm deadline has passed is settled first: see
    // rolled_back(). Ends what an interrupted command began.
    Done open();
    const InForce &before() const { return before_; }
    const Switch *control() const { return control_ ? &*control_ : nullptr; }
    Switch *writer() { return control_ ? &*control_ : nullptr; }
    const Pins *pins() const { return pins_ ? &*pins_ : nullptr; }
    // What is told of that.
    const std::optional<std::string> &rolled_back() const { return rolled_back_; }

    // Numbers for the interfaces and counters for the rows of a policy put in force on `targets`.
    CompileOptions placement(const std::vector<Target> &targets) const;

    // Loads and attaches what is missing and writes the image into a slot that no packet reads.
    // New interfaces are not filtered before the commit.
    Done prepare(Candidate candidate);

    // Has the programs in the kernel judge these first packets by the prepared policy. They must
    // say what the same look-ups say here.
    Done probe(const std::vector<Question> &questions) const;
    // Refuses if an SSH session of this host would be cut; `way_out` is the hint.
    Done guard(pm_mode mode, const std::string &way_out) const;

    // Writes bans (compile_bans(); empty: none) into a slot that no packet reads, in a larger map
    // if need be. commit() and commit_bans() put them in force.
    Done place_bans(const std::vector<std::uint8_t> &bans);
    Done guard_bans(const std::string &way_out) const;
    Done commit_bans();

    pm_view image() const { return control_->image(slot_); }
    const std::vector<Target> &targets() const { return candidate_.targets; }
    // Of a candidate that is put in force partly, why not on the others, a sentence each.
    const std::vector<std::string> &unfit() const { return unfit_; }

    // Judges by the prepared policy from now on, on the candidate's interfaces. With `deadline`
    // (CLOCK_BOOTTIME ns) only until then, unless it is confirmed. A way back counts as a rollback.
    enum class Way { on, back };
    Done commit(pm_mode mode, std::uint64_t deadline, Way way = Way::on);
    // Judges by it beside the policy in force.
    Done commit_shadow();

    // Why no ban is in force though some are kept; empty: it is not so.
    const std::string &lost_bans() const { return lost_bans_; }

    const std::vector<std::string> &notes() const { return notes_; }

private:
    Done open_control();
    Done settle();
    Done make_room(const SlotSizes &sizes);
    Done place_kept_bans();
    Judgement judgement_of(const pm_record &record) const;
    Done load();
    Done attach();
    Done attach_target(const Target &target, const Program *program);
    void detach_target(const Target &target);
    Done clear_new();
    void forget_detached();

    Paths paths_;
    std::optional<Pins> pins_;
    std::optional<Switch> control_;
    InForce before_;
    std::optional<std::string> rolled_back_;
    Candidate candidate_;
    std::uint32_t slot_ = 0;
    std::uint8_t bans_ = 0;              // as in pm_record
    std::optional<Program> probes_;      // with the shared maps, where they are new
    std::map<unsigned, Program> hooks_;  // of interfaces that have none yet, by number
    std::string lost_bans_;
    std::vector<std::string> notes_, unfit_;
    Undo undo_;  // last: undone while the rest is still there
};

}  // namespace pm

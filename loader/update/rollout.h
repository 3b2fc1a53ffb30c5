// SPDX-License-Identifier: Apache-2.0
// Puts a compiled policy in force on its interfaces, or changes nothing. What apply, rollback,
// restore, watch and ban have in common. The caller holds the writer's lock.
//
// The steps, and how each is undone
//
// 1. open() reads what is pinned and in force. First it ends what an interrupted command began: an
//    exchange of programs (exchange.h), and a deadline that has passed (expiry.h). And it takes
//    over what a release with an older layout has attached (layout_takeover.h). None of these
//    changes what packets meet, and none is undone.
// 2. prepare() does everything that can fail:
//    a. replaces programs of another build, and maps whose slots are too small for the image. Not
//       undone: the new programs judge as the old ones;
//    b. loads programs for the interfaces that have none, and at the very first the shared maps and
//       the probe programs. The kernel drops what is not pinned when this process ends;
//    c. pins and attaches them, and links that were removed. Of an absent interface the programs
//       are pinned, so that it needs only its links when it comes. Undone: the new interfaces are
//       detached; if nothing was pinned before, all pins are removed. Links that others have left
//       are taken over after the switch (attach/takeover.h);
//    d. clears the counters of rows that are new on an interface. Not undone: no row in force
//       counts there;
//    e. writes the stored bans and the image into slots that no packet reads. Not undone: the next
//       writer takes these slots.
// 3. The caller tests (run_test_packets(), guard()), and writes the state folder. Nothing is in
//    force yet.
// 4. commit() writes the record of the next epoch, then stores the epoch: one store of 64 bits.
//    This is the switch. After it nothing is undone, and nothing is a fault.
//
// A Rollout that is destroyed before its commit undoes what it did, the last step first.
//
// What a packet meets
//
// A packet reads the epoch once, then the record that the epoch names, and the image and bans in
// the slots that the record names. It meets the old policy or the new one, whole. A new interface
// has programs before the switch, but the record does not name it: everything passes there.
//
// If the command is killed
//
// - Before the switch, the old policy stays in force. New interfaces may be attached, and
//   everything passes there. At the very first, maps without a record may be pinned: mode off.
// - Between the state folder and the switch, the disk names the new generation and the kernel has
//   the old one: reconcile.h.
// - After the switch, the new policy is in force. An interface may still be known by an old name,
//   or be listed as detached.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "loader/attach/takeover.h"
#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "loader/base/undo.h"
#include "loader/kernel/deployment.h"
#include "loader/kernel/pins.h"
#include "loader/kernel/probe.h"
#include "loader/kernel/program.h"
#include "loader/kernel/switch.h"
#include "loader/update/candidate.h"

namespace pm {

struct SessionJudge;
struct SlotSizes;

class Rollout {
public:
    explicit Rollout(Paths paths) : paths_(std::move(paths)) {}

    Done open();
    // What was in force when open() returned, the expiry of a deadline settled.
    const InForce &in_force_before() const { return in_force_before_; }
    bool has_policy_in_force() const { return pins_ && in_force_before_.mode != PM_MODE_OFF; }
    // The note of settle_expiry(), if open() had to settle one.
    const std::optional<std::string> &expiry_note() const { return expiry_note_; }

    // Null where nothing is pinned.
    const Pins *pins() const { return pins_ ? &*pins_ : nullptr; }
    const Switch *control() const { return control_ ? &*control_ : nullptr; }
    Switch *writer() { return control_ ? &*control_ : nullptr; }

    // How to compile a policy for `targets`: the numbers of these interfaces, and the counters that
    // its rows keep or get.
    CompileOptions compile_options(const std::vector<Target> &targets) const;

    Done prepare(Candidate candidate);
    // The candidate's. With Extent::where_possible those that were attached to.
    const std::vector<Target> &targets() const { return candidate_.targets; }
    // Why prepare() did not attach to the others, a sentence each.
    const std::vector<std::string> &not_attached() const { return not_attached_; }
    // The slot that the image is in.
    std::uint32_t slot() const { return slot_; }
    pm_view image() const { return control_->image(slot_); }
    // The bans that the record will name.
    pm_view prepared_bans() const { return bans_ ? control_->bans(bans_ - 1u) : pm_view{}; }
    // The slots that the record will name.
    ProbedSlots prepared_slots() const;

    // What is to be said of SSH sessions of this host before the prepared policy is put in force, a
    // line each. Refuses if it would cut one that may not be cut; `hint` says what the user can do
    // then.
    enum class Cuts { refused, told };
    Result<std::vector<std::string>> guard(pm_mode mode, Cuts cuts, const std::string &hint) const;

    // Would commit() leave all as it is? True if every hook was attached before, nothing had to be
    // put right (a deadline, other programs), and what was prepared is byte by byte what is in
    // force, on the same interfaces. Notes of what cannot be put right make no difference.
    bool changes_nothing(pm_mode mode) const;

    // Puts the prepared policy in force on the candidate's interfaces.
    enum class Step { apply, rollback };
    struct Commit {
        pm_mode mode = PM_MODE_ENFORCE;
        // CLOCK_BOOTTIME ns, after which the fallback takes its place unless it is confirmed
        // before. The fallback is what is in force now; if nothing is, the same policy in audit
        // mode. None: the policy is in force for good.
        std::optional<std::uint64_t> deadline = std::nullopt;
        Step step = Step::apply;  // a rollback is counted in the record
    };
    Done commit(const Commit &commit);
    // Judges by the prepared policy beside the one in force.
    Done commit_shadow();

    // The bans alone: writes `bans` (compile_bans(); empty: none) into a slot that no packet reads,
    // in a larger map if need be; refuses if that would cut an SSH session; puts them in force.
    Done prepare_bans(const std::vector<std::uint8_t> &bans);
    Result<std::vector<std::string>> guard_bans(const std::string &hint) const;
    Done commit_bans();
    // Why prepare() could not read the stored bans, if no ban is in force for that reason; else
    // empty.
    const std::string &unread_bans() const { return unread_bans_; }

    // What the user should know of the steps so far, a sentence each.
    const std::vector<std::string> &notes() const { return notes_; }

private:
    void note_mended(const std::string &text);
    Done open_control();
    Done read_before();
    Done make_room(const SlotSizes &sizes);
    bool all_attached(const std::vector<Target> &targets) const;
    Done check_room(const ProgramOptions &options, std::size_t interfaces) const;
    Done load();
    Done attach();
    Done pin_target(const Target &target, const Program &program);
    Done attach_target(const Target &target, const Program *program);
    void detach_target(const Target &target);
    Done attach_later(const Target &target);
    void take_over_left();
    void tell_places();
    Done clear_new();
    void close_others();
    void tell_time();
    Done prepare_stored_bans();
    pm_record next_record(pm_mode mode) const;
    bool same_image() const;
    bool same_bans() const;
    SessionJudge judge_of(const pm_record &record) const;
    void forget_detached(bool is_pending);

    Paths paths_;
    std::optional<Pins> pins_;
    std::optional<Switch> control_;
    InForce in_force_before_;
    std::optional<std::string> expiry_note_;
    Candidate candidate_;
    bool was_attached_ = false;      // all targets, before prepare()
    bool has_mended_ = false;        // something was put right that is not the policy
    std::uint32_t slot_ = 0;         // of the prepared image
    std::uint8_t bans_ = 0;          // of the prepared bans, else those in force; as in pm_record
    std::optional<Program> probes_;  // with the shared maps, where they are new
    std::vector<LeftLink> left_;     // links without `abi`, and where they are
    std::vector<Target> later_;
    std::map<unsigned, Program> hooks_;  // of interfaces that have none yet, by number
    std::string unread_bans_;
    std::vector<std::string> notes_, not_attached_;
    Undo undo_;  // the last member: the deeds use the others
};

// Opens the rollout. A fault if no policy is in force.
Done open_in_force(Rollout &rollout);

}  // namespace pm

// SPDX-License-Identifier: Apache-2.0
#include "loader/update/rollout.h"

#include <algorithm>

#include <fmt/core.h>

#include "loader/attach/exchange.h"
#include "loader/attach/layout_takeover.h"
#include "loader/host/nft_close.h"
#include "loader/kernel/banned_now.h"
#include "loader/state/ban_list.h"
#include "loader/state/detached.h"
#include "loader/state/drift.h"
#include "loader/state/newest_time.h"
#include "loader/update/expiry.h"
#include "loader/update/kept_bans.h"
#include "loader/update/reset.h"
#include "loader/update/session_guard.h"
#include "loader/update/session_text.h"
#include "policy/image/ban_image.h"
#include "policy/image/catalog.h"
#include "policy/image/same.h"

namespace pm {
namespace {

constexpr std::size_t image_max = std::size_t{256} << 20;

// The policy that an image was compiled from; none: it cannot be read any more.
std::optional<Policy> policy_in(pm_view image) {
    const auto catalog = read_catalog(image);
    if (!catalog) return std::nullopt;
    auto policy = read_policy_in_force(*catalog);
    if (!policy) return std::nullopt;
    return std::move(*policy);
}

}  // namespace

Done Rollout::open_control() {
    control_.reset();
    return Switch::open(pins_->maps(), Switch::Access::write).map([&](Switch &&control) {
        control_.emplace(std::move(control));
    });
}

void Rollout::note_mended(const std::string &text) {
    has_mended_ = true;
    notes_.push_back(text);
}

Done Rollout::open() {
    auto taken = take_over_layout(paths_);
    if (!taken) return tl::unexpected(taken.error());
    if (!taken->empty()) note_mended(*taken);
    auto pins = Pins::open(paths_);
    if (!pins) return tl::unexpected(pins.error());
    pins_ = std::move(*pins);
    if (!pins_) return {};
    if (auto finished = finish_replacing(paths_, *pins_); !finished) return finished;
    // If there was an exchange to end, other maps are pinned now.
    if (pins_->maps().fd(next_name("images")) >= 0 || pins_->maps().fd(next_name("bans")) >= 0) {
        pins = Pins::open(paths_);
        if (!pins) return tl::unexpected(pins.error());
        pins_ = std::move(*pins);
    }
    return open_control().and_then([&] { return read_before(); });
}

Done Rollout::read_before() {
    auto expiry = settle_expiry(paths_, *pins_, *control_);
    if (!expiry) return tl::unexpected(expiry.error());
    expiry_note_ = std::move(*expiry);
    if (expiry_note_) note_mended(*expiry_note_);
    return read_in_force(*control_).map([&](InForce &&now) {
        in_force_before_ = std::move(now);
        bans_ = in_force_before_.state.record.bans;
    });
}

CompileOptions Rollout::compile_options(const std::vector<Target> &targets) const {
    CompileOptions options;
    options.interfaces.resize(PM_INTERFACES);
    for (const Target &one : targets) {
        options.interfaces[one.number] = one.name;
        if (!one.closed.empty()) options.closed.insert(one.number);
    }
    for (const CatalogRow &row : in_force_before_.catalog.rows) options.slots[row.id] = row.slot;
    // New rows get counters above those that the images in memory use. A row that has just left the
    // policy may still count, and that must not be taken for the count of another.
    for (std::uint32_t slot = 0; control_ && slot < PM_IMAGE_SLOTS; ++slot)
        if (auto catalog = read_catalog(control_->image(slot)))
            for (const CatalogRow &row : catalog->rows)
                options.last_slot = std::max(options.last_slot, row.slot);
    return options;
}

Done Rollout::prepare(Candidate candidate) {
    candidate_ = std::move(candidate);
    was_attached_ = all_attached(candidate_.targets);
    if (candidate_.image.bytes.size() > image_max)
        return fault(fmt::format("the policy needs {} MB of memory, more than {} MB",
                                 candidate_.image.bytes.size() >> 20, image_max >> 20),
                     "shorten its sets");
    tell_time();
    SlotSizes sizes;
    if (control_ && candidate_.image.bytes.size() > control_->image_slot_size())
        sizes.image = slot_size_for(candidate_.image.bytes.size(), ProgramOptions{}.image_slot);
    return make_room(sizes)
        .and_then([&] { return load(); })
        .and_then([&] { return attach(); })
        .and_then([&] { return clear_new(); })
        .and_then([&] { return prepare_stored_bans(); })
        .and_then([&] { return control_->write_image(candidate_.image.bytes); })
        .map([&](std::uint32_t slot) {
            slot_ = slot;
            close_others();
        });
}

// How far it is from the clock of the programs to UTC. Where that is not known no row with a date
// permits anything.
void Rollout::tell_time() {
    pm_image &header = candidate_.image.header();
    if (!(header.flags & PM_IMAGE_DATES)) return;
    const auto offset = utc_offset(paths_);
    header.utc = offset.value_or(0);
    if (!offset)
        notes_.push_back("warning: rows with a date permit nothing: " + with_hint(offset.error()));
}

// Devices that no program can close. Not undone: the next change says anew which these are.
void Rollout::close_others() {
    if (candidate_.without_number.empty() || !candidate_.closes) return;
    if (auto closed = close_by_nftables(paths_, candidate_.without_number); !closed)
        for (const Device &one : candidate_.without_number)
            not_attached_.push_back(fmt::format("{} may be an absent interface, and is open: {}",
                                                one.name, closed.error().message));
}

// Replaces the programs if they are of another build, or if `sizes` asks for larger slots.
Done Rollout::make_room(const SlotSizes &sizes) {
    if (!pins_) return {};
    auto other = is_other_build(*pins_);
    if (!other) return tl::unexpected(other.error());
    if (!*other && sizes.image == 0 && sizes.bans == 0) return {};
    const MapMemory larger{.shared = PM_IMAGE_SLOTS * (std::uint64_t{sizes.image} + sizes.bans)};
    if (const auto host = host_memory(); host && candidate_.extent == Extent::all_or_none)
        if (auto enough = check_memory(larger, *host); !enough) return enough;
    if (auto replaced = replace_programs(paths_, sizes); !replaced) return replaced;
    if (*other) note_mended("the programs were replaced by those of this build");
    auto pins = Pins::open(paths_);
    if (!pins) return tl::unexpected(pins.error());
    pins_ = std::move(*pins);
    return open_control();
}

Done Rollout::prepare_bans(const std::vector<std::uint8_t> &bans) {
    bans_ = 0;
    if (bans.empty()) return {};
    if (bans.size() > control_->bans_slot_size()) {
        SlotSizes sizes;
        sizes.bans = slot_size_for(bans.size(), 0);
        if (auto made = make_room(sizes); !made) return made;
    }
    return control_->write_bans(bans).map(
        [&](std::uint32_t slot) { bans_ = static_cast<std::uint8_t>(1 + slot); });
}

// Bans that cannot be read are no reason to refuse a policy. Those that only the programs know are
// put into the list at once, whatever becomes of the policy.
Done Rollout::prepare_stored_bans() {
    auto kept = read_kept_bans(paths_, control());
    if (auto listed = kept ? Result<std::vector<Ban>>() : read_bans(paths_); !kept && listed) {
        notes_.push_back("warning: the bans of the list alone are in force: " +
                         kept.error().message);
        kept = KeptBans{.listed = std::move(*listed), .unlisted = {}};
    }
    auto image = kept.and_then([](const KeptBans &bans) { return compiled_bans(bans.all()); });
    if (image && !kept->unlisted.empty()) {
        notes_.push_back(unlisted_text(*kept));
        auto written = make_private_folder(paths_.state).and_then([&] {
            return write_bans(paths_, kept->all());
        });
        if (!written) notes_.push_back("warning: " + written.error().message);
    }
    if (image) return prepare_bans(*image);
    if (bans_ == 0) unread_bans_ = image.error().message;
    notes_.push_back(
        fmt::format("warning: the bans cannot be read, and {}: {}; mend or remove the file, then "
                    "apply again",
                    bans_ ? "those in force stay" : "none is in force", image.error().message));
    return {};
}

ProbedSlots Rollout::prepared_slots() const {
    return {.image = slot_, .bans = bans_, .image_view = image(), .bans_view = prepared_bans()};
}

SessionJudge Rollout::judge_of(const pm_record &record) const {
    if (record.mode != PM_MODE_ENFORCE) return {};
    return {.image = control_->image(record.image),
            .bans = record.bans ? control_->bans(record.bans - 1u) : pm_view{},
            .interfaces = record.interfaces};
}

Result<std::vector<std::string>> Rollout::guard(pm_mode mode, Cuts cuts,
                                                const std::string &hint) const {
    if (mode != PM_MODE_ENFORCE) return std::vector<std::string>();
    auto found = pins_->interfaces().and_then([&](const std::vector<Pins::Interface> &interfaces) {
        return session_cuts(interfaces, judge_of(in_force_before_.state.record),
                            judge_of(next_record(mode)));
    });
    if (!found && cuts == Cuts::told) return std::vector{"warning: " + found.error().message};
    if (!found) return tl::unexpected(found.error());
    if (found->cut.empty()) return unknown_tunnel_lines(found->unknown);
    const auto policy = policy_in(image());
    if (cuts == Cuts::told) return cuts_told(*found, policy ? &*policy : nullptr);
    return tl::unexpected(cuts_refused(*found, policy ? &*policy : nullptr, hint));
}

// By the policy in force, and by the fallback that takes its place if nobody confirms it.
Result<std::vector<std::string>> Rollout::guard_bans(const std::string &hint) const {
    auto interfaces = pins_->interfaces();
    if (!interfaces) return tl::unexpected(interfaces.error());
    std::vector<pm_record> records{in_force_before_.state.record};
    if (in_force_before_.state.pending) records.push_back(in_force_before_.state.other);
    std::vector<std::string> lines;
    for (const pm_record &record : records) {
        pm_record after = record;
        after.bans = bans_;
        auto found = session_cuts(*interfaces, judge_of(record), judge_of(after));
        if (!found) return tl::unexpected(found.error());
        if (!found->cut.empty()) {
            const auto policy = policy_in(control_->image(record.image));
            return tl::unexpected(cuts_refused(*found, policy ? &*policy : nullptr, hint));
        }
        lines = unknown_tunnel_lines(found->unknown);
    }
    return lines;
}

Done Rollout::commit_bans() {
    return control_->republish([&](pm_record &record) { record.bans = bans_; });
}

Done Rollout::clear_new() {
    auto after = read_catalog(ImageView(candidate_.image.bytes).view());
    if (!after) return fault(fmt::format("the compiled policy is broken: {}", after.error()));
    std::vector<unsigned> numbers;
    for (const Target &target : candidate_.targets) numbers.push_back(target.number);
    return clear_new_rows(*pins_, numbers, *after, in_force_before_.catalog);
}

// The record in force, with what is prepared in its place.
pm_record Rollout::next_record(pm_mode mode) const {
    pm_record record = in_force_before_.state.record;
    record.image = static_cast<std::uint8_t>(slot_);
    record.mode = static_cast<std::uint8_t>(mode);
    record.shadow = 0;
    record.bans = bans_;
    record.interfaces = 0;
    for (const Target &target : candidate_.targets)
        record.interfaces = static_cast<std::uint16_t>(record.interfaces | 1u << target.number);
    return record;
}

bool Rollout::same_image() const {
    const std::vector<std::uint8_t> &bytes = candidate_.image.bytes;
    const pm_view now = control_->image(in_force_before_.state.record.image);
    return bytes.size() <= std::size_t{now.mask} + 1 &&
           is_same_image(bytes, {now.base, bytes.size()});
}

// The ends of bans are rounded to seconds each time that they are compiled.
bool Rollout::same_bans() const {
    constexpr std::uint64_t tolerance = 2'000'000'000;
    const auto before = banned_now(*control_);
    const auto after =
        bans_ ? banned_ranges(control_->bans(bans_ - 1u)) : std::vector<BannedRange>();
    return banned_longer(before, after, tolerance).empty() &&
           banned_longer(after, before, tolerance).empty();
}

bool Rollout::changes_nothing(pm_mode mode) const {
    if (!was_attached_ || !has_policy_in_force() || has_mended_ || !hooks_.empty() ||
        !later_.empty() || !left_.empty() || is_closed_by_nftables())  // an apply opens these
        return false;
    const auto detached = read_detached(paths_);
    if (!detached || detached->all) return false;
    for (const Target &target : candidate_.targets)
        if (std::ranges::find(detached->names, target.shown_name()) != detached->names.end())
            return false;
    const pm_record &now = in_force_before_.state.record;
    pm_record next = next_record(mode);
    next.image = now.image;
    next.bans = now.bans;
    return next.mode == now.mode && next.shadow == now.shadow &&
           next.interfaces == now.interfaces && same_image() && same_bans();
}

Done Rollout::commit(const Commit &commit) {
    pm_record record = next_record(commit.mode);
    if (commit.step == Step::rollback) record.rollbacks++;

    pm_record fallback = in_force_before_.state.record;
    if (fallback.mode == PM_MODE_OFF) {  // the first policy: its fallback is never an empty one
        fallback = record;
        fallback.mode = PM_MODE_AUDIT;
    }
    fallback.rollbacks = record.rollbacks + 1;
    fallback.bans = bans_;

    const std::uint64_t expected = in_force_before_.state.epoch;
    return (commit.deadline ? control_->publish_until(*commit.deadline, record, fallback, expected)
                            : control_->publish(record, expected))
        .map([&] {
            undo_.keep();
            // If it cannot be stored, `watch` says so.
            if (candidate_.image.header().flags & PM_IMAGE_DATES) (void)keep_newest_time(paths_);
            take_over_left();
            if (!commit.deadline) {
                name_entries(*pins_, candidate_.targets);
                for (const std::string &name : release_numbers(*pins_, record))
                    notes_.push_back(fmt::format(
                        "{} is not closed any more: it is no interface of the policy", name));
                if (candidate_.without_number.empty()) (void)close_by_nftables(paths_, {});
            }
            forget_detached(commit.deadline.has_value());
        });
}

// An interface that the policy holds on for good is no longer listed as detached by command: it is
// open again if nobody confirms it. After the switch nothing may fail: `watch` corrects the list.
void Rollout::forget_detached(bool is_pending) {
    auto detached = read_detached(paths_);
    if (!detached || (!detached->all && detached->names.empty())) return;
    detached->all = false;
    for (const Target &target : candidate_.targets)
        if (!is_pending) std::erase(detached->names, target.shown_name());
    (void)write_detached(paths_, *detached);
}

Done Rollout::commit_shadow() {
    if (auto cleared = clear_shadow(*pins_); !cleared) return cleared;
    return control_
        ->republish(
            [&](pm_record &record) { record.shadow = static_cast<std::uint8_t>(1 + slot_); })
        .map([&] { undo_.keep(); });
}

Done open_in_force(Rollout &rollout) {
    return rollout.open().and_then([&]() -> Done {
        if (rollout.has_policy_in_force()) return {};
        return tl::unexpected(no_policy_in_force());
    });
}

}  // namespace pm

// SPDX-License-Identifier: Apache-2.0
#include "loader/apply.h"

#include <time.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <map>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/targets.h"
#include "policy/compile.h"

namespace pm {
namespace {

constexpr std::uint32_t image_slot_min = 2u << 20;

// Takes back what was done unless it is told to keep it; the last deed first.
class Undo {
public:
    ~Undo() {
        for (auto deed = deeds_.rbegin(); deed != deeds_.rend(); ++deed) (*deed)();
    }
    void add(std::function<void()> deed) { deeds_.push_back(std::move(deed)); }
    void keep() { deeds_.clear(); }

private:
    std::vector<std::function<void()>> deeds_;
};

CompileOptions compile_options(const std::vector<Target> &targets, const Catalog &before,
                               const Switch *control) {
    CompileOptions options;
    options.interfaces.resize(PM_INTERFACES);
    for (const Target &one : targets) options.interfaces[one.number] = one.name;
    for (const CatalogRow &row : before.rows) options.slots[row.id] = row.slot;
    // Above every slot that an image which is still in memory uses, so that what a row counted
    // which has just left the policy is not taken for another's.
    for (std::uint32_t slot = 0; control && slot < PM_IMAGE_SLOTS; slot++)
        if (auto catalog = read_catalog(control->image(slot)))
            for (const CatalogRow &row : catalog->rows)
                options.last_slot = std::max(options.last_slot, row.slot);
    return options;
}

Result<std::uint32_t> slot_for(std::size_t image) {
    const std::size_t wanted = std::bit_ceil(2 * image);
    if (wanted > std::size_t{1} << 29)
        return fault(
            fmt::format("the policy needs {} MB of memory, more than {} MB", image >> 20, 256),
            "shorten its sets");
    return std::max(image_slot_min, static_cast<std::uint32_t>(wanted));
}

// Flows and counters of an interface that had the number before.
Done clear_number(const Pins &pins, unsigned number) {
    for (const char *table : {"outside", "opening", "assured"}) {
        auto map = Map<pm_flow_key, pm_flow>::of(pins.maps(), table);
        if (!map) return tl::unexpected(map.error());
        std::vector<pm_flow_key> old;
        auto walked = map->each([&](const pm_flow_key &key, const pm_flow &) {
            if (key.interface == number) old.push_back(key);
        });
        if (!walked) return walked;
        for (const pm_flow_key &key : old) map->remove(key);
    }
    auto drops = CounterArray<pm_drop_count>::of(pins.maps().fd("drops"), "drops");
    if (!drops) return tl::unexpected(drops.error());
    for (const unsigned direction : {PM_IN, PM_OUT})
        for (unsigned reason = 0; reason < PM_REASON_SLOTS; reason++)
            if (auto cleared = drops->clear(pm_drop_index(number, direction, reason)); !cleared)
                return cleared;
    auto dhcp = Map<std::uint32_t, pm_dhcp>::of(pins.maps(), "dhcp");
    if (!dhcp) return tl::unexpected(dhcp.error());
    return dhcp->put(number, {});
}

Done attach_target(const Pins &pins, const Target &target, const Program *program, XdpMode mode,
                   Undo &undo, std::vector<std::string> &notes) {
    if (!target.device) {
        notes.push_back(fmt::format("{} does not exist now and is not filtered", target.name));
        return {};
    }
    if (program) {
        undo.add([&pins, target] {
            pm_interface entry = {};
            entry.ifindex = target.device->index;
            detach(pins, {target.number, entry});
            pins.remove_interface(target.number);
            (void)pins.set_interface(target.number, {});
        });
        if (auto done = clear_number(pins, target.number); !done) return done;
        if (auto done = pins.pin_interface(target.number, *program); !done) return done;
    }
    auto attached = attach(pins, target.number, *target.device, mode);
    if (!attached) return tl::unexpected(attached.error());
    if (!attached->note.empty()) notes.push_back(attached->note);
    const std::vector<std::string> vlans = vlans_of(target.name);
    if (program && !vlans.empty())
        notes.push_back(
            fmt::format("the policy holds for {} as for {}", fmt::join(vlans, ", "), target.name));
    return {};
}

// Counters of rows that were not in the policy before start at zero.
Done clear_new_rows(const Pins &pins, const std::vector<Target> &targets, const Image &image,
                    const Catalog &before) {
    auto after = read_catalog(ImageView(image.bytes).view());
    if (!after) return fault(fmt::format("the compiled policy is broken: {}", after.error()));
    std::vector<bool> stays(PM_ROW_SLOTS);
    for (const CatalogRow &row : before.rows) stays[row.slot] = true;
    for (const Target &target : targets) {
        if (!target.device) continue;
        auto fd = open_pin(pins.path(target.number, "rows"));
        if (!fd) return tl::unexpected(fd.error());
        auto rows = CounterArray<pm_row_count>::of(fd->get(), "rows");
        if (!rows) return tl::unexpected(rows.error());
        for (const CatalogRow &row : after->rows) {
            if (stays[row.slot]) continue;
            if (auto cleared = rows->clear(row.slot); !cleared) return cleared;
        }
    }
    return {};
}

std::uint64_t realtime_ns() {
    timespec now = {};
    clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec);
}

// One apply, in its order: what can fail without a trace first, the switch last.
class Work {
public:
    Work(const Places &places, const Policy &policy, const ApplyRequest &request)
        : places_(places), policy_(policy), request_(request) {}

    Done open();    // what is in force now
    Done plan();    // interfaces and image; the kernel is not touched
    Done load();    // programs and maps, not pinned
    Done attach();  // pins and links: under mode off at first, else under the policy in force
    Result<Applied> switch_over();

private:
    Done open_control();

    const Places &places_;
    const Policy &policy_;
    const ApplyRequest &request_;
    std::optional<Pins> pins_;
    std::optional<Switch> control_;
    InForce before_;
    std::vector<Target> targets_;
    Image image_;
    std::uint32_t image_slot_ = 0;
    std::optional<Program> probes_;      // with the shared maps, where they are new
    std::map<unsigned, Program> hooks_;  // of interfaces that have none yet, by number
    Applied applied_;
    Undo undo_;  // last: undone while the rest is still there
};

Done Work::open_control() {
    return Switch::open(pins_->maps(), Switch::Access::write).map([&](Switch &&control) {
        control_.emplace(std::move(control));
    });
}

Done Work::open() {
    auto pins = Pins::open(places_);
    if (!pins) return tl::unexpected(pins.error());
    pins_ = std::move(*pins);
    if (!pins_) return {};
    if (auto opened = open_control(); !opened) return opened;
    return read_in_force(*control_).map([&](InForce &&now) { before_ = std::move(now); });
}

Done Work::plan() {
    const Switch *control = control_ ? &*control_ : nullptr;
    auto targets = choose_targets(pins_ ? &*pins_ : nullptr, control, policy_, request_.interfaces);
    if (!targets) return tl::unexpected(targets.error());
    targets_ = std::move(*targets);

    auto image = compile(policy_, compile_options(targets_, before_.catalog, control));
    if (!image) return fault(image.error(), {}, Exit::invalid);
    image_ = std::move(*image);
    auto slot = slot_for(image_.bytes.size());
    if (!slot) return tl::unexpected(slot.error());
    image_slot_ = *slot;
    if (control && image_.bytes.size() > control->image_slot_size())
        return fault(
            fmt::format("the policy needs {} kB, and the memory made at the first attach "
                        "holds {} kB",
                        (image_.bytes.size() + 1023) >> 10, control->image_slot_size() >> 10),
            "detach and apply again: that makes it anew, and counters start at zero");
    return {};
}

Done Work::load() {
    ProgramOptions options;
    options.image_slot = image_slot_;
    options.flow_capacity = policy_.flow_capacity;
    if (!pins_) {
        options.hooks = false;
        auto loaded = Program::load(options);
        if (!loaded) return tl::unexpected(loaded.error());
        probes_.emplace(std::move(*loaded));
    }
    options.hooks = true;
    options.probes = false;
    options.shared = probes_ ? &probes_->maps() : &pins_->maps();
    for (const Target &target : targets_) {
        if (!target.device || (!target.is_new && pins_->has_interface(target.number))) continue;
        options.interface = target.number;
        options.lacp = target.device->bond;
        auto loaded = Program::load(options);
        if (!loaded) return tl::unexpected(loaded.error());
        hooks_.emplace(target.number, std::move(*loaded));
    }
    return {};
}

Done Work::attach() {
    if (!pins_) {
        auto created = Pins::create(places_, *probes_);
        if (!created) return tl::unexpected(created.error());
        pins_ = std::move(*created);
        undo_.add([this] { Pins::remove_all(places_); });
        if (auto opened = open_control(); !opened) return opened;
    }
    for (const Target &target : targets_) {
        auto hooks = hooks_.find(target.number);
        auto done = attach_target(*pins_, target, hooks == hooks_.end() ? nullptr : &hooks->second,
                                  request_.xdp, undo_, applied_.notes);
        if (!done) return done;
        if (target.device) applied_.interfaces.push_back(target.name);
    }
    return {};
}

Result<Applied> Work::switch_over() {
    if (auto cleared = clear_new_rows(*pins_, targets_, image_, before_.catalog); !cleared)
        return tl::unexpected(cleared.error());
    image_.header().generation = applied_.generation = before_.catalog.generation + 1;
    image_.header().applied_at = realtime_ns();
    auto slot = control_->write_image(image_.bytes);
    if (!slot) return tl::unexpected(slot.error());

    pm_record record = before_.record;
    record.image = *slot;
    record.deadline = record.fallback = 0;
    if (request_.mode)
        record.mode = *request_.mode;
    else if (record.mode == PM_MODE_OFF)
        record.mode = PM_MODE_ENFORCE;
    applied_.mode = static_cast<pm_mode>(record.mode);
    if (auto published = control_->publish(record, before_.epoch); !published)
        return tl::unexpected(published.error());
    undo_.keep();
    return std::move(applied_);
}

}  // namespace

Result<Applied> apply(const Places &places, const Policy &policy, const ApplyRequest &request) {
    Work work(places, policy, request);
    return work.open()
        .and_then([&] { return work.plan(); })
        .and_then([&] { return work.load(); })
        .and_then([&] { return work.attach(); })
        .and_then([&] { return work.switch_over(); });
}

}  // namespace pm

// SPDX-License-Identifier: Apache-2.0
#include "loader/attach/known_targets.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/core.h>

#include "loader/attach/attach.h"
#include "loader/attach/recognise.h"
#include "policy/base/text.h"

namespace pm {
namespace {

Nic named_only(const std::string &name) {
    Nic nic;
    nic.name = name;
    return nic;
}

// The NICs in the order of the interfaces. Those that were detached count as others.
KnownNics without_detached(KnownNics known) {
    if (known.nics.size() != known.interfaces.size()) {
        known.nics.clear();
        for (const std::string &name : known.interfaces) known.nics.push_back(named_only(name));
    }
    for (const Nic &one : known.nics)
        if (contains(known.detached, one.name)) known.others.push_back(one);
    std::erase_if(known.nics, [&](const Nic &one) { return contains(known.detached, one.name); });
    return known;
}

// What can be had without the list of all interfaces: the devices that have the names.
std::vector<HostNic> present_by_name(const std::vector<Nic> &nics) {
    std::vector<HostNic> present;
    for (const Nic &one : nics) {
        auto device = find_device(one.name);
        if (!device) continue;
        HostNic found;
        found.nic = one;  // so that nothing speaks against the name
        found.nic.name = device->name;
        found.nic.alternative_names = {one.name};
        found.index = device->index;
        found.loopback = device->loopback;
        found.ethernet = device->ethernet;
        present.push_back(std::move(found));
    }
    return present;
}

// An interface that has a number, and the device that its programs are on.
struct Numbered {
    Pins::Interface interface;
    std::uint32_t index = 0;  // 0: they are on none
};

class Chooser {
public:
    Chooser(const Pins *pins, const KnownNics &known, Extent extent)
        : pins_(pins), known_(without_detached(known)), extent_(extent) {}
    Result<KnownTargets> choose();

private:
    Done read_numbers();
    Done add_nic(const Nic &nic, const Identity &identity);
    void add_stranger(const Stranger &stranger);
    Target target_of(const std::string &name, const HostNic *now, const Nic *recorded);
    std::optional<unsigned> number_of(const std::string &name, std::uint32_t index) const;
    std::optional<unsigned> new_number() const;
    std::vector<std::uint32_t> linked() const;
    std::string name_of_stranger(const HostNic &device) const;

    const Pins *pins_;
    const KnownNics known_;
    const Extent extent_;
    std::vector<HostNic> present_;
    std::vector<Numbered> numbered_;
    KnownTargets result_;
};

Done Chooser::read_numbers() {
    if (!pins_) return {};
    auto interfaces = pins_->interfaces();
    if (!interfaces) return tl::unexpected(interfaces.error());
    for (const Pins::Interface &one : *interfaces)
        numbered_.push_back({one, linked_device(*pins_, one)});
    return {};
}

// The number of the programs that are on the device; else the one that was kept for the name.
std::optional<unsigned> Chooser::number_of(const std::string &name, std::uint32_t index) const {
    for (const Numbered &one : numbered_)
        if (index != 0 && one.index == index) return one.interface.number;
    for (const Numbered &one : numbered_) {
        const bool is_taken =
            one.index != 0 || std::ranges::find(result_.targets, one.interface.number,
                                                &Target::number) != result_.targets.end();
        if (!is_taken && one.interface.name() == name) return one.interface.number;
    }
    return std::nullopt;
}

std::optional<unsigned> Chooser::new_number() const {
    std::vector<unsigned> used;
    for (const Numbered &one : numbered_) used.push_back(one.interface.number);
    for (const Target &one : result_.targets) used.push_back(one.number);
    return free_number(used);
}

Target Chooser::target_of(const std::string &name, const HostNic *now, const Nic *recorded) {
    Target target;
    target.name = name;
    if (recorded) target.recorded = *recorded;
    if (!now) return target;
    target.now = now->nic;
    // It may have been renamed since the list was read.
    if (auto device = find_device_by_index(now->index)) target.device = std::move(*device);
    return target;
}

Done Chooser::add_nic(const Nic &nic, const Identity &identity) {
    const HostNic *now = identity.device ? &present_[*identity.device] : nullptr;
    // A generation of an earlier release may have an alternative name.
    const bool is_alternative =
        now && nic.address.empty() && contains(now->nic.alternative_names, nic.name);
    Target target = target_of(nic.name, now, &nic);
    if (is_alternative) target.shown = now->nic.name;
    target.renamed = identity.renamed;
    target.replaced = identity.replaced;
    target.closed = identity.closed;
    auto number = number_of(target.shown_name(), target.device ? target.device->index : 0);
    target.is_new = !number;
    if (!number) {
        if (target.device)
            if (auto fits = check_attachable(*target.device); !fits) return fits;
        number = new_number();
    }
    if (!number) {
        if (target.device) result_.without_number.push_back(*target.device);
        return fault(fmt::format("{}: more than {} interfaces", nic.name, PM_INTERFACES),
                     "detach one that is not needed");
    }
    target.number = *number;
    result_.targets.push_back(std::move(target));
    return {};
}

// For each NIC the device that has its programs; 0: none.
std::vector<std::uint32_t> Chooser::linked() const {
    std::vector<std::uint32_t> indexes;
    for (const Nic &nic : known_.nics) {
        const auto found = std::ranges::find_if(numbered_, [&](const Numbered &one) {
            return one.interface.name() == nic.name && one.interface.entry.stranger == 0;
        });
        indexes.push_back(found == numbered_.end() ? 0 : found->index);
    }
    return indexes;
}

// Its name, unless an interface of the policy goes by it. No real name has a colon.
std::string Chooser::name_of_stranger(const HostNic &device) const {
    const bool is_taken =
        std::ranges::find(known_.nics, device.nic.name, &Nic::name) != known_.nics.end();
    if (!is_taken) return device.nic.name;
    const std::string suffix = fmt::format(":{}", device.index);
    return device.nic.name.substr(0, sizeof(pm_interface::name) - 1 - suffix.size()) + suffix;
}

void Chooser::add_stranger(const Stranger &stranger) {
    const HostNic &device = present_[stranger.device];
    if (contains(known_.detached, device.nic.name)) return;
    Target target = target_of(name_of_stranger(device), &device, nullptr);
    if (!target.device) return;  // it has gone meanwhile
    target.stranger = true;
    target.closed = stranger.why;
    auto number = number_of(target.name, device.index);
    target.is_new = !number;
    if (!number && check_attachable(*target.device)) number = new_number();
    if (!number) return result_.without_number.push_back(*target.device);
    target.number = *number;
    result_.targets.push_back(std::move(target));
}

Result<KnownTargets> Chooser::choose() {
    if (auto read = read_numbers(); !read) return tl::unexpected(read.error());
    auto present = all_nics();
    if (present) {
        present_ = std::move(*present);
    } else {
        result_.notes.push_back("warning: the interfaces are known by their names alone: " +
                                present.error().message);
        present_ = present_by_name(known_.nics);
    }
    const Recognised found = recognise(known_.nics, known_.others, present_, linked());
    // Those that have a device first: one may have the number that was kept for an absent name.
    for (const bool has_device : {true, false})
        for (std::size_t i = 0; i < known_.nics.size(); ++i) {
            if (found.nics[i].device.has_value() != has_device) continue;
            auto added = add_nic(known_.nics[i], found.nics[i]);
            if (added) continue;
            if (extent_ == Extent::all_or_none) return tl::unexpected(added.error());
            result_.left_out.push_back(known_.nics[i].name);
            result_.not_attached.push_back(with_hint(added.error()));
        }
    for (const Stranger &one : found.strangers) add_stranger(one);
    std::ranges::sort(result_.targets, {}, &Target::number);
    return std::move(result_);
}

// Does the one stand directly on the other?
bool stands_on(const HostNic &above, const HostNic &below) {
    return above.lower == below.index || below.master == above.index;
}

// The indexes of what stands on these, and of what these stand on, also over several steps.
std::set<std::uint32_t> stacked_with(const std::set<std::uint32_t> &indexes,
                                     const std::vector<HostNic> &present) {
    std::set<std::uint32_t> above = indexes, below = indexes;
    for (std::size_t before = 0; before != above.size() + below.size();) {
        before = above.size() + below.size();
        for (const HostNic &one : present)
            for (const HostNic &other : present) {
                if (!stands_on(one, other)) continue;
                if (above.contains(other.index)) above.insert(one.index);
                if (below.contains(one.index)) below.insert(other.index);
            }
    }
    above.merge(below);
    return above;
}

}  // namespace

Result<KnownTargets> known_targets(const Pins *pins, const KnownNics &known, Extent extent) {
    return Chooser(pins, known, extent).choose();
}

NicFacts nic_facts_of(const std::vector<NamedIndex> &targets, const std::vector<Nic> &recorded,
                      const std::vector<HostNic> &present) {
    NicFacts facts;
    std::set<std::uint32_t> indexes;
    for (const NamedIndex &one : targets) {
        const auto now = std::ranges::find(present, one.index, &HostNic::index);
        const auto before = std::ranges::find(recorded, one.name, &Nic::name);
        Nic nic = named_only(one.name);
        if (one.index != 0 && now != present.end()) {
            nic = now->nic;
            nic.name = one.name;
            indexes.insert(one.index);
        } else if (before != recorded.end()) {
            nic = *before;
        }
        facts.nics.push_back(std::move(nic));
    }
    const std::set<std::uint32_t> stacked = stacked_with(indexes, present);
    for (const HostNic &one : present) {
        if (one.loopback || indexes.contains(one.index)) continue;
        facts.others.push_back(one.nic);
        facts.others.back().beside = stacked.contains(one.index);
    }
    return facts;
}

Result<NicFacts> nic_facts(const std::vector<Target> &targets, const std::vector<Nic> &recorded) {
    std::vector<NamedIndex> named;
    for (const Target &one : targets)
        if (!one.stranger) named.push_back({one.name, one.device ? one.device->index : 0});
    return all_nics().map([&](const std::vector<HostNic> &present) {
        return nic_facts_of(named, recorded, present);
    });
}

}  // namespace pm

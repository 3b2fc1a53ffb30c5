// SPDX-License-Identifier: Apache-2.0
#include "loader/attach/recognise.h"

#include <algorithm>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "policy/base/text.h"

namespace pm {
namespace {

using Place = std::optional<std::size_t>;

bool has_name(const Nic &device, const std::string &name) {
    return device.name == name || contains(device.alternative_names, name);
}

// A bond or bridge has the address of one of its ports, a VLAN that of its parent. Another address
// then does not mean another device.
bool borrows_address(const Nic &nic) {
    return nic.kind == "bond" || nic.kind == "team" || nic.kind == "bridge" || nic.kind == "vlan";
}

// By one of the names that it was recorded with.
bool is_named_like(const Nic &recorded, const Nic &device) {
    return has_name(device, recorded.name) || contains(recorded.alternative_names, device.name);
}

class Recogniser {
public:
    Recogniser(const std::vector<Nic> &nics, const std::vector<Nic> &others,
               const std::vector<HostNic> &present, const std::vector<std::uint32_t> &linked)
        : nics_(nics),
          others_(others),
          present_(present),
          is_of_(present.size()),
          by_name_(nics.size()),
          by_address_(nics.size()),
          by_link_(nics.size()) {
        result_.nics.resize(nics.size());
        for (std::size_t number = 0; number < linked.size(); ++number)
            for (std::size_t i = 0; i < present.size(); ++i)
                if (linked[number] != 0 && present[i].index == linked[number]) by_link_[number] = i;
    }
    Recognised recognise();

private:
    Place find_by_name(const Nic &nic) const;
    Place find_by_address(std::size_t number) const;
    void settle_agreeing();
    void find_by_addresses();
    void settle(std::size_t number);
    void take(std::size_t number, std::size_t device);
    void close_contradictions();
    void close_namesakes();
    void close_unknown();
    void close(std::size_t device, std::string why);
    bool is_other(const Nic &device) const;
    bool is_closed(std::size_t device) const;
    Place nic_with_address(std::size_t device) const;

    const std::vector<Nic> &nics_, &others_;
    const std::vector<HostNic> &present_;
    std::vector<Place> is_of_;                           // by device: the NIC that it is
    std::vector<Place> by_name_, by_address_, by_link_;  // by NIC: the device
    Recognised result_;
};

// The recorded name comes first: a device has it or none has.
Place Recogniser::find_by_name(const Nic &nic) const {
    Place found;
    for (std::size_t i = 0; i < present_.size(); ++i) {
        if (present_[i].loopback) continue;
        if (has_name(present_[i].nic, nic.name)) return i;
        if (!contains(nic.alternative_names, present_[i].nic.name)) continue;
        if (found) return std::nullopt;
        found = i;
    }
    return found;
}

// Among the devices that are nothing else by name and address.
Place Recogniser::find_by_address(std::size_t number) const {
    std::vector<std::size_t> all, alike;
    for (std::size_t i = 0; i < present_.size(); ++i) {
        const Nic &device = present_[i].nic;
        if (present_[i].loopback || is_of_[i] || !is_same_card(nics_[number], device)) continue;
        if (std::ranges::any_of(others_, [&](const Nic &other) {
                return is_same_card(other, device) && is_named_like(other, device);
            }))
            continue;
        all.push_back(i);
        if (device.port == nics_[number].port) alike.push_back(i);
    }
    if (all.size() == 1) return all[0];
    return alike.size() == 1 ? Place(alike[0]) : std::nullopt;
}

void Recogniser::take(std::size_t number, std::size_t device) {
    is_of_[device] = number;
    result_.nics[number].device = device;
}

// Those of which nothing speaks against the name.
void Recogniser::settle_agreeing() {
    for (std::size_t number = 0; number < nics_.size(); ++number) {
        const Place device = by_name_[number] = find_by_name(nics_[number]);
        if (!device || is_of_[*device]) continue;
        if (nics_[number].address.empty() || is_same_card(nics_[number], present_[*device].nic))
            take(number, *device);
    }
}

// Two NICs that were recorded alike cannot be told apart by the address.
void Recogniser::find_by_addresses() {
    std::vector<std::size_t> matches(present_.size());
    for (std::size_t number = 0; number < nics_.size(); ++number) {
        if (result_.nics[number].device) continue;
        by_address_[number] = find_by_address(number);
        if (by_address_[number]) ++matches[*by_address_[number]];
    }
    for (Place &device : by_address_)
        if (device && matches[*device] > 1) device.reset();
}

// The NIC of the policy that has this device's address, other than by its name.
Place Recogniser::nic_with_address(std::size_t device) const {
    const auto found = std::ranges::find(by_address_, Place(device));
    if (found == by_address_.end()) return std::nullopt;
    return static_cast<std::size_t>(found - by_address_.begin());
}

void Recogniser::settle(std::size_t number) {
    if (result_.nics[number].device) return;
    if (by_address_[number]) {
        result_.nics[number].renamed = true;
        return take(number, *by_address_[number]);
    }
    const Place programs = by_link_[number];
    if (programs && !is_of_[*programs] && !nic_with_address(*programs)) {
        result_.nics[number].renamed = by_name_[number] != programs;
        result_.nics[number].replaced =
            !result_.nics[number].renamed && !borrows_address(nics_[number]);
        return take(number, *programs);
    }
    const Place device = by_name_[number];
    if (!device || is_of_[*device] || nic_with_address(*device)) return;
    const Nic &found = present_[*device].nic;
    const bool is_another =
        std::ranges::any_of(others_, [&](const Nic &other) { return is_same_card(other, found); });
    if (is_another) return;
    result_.nics[number].replaced = !borrows_address(nics_[number]);
    take(number, *device);
}

// Names and addresses that point to two NICs of the policy.
void Recogniser::close_contradictions() {
    for (std::size_t number = 0; number < nics_.size(); ++number) {
        const Place named = by_name_[number];
        if (!named || result_.nics[number].device == named) continue;
        const Place owner = is_of_[*named];
        if (!owner || by_name_[*owner] == named) continue;
        const std::string why = fmt::format(
            "{} has the name of {} and the hardware address of {}, two interfaces of "
            "the policy",
            present_[*named].nic.name, nics_[number].name, nics_[*owner].name);
        for (const std::size_t one : {*owner, number})
            if (result_.nics[one].closed.empty()) result_.nics[one].closed = why;
    }
    for (Identity &one : result_.nics)
        if (!one.device) one.closed.clear();
}

bool Recogniser::is_closed(std::size_t device) const {
    return std::ranges::find(result_.strangers, device, &Stranger::device) !=
           result_.strangers.end();
}

void Recogniser::close(std::size_t device, std::string why) {
    if (!is_closed(device)) result_.strangers.push_back({device, std::move(why)});
}

// A device that has the name or the programs of a NIC which is another device now.
void Recogniser::close_namesakes() {
    for (std::size_t number = 0; number < nics_.size(); ++number) {
        const Place device = result_.nics[number].device;
        if (!device) continue;
        for (const Place &one : {by_name_[number], by_link_[number]}) {
            if (!one || one == device || is_of_[*one]) continue;
            const Nic &namesake = present_[*one].nic;
            const bool is_recorded = std::ranges::any_of(
                others_, [&](const Nic &other) { return is_same_card(other, namesake); });
            if (is_recorded) continue;
            close(*one, fmt::format("{} {} {}, which is {} now", namesake.name,
                                    one == by_name_[number] ? "has the name of" : "was taken for",
                                    nics_[number].name, present_[*device].nic.name));
        }
    }
}

bool Recogniser::is_other(const Nic &device) const {
    return std::ranges::any_of(others_, [&](const Nic &other) {
        return is_same_card(other, device) || is_named_like(other, device);
    });
}

void Recogniser::close_unknown() {
    std::vector<std::string> absent;
    std::vector<const Nic *> cards;
    for (std::size_t number = 0; number < nics_.size(); ++number) {
        if (result_.nics[number].device || nics_[number].address.empty()) continue;
        absent.push_back(nics_[number].name);
        cards.push_back(&nics_[number]);
    }
    if (absent.empty()) return;
    for (std::size_t i = 0; i < present_.size(); ++i) {
        const HostNic &one = present_[i];
        if (one.loopback || !one.ethernet || is_of_[i] || is_other(one.nic)) continue;
        const bool has_address = std::ranges::any_of(
            cards, [&](const Nic *card) { return is_same_card(*card, one.nic); });
        if (!one.nic.bus.empty() || has_address)
            close(i, fmt::format("{} was not there when the policy was confirmed, and may be {}, "
                                 "which is absent",
                                 one.nic.name, fmt::join(absent, " or ")));
    }
}

Recognised Recogniser::recognise() {
    settle_agreeing();
    find_by_addresses();
    for (std::size_t number = 0; number < nics_.size(); ++number) settle(number);
    close_contradictions();
    close_namesakes();
    close_unknown();
    return std::move(result_);
}

}  // namespace

bool is_same_card(const Nic &a, const Nic &b) {
    return !a.address.empty() && a.address == b.address && a.kind == b.kind && a.bus == b.bus;
}

Recognised recognise(const std::vector<Nic> &nics, const std::vector<Nic> &others,
                     const std::vector<HostNic> &present,
                     const std::vector<std::uint32_t> &linked) {
    return Recogniser(nics, others, present, linked).recognise();
}

}  // namespace pm

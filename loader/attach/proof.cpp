// SPDX-License-Identifier: Apache-2.0
#include "loader/attach/proof.h"

#include <algorithm>

#include <fmt/core.h>

#include "loader/host/attached_programs.h"
#include "loader/host/netlink.h"

namespace pm {
namespace {

using Found = HookProof::Found;

bool has_program(const ProgramIds &ids, std::uint32_t id) {
    return id != 0 && std::ranges::find(ids, id) != ids.end();
}

HookProof unseen(const Fault &why) {
    return {.found = Found::unseen, .kind = PM_DETACHED, .about = why.message};
}

// Those pinned under a name, and under the name that is about to replace it.
Result<ProgramIds> pinned_ids(const Pins &pins, unsigned number, const std::string &name) {
    ProgramIds ids;
    for (const std::string &one : {name, next_name(name)})
        if (const auto fd = open_pin(pins.path(number, one)))
            if (const std::uint32_t id = program_id(fd->get())) ids.push_back(id);
    if (ids.empty())
        return fault(
            fmt::format("the program {} cannot be read", pins.path(number, name).string()));
    return ids;
}

}  // namespace

HookProof prove_ingress(std::uint32_t ifindex, const ProgramIds &ours) {
    auto there = xdp_programs(ifindex);
    if (!there) return unseen(there.error());
    for (const XdpProgram &one : *there)
        if (has_program(ours, one.id))
            return {.found = Found::ours,
                    .kind = one.generic ? PM_XDP_GENERIC : PM_XDP_NATIVE,
                    .about = {}};
    if (there->empty()) return {};
    return {.found = Found::other,
            .kind = PM_DETACHED,
            .about = fmt::format("'{}' (id {})", there->front().name, there->front().id)};
}

HookProof prove_egress(std::uint32_t ifindex, const ProgramIds &ours) {
    auto there = tc_programs(ifindex, TcHook::egress);
    if (!there) return unseen(there.error());
    for (const TcProgram &one : *there)
        if (has_program(ours, one.id))
            return {.found = Found::ours, .kind = one.tcx ? PM_TCX : PM_CLSACT, .about = {}};
    return {};
}

Proof prove(const Pins &pins, unsigned number, std::uint32_t ifindex) {
    const auto ingress = pinned_ids(pins, number, "ingress_program");
    const auto egress = pinned_ids(pins, number, "egress_program");
    return {.ingress = ingress ? prove_ingress(ifindex, *ingress) : unseen(ingress.error()),
            .egress = egress ? prove_egress(ifindex, *egress) : unseen(egress.error())};
}

Done check_proof(const HookProof &proof, const std::string &device, const char *hook) {
    const std::string what =
        fmt::format("the program that filters what goes {} of {} was attached", hook, device);
    switch (proof.found) {
        case Found::ours:
            return {};
        case Found::other:
            return fault(fmt::format("{}, and XDP program {} is there", what, proof.about),
                         fmt::format("if it is not needed: ip link set dev {} xdp off", device),
                         Exit::refused);
        case Found::unseen:
            return fault(
                fmt::format("{}, and whether it is there cannot be told: {}", what, proof.about));
        case Found::none:
            break;
    }
    return fault(fmt::format("{}, and the kernel does not have it there", what),
                 "see 'portmatrix doctor' and 'bpftool net show'");
}

}  // namespace pm

// SPDX-License-Identifier: Apache-2.0
// Which device each NIC of a policy is, in every disorder of a boot.
#include "loader/attach/recognise.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/random.h"

namespace pm {
namespace {

constexpr const char *A = "02:00:00:00:00:0a", *B = "02:00:00:00:00:0b", *C = "02:00:00:00:00:0c";

Nic card(const std::string &name, const std::string &address) {
    Nic nic;
    nic.name = name;
    nic.address = address;
    nic.bus = "pci";
    return nic;
}

Nic of_kind(const std::string &kind, Nic nic) {
    nic.kind = kind;
    nic.bus.clear();
    return nic;
}

Nic on_bus(const std::string &bus, Nic nic) {
    nic.bus = bus;
    return nic;
}

Nic also_called(const std::string &name, Nic nic) {
    nic.alternative_names.push_back(name);
    return nic;
}

Nic as_port(Nic nic) {
    nic.port = true;
    return nic;
}

std::vector<HostNic> present(const std::vector<Nic> &nics) {
    std::vector<HostNic> result;
    for (const Nic &one : nics) {
        HostNic device;
        device.nic = one;
        device.index = static_cast<std::uint32_t>(10 + result.size());
        device.ethernet = true;
        result.push_back(device);
    }
    return result;
}

// What was found, as text: each NIC of the policy with the name of its device, then the strangers
// that are closed. "eth0=ens5 renamed, eth1=absent; closed: ens9"
std::string found(const std::vector<Nic> &nics, const std::vector<Nic> &others,
                  const std::vector<HostNic> &devices) {
    const Recognised result = recognise(nics, others, devices);
    std::string text;
    for (std::size_t i = 0; i < nics.size(); ++i) {
        const Identity &one = result.nics[i];
        text += text.empty() ? "" : ", ";
        text += nics[i].name + "=" + (one.device ? devices[*one.device].nic.name : "absent");
        if (one.renamed) text += " renamed";
        if (one.replaced) text += " replaced";
        if (!one.closed.empty()) text += " closed";
    }
    std::set<std::string> closed;
    for (const Stranger &one : result.strangers) closed.insert(devices[one.device].nic.name);
    for (const std::string &name : closed)
        text += (name == *closed.begin() ? "; closed: " : " ") + name;
    return text;
}

struct Case {
    const char *name;
    std::vector<Nic> nics, others, devices;
    const char *expected;
};

class Recognise : public testing::TestWithParam<Case> {};

TEST_P(Recognise, FindsTheDevice) {
    const Case &one = GetParam();
    EXPECT_EQ(found(one.nics, one.others, present(one.devices)), one.expected);
    std::vector<Nic> reversed(one.devices.rbegin(), one.devices.rend());
    EXPECT_EQ(found(one.nics, one.others, present(reversed)), one.expected);
}

const Case cases[] = {
    {"AsItWas", {card("eth0", A)}, {}, {card("eth0", A)}, "eth0=eth0"},
    {"Renamed", {card("eth0", A)}, {}, {card("ens5", A)}, "eth0=ens5 renamed"},
    {"OneOfTwoRenamed",
     {card("eth0", A), card("eth1", B)},
     {},
     {card("eth0", A), card("ens6", B)},
     "eth0=eth0, eth1=ens6 renamed"},
    {"Absent", {card("eth0", A)}, {}, {}, "eth0=absent"},
    {"Replaced", {card("eth0", A)}, {}, {card("eth0", C)}, "eth0=eth0 replaced"},
    {"MovedToAnotherBus",
     {card("eth0", A)},
     {},
     {on_bus("virtio", card("eth0", A))},
     "eth0=eth0 replaced"},
    {"TheNameIsAnAlternativeNow",
     {card("eth0", A)},
     {},
     {also_called("eth0", card("lan0", A))},
     "eth0=lan0"},
    {"TheAlternativeIsItsNameNow",
     {also_called("enp3s0", card("eth0", A))},
     {},
     {card("enp3s0", A)},
     "eth0=enp3s0"},
    {"TheAlternativeIsTheNameOfAnother",
     {also_called("enp3s0", card("eth0", A))},
     {},
     {card("enp3s0", C), card("eth7", A)},
     "eth0=eth7 renamed; closed: enp3s0"},
    {"TwoSwapped",
     {card("eth0", A), card("eth1", B)},
     {},
     {card("eth0", B), card("eth1", A)},
     "eth0=eth1 renamed closed, eth1=eth0 renamed closed"},
    {"ThreeInACircle",
     {card("eth0", A), card("eth1", B), card("eth2", C)},
     {},
     {card("eth0", B), card("eth1", C), card("eth2", A)},
     "eth0=eth2 renamed closed, eth1=eth0 renamed closed, eth2=eth1 renamed closed"},
    {"TheFirstIsDeadAndTheSecondHasItsName",
     {card("eth0", A), card("eth1", B)},
     {},
     {card("eth0", B)},
     "eth0=absent, eth1=eth0 renamed closed"},
    {"TheNameWentToAnotherOfThePolicy",
     {card("eth0", A), card("eth1", B)},
     {},
     {card("eth0", B), card("ens9", A)},
     "eth0=ens9 renamed closed, eth1=eth0 renamed closed"},
    {"SwappedWithOneOutsideThePolicy",
     {card("eth0", A)},
     {card("eth1", B)},
     {card("eth0", B), card("eth1", A)},
     "eth0=eth1 renamed"},
    {"DeadAndOneOutsideThePolicyHasItsName",
     {card("eth0", A)},
     {card("eth1", B)},
     {card("eth0", B)},
     "eth0=absent"},
    {"AnUnknownOneHasItsName",
     {card("eth0", A)},
     {},
     {card("eth0", C), card("eth1", A)},
     "eth0=eth1 renamed; closed: eth0"},
    {"AVirtualOneHasItsName",
     {card("eth0", A)},
     {},
     {of_kind("veth", card("eth0", C)), card("eth1", A)},
     "eth0=eth1 renamed; closed: eth0"},
    {"AnUnknownOneWhileOneIsAbsent",
     {card("eth0", A)},
     {},
     {card("ens9", C)},
     "eth0=absent; closed: ens9"},
    {"AnUnknownOneWhileNoneIsAbsent",
     {card("eth0", A)},
     {},
     {card("eth0", A), card("ens9", C)},
     "eth0=eth0"},
    {"VirtualOnesWhileOneIsAbsent",
     {card("eth0", A)},
     {},
     {of_kind("veth", card("veth1", C)), of_kind("bridge", card("docker0", B))},
     "eth0=absent"},
    {"RecordedOnesWhileOneIsAbsent",
     {card("eth0", A)},
     {card("eth1", B), card("eth2", C)},
     {card("ens9", B), card("eth2", "02:00:00:00:00:0d")},
     "eth0=absent"},
    {"VirtualFunctionAndSyntheticNic",
     {on_bus("vmbus", card("eth0", A))},
     {card("eth1", A)},
     {on_bus("vmbus", card("eth1", A)), card("eth0", A)},
     "eth0=eth1 renamed"},
    {"VlanAndItsRenamedParent",
     {of_kind("vlan", card("wan.5", A))},
     {card("wan", A)},
     {of_kind("vlan", card("wan.5", A)), card("ens5", A)},
     "wan.5=wan.5"},
    {"AnotherVlanIsNotTheAbsentOne",
     {of_kind("vlan", card("wan.5", A))},
     {card("wan", A), of_kind("vlan", card("wan.6", A))},
     {of_kind("vlan", card("wan.6", A)), card("wan", A)},
     "wan.5=absent"},
    {"ABondHasTheAddressOfItsFirstPort",
     {of_kind("bond", card("bond0", A))},
     {as_port(card("eth0", A)), as_port(card("eth1", B))},
     {of_kind("bond", card("bond0", B)), as_port(card("eth1", B))},
     "bond0=bond0"},
    {"OfTwoWithOneAddressTheOneThatIsAPort",
     {as_port(card("eth0", A))},
     {},
     {as_port(card("ens5", A)), card("ens6", A)},
     "eth0=ens5 renamed"},
    {"TwoWithOneAddressAreNotToldApart",
     {of_kind("veth", card("eth0", A))},
     {},
     {of_kind("veth", card("ens5", A)), of_kind("veth", card("ens6", A))},
     "eth0=absent; closed: ens5 ens6"},
    {"TwoRecordedWithOneAddressAreNotToldApart",
     {of_kind("vlan", card("wan.5", A)), of_kind("vlan", card("wan.6", A))},
     {},
     {of_kind("vlan", card("v5", A)), of_kind("vlan", card("v6", A))},
     "wan.5=absent, wan.6=absent; closed: v5 v6"},
    {"StoredByAnEarlierRelease",
     {card("eth0", ""), card("eth1", "")},
     {},
     {also_called("eth0", card("lan0", A)), card("ens9", C)},
     "eth0=lan0, eth1=absent"},
};

INSTANTIATE_TEST_SUITE_P(Boots, Recognise, testing::ValuesIn(cases),
                         [](const auto &given) { return given.param.name; });

TEST(RecogniseRules, TheLoopbackIsNeverFound) {
    auto devices = present({card("lo", A)});
    devices[0].loopback = true;
    EXPECT_EQ(found({card("eth0", A), card("lo", B)}, {}, devices), "eth0=absent, lo=absent");
}

// While the host runs, what has the programs of a NIC is not open, whatever it is called.
TEST(RecogniseRules, TheDeviceWithTheProgramsIsTheNic) {
    const std::vector<Nic> policy = {card("eth0", A)};
    const auto devices = present({card("ren0", C), card("eth0", B)});
    const Recognised renamed = recognise(policy, {}, present({card("ren0", C)}), {10});
    EXPECT_EQ(renamed.nics[0].device, std::optional<std::size_t>(0));
    EXPECT_TRUE(renamed.nics[0].renamed);
    EXPECT_TRUE(renamed.strangers.empty());
    const Recognised beside = recognise(policy, {}, devices, {10});
    EXPECT_EQ(beside.nics[0].device, std::optional<std::size_t>(0));
    ASSERT_EQ(beside.strangers.size(), 1u) << "the one that has its name";
    EXPECT_EQ(beside.strangers[0].device, 1u);
    const Recognised back =
        recognise(policy, {}, present({card("ren0", C), card("ens5", A)}), {10});
    EXPECT_EQ(back.nics[0].device, std::optional<std::size_t>(1));
    ASSERT_EQ(back.strangers.size(), 1u) << "the one that has its programs";
    EXPECT_EQ(back.strangers[0].device, 0u);
}

TEST(RecogniseRules, ADeviceWithoutAnEthernetHeaderIsNotClosed) {
    auto devices = present({card("ib0", C)});
    devices[0].ethernet = false;
    EXPECT_EQ(found({card("eth0", A)}, {}, devices), "eth0=absent");
}

TEST(RecogniseRules, AReasonNamesTheDevices) {
    const auto closed = recognise({card("eth0", A)}, {}, present({card("ens9", C)})).strangers;
    ASSERT_EQ(closed.size(), 1u);
    EXPECT_NE(closed[0].why.find("ens9"), std::string::npos);
    EXPECT_NE(closed[0].why.find("eth0"), std::string::npos);
}

// Random hosts: few names and addresses, so that they collide.
class RandomHosts {
public:
    explicit RandomHosts(std::uint32_t seed) : random_(seed) {}
    std::vector<Nic> some(std::size_t most, bool with_buses) {
        std::vector<Nic> nics;
        std::set<std::string> names;
        for (std::size_t i = random_.below(static_cast<std::uint32_t>(most + 1)); i > 0; --i) {
            Nic one = card("n" + std::to_string(random_.below(6)),
                           "02:00:00:00:00:0" + std::to_string(random_.below(5)));
            if (!with_buses || random_.below(4) == 0) one = of_kind("veth", one);
            one.port = random_.below(4) == 0;
            if (random_.below(4) == 0)
                one.alternative_names.push_back("n" + std::to_string(random_.below(6)));
            bool is_new = names.insert(one.name).second;
            for (const std::string &name : one.alternative_names)
                is_new = names.insert(name).second && is_new;
            if (is_new) nics.push_back(one);
        }
        return nics;
    }

private:
    test::Random random_;
};

TEST(RecogniseRules, HoldInRandomHosts) {
    for (std::uint32_t seed = 1; seed <= 20'000; ++seed) {
        SCOPED_TRACE(seed);
        RandomHosts hosts(seed);
        const std::vector<Nic> nics = hosts.some(3, true), others = hosts.some(3, true);
        const std::vector<HostNic> devices = present(hosts.some(5, true));
        const Recognised result = recognise(nics, others, devices);
        ASSERT_EQ(result.nics.size(), nics.size());

        // A device is one NIC at most, and what is a NIC is no stranger.
        std::set<std::size_t> taken;
        bool is_one_absent = false;
        for (std::size_t i = 0; i < nics.size(); ++i) {
            const Identity &one = result.nics[i];
            is_one_absent = is_one_absent || !one.device;
            if (!one.device) {
                EXPECT_TRUE(one.closed.empty() && !one.renamed && !one.replaced);
                continue;
            }
            EXPECT_TRUE(taken.insert(*one.device).second);
            EXPECT_FALSE(one.renamed && one.replaced);
            EXPECT_EQ(one.renamed || !one.replaced,
                      is_same_card(nics[i], devices[*one.device].nic));
        }
        for (const Stranger &one : result.strangers) EXPECT_TRUE(taken.insert(one.device).second);

        // While a NIC is absent, no device with a bus is left alone that nobody has recorded.
        for (std::size_t i = 0; is_one_absent && i < devices.size(); ++i) {
            const Nic &device = devices[i].nic;
            const bool is_recorded = std::ranges::any_of(others, [&](const Nic &other) {
                const auto has = [](const Nic &nic, const std::string &name) {
                    return nic.name == name || std::ranges::count(nic.alternative_names, name) > 0;
                };
                return is_same_card(other, device) || has(device, other.name) ||
                       has(other, device.name);
            });
            if (!device.bus.empty() && !is_recorded) {
                EXPECT_TRUE(taken.contains(i)) << device.name;
            }
        }
    }
}

TEST(RecogniseRules, AHostThatDidNotChangeIsKnownWhole) {
    for (std::uint32_t seed = 1; seed <= 5'000; ++seed) {
        SCOPED_TRACE(seed);
        const std::vector<Nic> nics = RandomHosts(seed).some(5, false);
        const Recognised result = recognise(nics, {}, present(nics));
        EXPECT_TRUE(result.strangers.empty());
        for (std::size_t i = 0; i < nics.size(); ++i) {
            EXPECT_EQ(result.nics[i].device, std::optional(i));
            EXPECT_TRUE(result.nics[i].closed.empty());
        }
    }
}

}  // namespace
}  // namespace pm

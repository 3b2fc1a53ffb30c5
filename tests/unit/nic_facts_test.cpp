// SPDX-License-Identifier: Apache-2.0
// What is stored of a host's interfaces, and read back.
#include <unistd.h>

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "loader/attach/known_targets.h"
#include "loader/state/store.h"
#include "tests/unit/temporary.h"

namespace pm {
namespace {

HostNic device(const std::string &name, std::uint32_t index, std::uint32_t lower = 0,
               std::uint32_t master = 0) {
    HostNic one;
    one.nic.name = name;
    one.nic.address = "02:00:00:00:00:0" + std::to_string(index);
    one.nic.port = master != 0;
    one.index = index;
    one.lower = lower;
    one.master = master;
    one.ethernet = true;
    return one;
}

const Nic *named(const std::vector<Nic> &nics, const std::string &name) {
    for (const Nic &one : nics)
        if (one.name == name) return &one;
    return nullptr;
}

TEST(NicFacts, AreOfTheInterfacesOfThePolicyAndOfTheOthers) {
    HostNic loopback = device("lo", 1);
    loopback.loopback = true;
    const NicFacts facts = nic_facts_of({{"wan", 2}, {"gone", 0}}, {},
                                        {loopback, device("ens5", 2), device("ens6", 3)});
    ASSERT_EQ(facts.nics.size(), 2u);
    EXPECT_EQ(facts.nics[0].name, "wan") << "the policy's name, not the device's";
    EXPECT_EQ(facts.nics[0].address, "02:00:00:00:00:02");
    EXPECT_EQ(facts.nics[1].name, "gone");
    EXPECT_EQ(facts.nics[1].address, "");
    ASSERT_EQ(facts.others.size(), 1u);
    EXPECT_EQ(facts.others[0].name, "ens6");
}

TEST(NicFacts, OfAnAbsentInterfaceAreThoseRecordedBefore) {
    Nic before;
    before.name = "eth1";
    before.address = "02:00:00:00:00:aa";
    const NicFacts facts = nic_facts_of({{"eth1", 0}}, {before}, {device("eth0", 2)});
    ASSERT_EQ(facts.nics.size(), 1u);
    EXPECT_EQ(facts.nics[0].address, "02:00:00:00:00:aa");
}

// eth0 is the policy's: its VLAN and its bridge stand on it. The bridge's other port does not.
TEST(NicFacts, SayWhatStandsOnAnInterfaceOfThePolicy) {
    const NicFacts facts =
        nic_facts_of({{"eth0", 2}}, {},
                     {device("eth0", 2, 0, 5), device("eth0.7", 3, 2), device("eth1", 4, 0, 5),
                      device("br0", 5), device("br0.9", 6, 5), device("eth2", 7)});
    EXPECT_TRUE(named(facts.others, "eth0.7")->beside);
    EXPECT_TRUE(named(facts.others, "br0")->beside);
    EXPECT_TRUE(named(facts.others, "br0.9")->beside);
    EXPECT_FALSE(named(facts.others, "eth1")->beside);
    EXPECT_FALSE(named(facts.others, "eth2")->beside);
}

// A bond is the policy's: its ports are beneath it.
TEST(NicFacts, SayWhatAnInterfaceOfThePolicyStandsOn) {
    const NicFacts facts = nic_facts_of({{"bond0.7", 4}}, {},
                                        {device("eth0", 2, 0, 3), device("bond0", 3),
                                         device("bond0.7", 4, 3), device("bond0.8", 5, 3)});
    EXPECT_TRUE(named(facts.others, "eth0")->beside);
    EXPECT_TRUE(named(facts.others, "bond0")->beside);
    EXPECT_FALSE(named(facts.others, "bond0.8")->beside);
}

// Only root may have a state folder.
TEST(AboutJson, HasWhatANicIsKnownBy) {
    if (geteuid() != 0) GTEST_SKIP() << "not root";
    const test::TemporaryFolder folder;
    Paths paths;
    paths.state = folder.path();
    auto store = Store::open(paths);
    ASSERT_TRUE(store) << store.error().message;
    std::filesystem::create_directories(folder.path() / "generations" / "7");
    Generation generation;
    generation.number = 7;
    generation.interfaces = {"eth0"};
    Nic nic;
    nic.name = "eth0";
    nic.alternative_names = {"enp3s0", "lan"};
    nic.address = "02:00:00:00:00:01";
    nic.kind = "bond";
    nic.bus = "pci";
    nic.port = nic.beside = true;
    generation.nics = {nic};
    generation.others = {nic, Nic()};
    ASSERT_TRUE(store->save_about(generation));

    const auto read = store->generation(7);
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_EQ(read->nics.size(), 1u);
    EXPECT_EQ(read->others.size(), 2u);
    EXPECT_EQ(read->nics[0].name, nic.name);
    EXPECT_EQ(read->nics[0].alternative_names, nic.alternative_names);
    EXPECT_EQ(read->nics[0].address, nic.address);
    EXPECT_EQ(read->nics[0].kind, nic.kind);
    EXPECT_EQ(read->nics[0].bus, nic.bus);
    EXPECT_TRUE(read->nics[0].port);
    EXPECT_TRUE(read->nics[0].beside);
}

TEST(AboutJson, OfAnEarlierReleaseHasNoNics) {
    if (geteuid() != 0) GTEST_SKIP() << "not root";
    const test::TemporaryFolder folder;
    Paths paths;
    paths.state = folder.path();
    folder.write("generations/3/about.json",
                 R"({"generation":3,"policy":"p","sha256":"","applied_at":1,"mode":"enforce",)"
                 R"("interfaces":["eth0"],"xdp":"auto","flow_capacity":65536,"image_sha256":""})");
    auto store = Store::open(paths);
    ASSERT_TRUE(store);
    const auto read = store->generation(3);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_TRUE(read->nics.empty() && read->others.empty());
    EXPECT_EQ(read->interfaces, std::vector<std::string>{"eth0"});
}

}  // namespace
}  // namespace pm

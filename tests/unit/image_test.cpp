// SPDX-License-Identifier: Apache-2.0
// The image as bytes: its layout, catalog and size, and what a damaged one can do.
#include <chrono>
#include <iostream>
#include <set>

#include <gtest/gtest.h>

#include "policy/image/catalog.h"
#include "policy/image/compile.h"
#include "policy/judge/judge.h"
#include "policy/judge/question.h"
#include "policy/model/labels.h"
#include "tests/support/policy_builder.h"
#include "tests/support/random.h"
#include "tests/unit/judged.h"

namespace pm {
namespace {

using test::Judged;
using test::PolicyBuilder;
using test::Random;
using test::tcp;
using test::udp;

PolicyBuilder small_edge() {
    PolicyBuilder b;
    b.role("access", {"203.0.113.10"}).any_peers("clients").peers("partners", {"198.51.100.0/24"});
    return b;
}

TEST(Image, HeaderAndAlignment) {
    PolicyBuilder b = small_edge();
    b.policy.fragments_drop = true;
    b.row("web", {tcp}, "clients", "access", {{443, 443}});
    const Image image = compile(b.policy).value();
    const pm_image &header = image.header();
    EXPECT_EQ(header.magic, PM_IMAGE_MAGIC);
    EXPECT_EQ(header.abi, static_cast<unsigned>(PM_IMAGE_VERSION));
    EXPECT_EQ(header.size, image.bytes.size());
    EXPECT_EQ(header.flags, static_cast<unsigned>(PM_IMAGE_FRAGMENTS_DROP));
    EXPECT_EQ(header.generation, 0U);
    for (std::uint32_t offset : {header.peers.v4.direct,
                                 header.peers.v4.bounds,
                                 header.peers.v4.values,
                                 header.peers.v6.direct,
                                 header.peers.v6.bounds,
                                 header.peers.v6.low_bounds,
                                 header.locals.v4.bounds,
                                 header.port_classes[0],
                                 header.port_classes[1],
                                 header.port_first,
                                 header.port_bounds,
                                 header.port_pairs,
                                 header.protocols,
                                 header.pairs,
                                 header.local_flags,
                                 header.decisions,
                                 header.decision_first,
                                 header.cell_bounds,
                                 header.cells,
                                 header.rows,
                                 header.catalog,
                                 header.document}) {
        EXPECT_EQ(offset % 8, 0U);
        EXPECT_LT(offset, header.size);
    }
}

TEST(Image, RowsCarryCheckAndLimit) {
    PolicyBuilder b = small_edge();
    Row &row = b.row("web", {tcp}, "clients", "access", {{443, 443}});
    row.check = {Check::Payload::tls, true};
    row.limit = {50, 1, 100, false};
    Row &slow = b.row("slow", {tcp}, "access", "clients", {{80, 80}});
    slow.limit = {2, 60, 5, true};
    Row &fast = b.row("fast", {tcp}, "access", "clients", {{81, 81}});
    fast.limit = {4000000, 1, 1, true};
    const ImageView view(compile(b.policy).value().bytes);
    const pm_row web = pm_row_at(view.view(), 0), out = pm_row_at(view.view(), 1);
    EXPECT_EQ(web.check, PM_CHECK_TLS);
    EXPECT_EQ(web.flags, PM_ROW_CHECK_DROPS);
    EXPECT_EQ(web.limit_interval, 20000U);
    EXPECT_EQ(web.limit_burst, 100U);
    EXPECT_EQ(out.flags, PM_ROW_OUT | PM_ROW_LIMIT_ROW);
    EXPECT_EQ(out.limit_interval, 30000000U);
    EXPECT_EQ(pm_row_at(view.view(), 2).limit_interval, 1U);  // 0 would be no limit
}

TEST(Image, CatalogIsReadBack) {
    PolicyBuilder b = small_edge();
    b.policy.name = "contoso-edge";
    Row &row = b.row("av-stun", {tcp, udp, 132}, "clients", "access", {{443, 443}, {3478, 3479}});
    row.role = "A/V";
    row.protocol = "STUN,MSTURN";
    row.check = {Check::Payload::stun, false};
    b.row("gre", {47}, "access", "partners");
    b.failsafe("ssh", {tcp}, "partners", "access", {{22, 22}});
    Image image = compile(b.policy).value();
    image.header().generation = 41;
    image.header().applied_at = 1700000000000000000;
    const Catalog catalog = read_catalog(ImageView(image.bytes).view()).value();
    EXPECT_EQ(catalog.policy, "contoso-edge");
    EXPECT_EQ(catalog.generation, 41U);
    EXPECT_EQ(catalog.applied_at, 1700000000000000000U);
    EXPECT_EQ(catalog.sha256.size(), 64U);
    EXPECT_NE(catalog.document.find("contoso-edge"), std::string::npos);
    ASSERT_EQ(catalog.rows.size(), 3U);
    EXPECT_EQ(catalog.rows[0].id, "ssh");
    EXPECT_TRUE(catalog.rows[0].failsafe);
    const CatalogRow &stun = catalog.rows[1];
    EXPECT_EQ(stun.id, "av-stun");
    EXPECT_EQ(stun.role, "A/V");
    EXPECT_EQ(stun.protocol, "STUN,MSTURN");
    EXPECT_EQ(stun.transport, "tcp,udp,132");
    EXPECT_EQ(stun.port, "443,3478-3479");
    EXPECT_EQ(stun.source_port, "any");
    EXPECT_EQ(stun.source, "clients");
    EXPECT_EQ(stun.destination, "access");
    EXPECT_EQ(stun.check.payload, Check::Payload::stun);
    EXPECT_FALSE(stun.failsafe);
    EXPECT_EQ(stun.direction, Direction::in);
    EXPECT_EQ(catalog.rows[2].direction, Direction::out);
    EXPECT_EQ(catalog.rows[2].port, "");
}

std::vector<std::uint16_t> slots_of(const Policy &policy, const CompileOptions &options) {
    std::vector<std::uint16_t> slots;
    const Image image = compile(policy, options).value();
    const Catalog catalog = read_catalog(ImageView(image.bytes).view()).value();
    for (const CatalogRow &row : catalog.rows) slots.push_back(row.slot);
    return slots;
}

TEST(Image, SlotsStayWithTheirIds) {
    PolicyBuilder b = small_edge();
    for (const char *id : {"a", "b", "c"}) b.row(id, {tcp}, "clients", "access", {{443, 443}});
    EXPECT_EQ(slots_of(b.policy, {}), (std::vector<std::uint16_t>{16, 17, 18}));

    CompileOptions options;
    options.slots = {{"b", 40}, {"gone", 42}};
    options.last_slot = 40;
    EXPECT_EQ(slots_of(b.policy, options), (std::vector<std::uint16_t>{41, 40, 43}));
    options.last_slot = PM_ROW_SLOTS - 2;  // around the end
    EXPECT_EQ(slots_of(b.policy, options), (std::vector<std::uint16_t>{32767, 40, 16}));
    options.slots = {{"a", 3}, {"b", 40000}, {"c", 50}};  // not slots of rows: given anew
    options.last_slot = 60000;
    EXPECT_EQ(slots_of(b.policy, options), (std::vector<std::uint16_t>{16, 17, 50}));

    options.slots.clear();
    for (int i = PM_FIRST_ROW_SLOT; i < PM_ROW_SLOTS - 2; ++i)
        options.slots["x" + std::to_string(i)] = static_cast<std::uint16_t>(i);
    EXPECT_EQ(compile(b.policy, options).error(),
              "3 new rows beside 32750 that are still counted need 32753 counters; the limit is "
              "32752");
}

TEST(Image, EqualDecisionsAreStoredOnce) {
    PolicyBuilder b = small_edge();
    for (std::uint16_t i = 0; i < 100; ++i) b.role("r" + std::to_string(i), {"203.0.113.10"});
    for (std::uint16_t i = 0; i < 100; ++i)
        b.row("row" + std::to_string(i), {tcp}, "clients", "access",
              {{static_cast<std::uint16_t>(1000 + i), static_cast<std::uint16_t>(2000 + i)}});
    const Image image = compile(b.policy).value();
    // 100 rows make 199 port ranges; in each, the first row that has it wins.
    EXPECT_EQ(image.header().pair_count, 1U + 199U);
    const ImageView view(image.bytes);
    std::set<std::uint64_t> services;
    const std::uint32_t entries = 2 * image.header().local_count * image.header().pair_count;
    for (std::uint32_t i = 0; i < entries; ++i)
        services.insert(pm_load(view.view(), image.header().decisions + i * 2, 2));
    EXPECT_EQ(services.size(), 2U + 100U);
}

// The flags of the gate for a destination port join those of its pairs with all source ports.
TEST(Image, GatesAgreeWithPairs) {
    PolicyBuilder b = small_edge();
    b.row("web", {tcp}, "clients", "access", {{443, 443}});
    b.row("media", {tcp}, "access", "clients", {{440, 450}});
    b.row("relay", {tcp}, "access", "clients", any_port, {{50000, 59999}});
    b.row("low", {tcp}, "clients", "access", {{1, 2}}, {{1, 1023}});
    const Image image = compile(b.policy).value();
    const ImageView view(image.bytes);
    for (const std::uint32_t port : {1U, 2U, 3U, 439U, 440U, 443U, 450U, 451U, 65535U}) {
        unsigned all = PM_PAIR_IN | PM_PAIR_OUT, some = 0;
        for (std::uint32_t source = 1; source <= 65535; ++source) {
            const std::uint32_t pair = pm_pair(view.view(), tcp, port, source);
            unsigned flags = 0;
            if (pm_pair_opens(view.view(), pair, PM_IN)) flags |= PM_PAIR_IN;
            if (pm_pair_opens(view.view(), pair, PM_OUT)) flags |= PM_PAIR_OUT;
            all &= flags;
            some |= flags;
        }
        EXPECT_EQ(pm_load(view.view(), image.header().gates[0] + port, 1), all | (some & ~all) << 2)
            << port;
        EXPECT_EQ(pm_load(view.view(), image.header().gates[1] + port, 1), 0U);
    }
}

TEST(Image, OwnAddressesPassTheFilter) {
    PolicyBuilder b;
    b.any_peers("clients").role("one", {"203.0.113.10", "2001:db8:10::10"});
    b.row("web", {tcp}, "clients", "one", {{443, 443}});
    const Judged single(b.policy);
    EXPECT_EQ(single("in tcp 203.0.113.10:40000 > 203.0.113.11:443"), "own-address-spoofed");
    EXPECT_EQ(single("in tcp [2001:db8:10::10]:40000 > [2001:db8::1]:443"), "own-address-spoofed");
    b.role("net", {"10.0.0.0/8"});  // more than single addresses
    const Judged net(b.policy);
    for (const char *own : {"10.0.0.0", "10.1.2.3", "10.255.255.255", "203.0.113.10"})
        EXPECT_EQ(net("in tcp " + std::string(own) + ":40000 > 203.0.113.11:443"),
                  "own-address-spoofed");
    EXPECT_EQ(net("in tcp 11.0.0.0:40000 > 203.0.113.10:443"), "web");
}

// --- damage ---

TEST(Image, ADamagedImageIsRefusedOrReadInsideItsBounds) {
    PolicyBuilder b = small_edge();
    for (int i = 0; i < 20; ++i)
        b.row("row" + std::to_string(i), {tcp}, "clients", "access", {{443, 443}});
    const Image image = compile(b.policy).value();
    auto broken = [&](auto change) {
        Image copy = image;
        change(copy.header());
        auto catalog = read_catalog(ImageView(copy.bytes).view());
        return catalog ? "read" : catalog.error();
    };
    EXPECT_EQ(broken([](pm_image &h) { h.magic = 0; }), "it is not a compiled policy");
    EXPECT_EQ(broken([](pm_image &h) { h.abi = 99; }),
              "it has layout 99; this program reads layout " + std::to_string(PM_IMAGE_VERSION));
    const std::string exceeds = "the compiled policy is damaged: its parts exceed its size";
    EXPECT_EQ(broken([](pm_image &h) { h.size = ~0U; }), exceeds);
    EXPECT_EQ(broken([](pm_image &h) { h.row_count = PM_ROWS_MAX + 1; }), exceeds);
    EXPECT_EQ(broken([](pm_image &h) { h.rows = h.size - 8; }), exceeds);
    EXPECT_EQ(broken([](pm_image &h) { h.catalog = ~0U; }), exceeds);
    EXPECT_EQ(broken([](pm_image &h) { h.catalog_size = ~0U; }), exceeds);
    EXPECT_EQ(broken([](pm_image &h) { h.document_size = h.size; }), exceeds);
    EXPECT_EQ(broken([](pm_image &h) { h.name = 0; }),
              "the compiled policy is damaged: it has no name");
    EXPECT_EQ(broken([](pm_image &h) { h.catalog_size -= 1; }),
              "the compiled policy is damaged in row 19");
    EXPECT_EQ(broken([](pm_image &h) { h.rows = h.decisions; }),
              "the compiled policy is damaged in row 0");

    const std::vector<std::uint8_t> nothing;
    EXPECT_FALSE(read_catalog(ImageView(nothing).view()));

    // Random bytes: no read leaves the slot (checked by the sanitizers), and no search hangs.
    Random random(3);
    const Question packet = test::question("in tcp 192.0.2.1:40000 > 203.0.113.10:443");
    for (int round = 0; round < 3000; ++round) {
        std::vector<std::uint8_t> bytes = image.bytes;
        const std::uint32_t span =
            random.below(2) ? sizeof(pm_image) : static_cast<std::uint32_t>(bytes.size());
        for (unsigned n = 1 + random.below(8); n > 0; --n)
            bytes[random.below(span)] = static_cast<std::uint8_t>(random.below(256));
        if (random.below(4) == 0)
            bytes.resize(random.below(static_cast<std::uint32_t>(bytes.size())));
        const ImageView view(bytes);
        const auto catalog = read_catalog(view.view());
        EXPECT_TRUE(!catalog || catalog->rows.size() <= PM_ROWS_MAX);
        const Answer answer = ask(b.policy, view, packet);
        EXPECT_NE(answer.pass, reason_label(answer.reason) != nullptr);
    }
}

// --- sizes and times, printed ---

void measure(const char *what, const Policy &policy, std::size_t most_bytes) {
    const auto start = std::chrono::steady_clock::now();
    const auto image = compile(policy);
    const auto end = std::chrono::steady_clock::now();
    ASSERT_TRUE(image) << image.error();
    std::cout << what << ": "
              << std::chrono::duration_cast<std::chrono::milliseconds>(end - start).count()
              << " ms, " << (image->bytes.size() >> 10) << " KiB\n";
    EXPECT_LE(image->bytes.size(), most_bytes);
}

AddressSet random_addresses(Random &random, std::size_t count, bool v6) {
    std::vector<Range> ranges;
    for (std::size_t i = 0; i < count; ++i) {
        const Prefix prefix = v6 ? Prefix{{0x2000000000000000ULL | random.bits() >> 3, 0}, 64}
                                 : Prefix{Address::v4(0x01000000U + random.below(0xdf000000U)), 32};
        ranges.push_back(prefix.range());
    }
    return AddressSet(std::move(ranges));
}

TEST(Image, BigPoliciesFit) {
    Random random(11);
    PolicyBuilder one = small_edge();
    one.peers_from_file("fraud", random_addresses(random, 1000000, false)).block("fraud");
    one.row("web", {tcp}, "clients", "access", {{443, 443}});
    measure("1 row, 1,000,000 IPv4 prefixes blocked", one.policy, std::size_t{32} << 20);

    PolicyBuilder six = small_edge();
    six.peers_from_file("fraud", random_addresses(random, 100000, true)).block("fraud");
    six.row("web", {tcp}, "clients", "access", {{443, 443}});
    measure("1 row, 100,000 IPv6 prefixes blocked", six.policy, std::size_t{16} << 20);

    auto many = [&](int rows, int prefixes_each) {
        PolicyBuilder b = small_edge();
        for (int i = 0; i < 4; ++i)
            b.role("role" + std::to_string(i), {"203.0.113.2" + std::to_string(i)});
        for (int i = 0; i < rows; ++i) {
            const std::string name = std::to_string(i);
            const auto port = static_cast<std::uint16_t>(1000 + i % 5000);
            b.peers_from_file("set" + name, random_addresses(random, prefixes_each, false));
            b.row("row" + name, {tcp}, "set" + name, "role" + std::to_string(i % 4),
                  {{port, port}});
        }
        return b.policy;
    };
    measure("1,000 rows, 100,000 prefixes", many(1000, 100), std::size_t{16} << 20);
    measure("10,000 rows, 1,000,000 prefixes", many(10000, 100), std::size_t{128} << 20);
}

}  // namespace
}  // namespace pm

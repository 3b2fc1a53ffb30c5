// SPDX-License-Identifier: Apache-2.0
#include "loader/host/nft_sets.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <tuple>

#include <fmt/core.h>
#include <libmnl/libmnl.h>

#include "loader/host/netlink_request.h"

namespace pm {
namespace {

constexpr std::uint64_t ns_a_millisecond = 1'000'000;

// An element of the set: a range begins at this address, or the one before it has ended there.
struct Edge {
    Address at;
    bool begins = true;
    std::optional<std::uint64_t> left;
};

int read_key(const nlattr *attribute, void *context) {
    if (mnl_attr_get_type(attribute) == NFTA_DATA_VALUE)
        *static_cast<Address *>(context) = address_of(attribute);
    return MNL_CB_OK;
}

int read_element(const nlattr *attribute, void *context) {
    auto &edge = *static_cast<Edge *>(context);
    switch (mnl_attr_get_type(attribute)) {
        case NFTA_SET_ELEM_KEY:
            return mnl_attr_parse_nested(attribute, read_key, &edge.at);
        case NFTA_SET_ELEM_FLAGS:
            edge.begins = !(ntohl(mnl_attr_get_u32(attribute)) & NFT_SET_ELEM_INTERVAL_END);
            break;
        case NFTA_SET_ELEM_EXPIRATION:
            edge.left = be64toh(mnl_attr_get_u64(attribute)) * ns_a_millisecond;
            break;
        default:
            break;
    }
    return MNL_CB_OK;
}

int add_element(const nlattr *attribute, void *context) {
    Edge &edge = static_cast<std::vector<Edge> *>(context)->emplace_back();
    return mnl_attr_parse_nested(attribute, read_element, &edge);
}

int add_elements(const nlattr *attribute, void *context) {
    if (mnl_attr_get_type(attribute) != NFTA_SET_ELEM_LIST_ELEMENTS) return MNL_CB_OK;
    return mnl_attr_parse_nested(attribute, add_element, context);
}

std::vector<NftRange> ranges_of(std::vector<Edge> edges) {
    // Where one range ends and the next begins, the end comes first.
    std::ranges::sort(edges, {}, [](const Edge &one) { return std::tuple(one.at, one.begins); });
    std::vector<NftRange> ranges;
    for (std::size_t i = 0; i < edges.size(); ++i) {
        if (!edges[i].begins) continue;
        const Address first = edges[i].at;
        const Address last = i + 1 < edges.size() ? edges[i + 1].at.previous()
                             : first.is_v4()      ? all_v4.last
                                                  : all_v6.last;
        ranges.push_back({.range = {first, last}, .left = edges[i].left});
    }
    return ranges;
}

}  // namespace

Result<std::vector<NftRange>> read_nft_set(const std::string &table, const std::string &set) {
    std::array<char, 1024> buffer = {};
    nlmsghdr *request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETSETELEM;
    auto *family = static_cast<nfgenmsg *>(mnl_nlmsg_put_extra_header(request, sizeof(nfgenmsg)));
    family->nfgen_family = NFPROTO_INET;
    family->version = NFNETLINK_V0;
    mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_TABLE, table.c_str());
    mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_SET, set.c_str());
    std::vector<Edge> edges;
    const std::string what = fmt::format("read the set {} of the nftables table {}", set, table);
    return dump_netlink(what.c_str(), NETLINK_NETFILTER, request,
                        [&](const nlmsghdr *message) {
                            mnl_attr_parse(message, sizeof(nfgenmsg), add_elements, &edges);
                        })
        .map([&] { return ranges_of(std::move(edges)); });
}

}  // namespace pm

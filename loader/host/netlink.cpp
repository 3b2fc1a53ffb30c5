// SPDX-License-Identifier: Apache-2.0
#include "loader/host/netlink.h"

#include <linux/netconf.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <utility>

#include <bpf/bpf.h>
#include <fmt/core.h>
#include <libmnl/libmnl.h>

#include "loader/base/file.h"
#include "loader/host/attached_programs.h"
#include "loader/host/netlink_request.h"

namespace pm {
namespace {

int read_output_interface(const nlattr *attribute, void *context) {
    if (mnl_attr_get_type(attribute) == RTA_OIF)
        *static_cast<std::uint32_t *>(context) = mnl_attr_get_u32(attribute);
    return MNL_CB_OK;
}

// What the kernel answers where a route is missing, or forbids the packet.
bool means_no_route(int error) {
    return error == ENETUNREACH || error == EHOSTUNREACH || error == ESRCH || error == EACCES ||
           error == EINVAL;
}

int read_kind(const nlattr *attribute, void *context) {
    if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND)
        *static_cast<std::string *>(context) = mnl_attr_get_str(attribute);
    return MNL_CB_OK;
}

int read_link(const nlattr *attribute, void *context) {
    auto &link = *static_cast<Link *>(context);
    switch (mnl_attr_get_type(attribute)) {
        case IFLA_LINK:
            link.lower = mnl_attr_get_u32(attribute);
            break;
        case IFLA_MASTER:
            link.master = mnl_attr_get_u32(attribute);
            break;
        case IFLA_LINKINFO:
            mnl_attr_parse_nested(attribute, read_kind, &link.kind);
            break;
        case IFLA_LINK_NETNSID:
            link.lower_is_elsewhere = true;
            break;
    }
    return MNL_CB_OK;
}

int read_forwarding(const nlattr *attribute, void *context) {
    if (mnl_attr_get_type(attribute) == NETCONFA_FORWARDING && mnl_attr_get_u32(attribute) != 0)
        *static_cast<bool *>(context) = true;
    return MNL_CB_OK;
}

// Since Linux 6.17 a device can be made to forward IPv6 on its own, which netlink does not tell.
bool may_be_forced() {
    const std::filesystem::path devices = "/proc/sys/net/ipv6/conf";
    std::error_code error;
    if (!std::filesystem::exists(devices / "all/force_forwarding", error)) return bool(error);
    auto entries = list_folder(devices);
    return !entries || std::ranges::any_of(*entries, [](const std::filesystem::path &device) {
        auto text = read_file(device / "force_forwarding");
        return !text || !text->starts_with('0');
    });
}

// Kernels before 6.6 do not know these hooks.
Result<std::vector<TcProgram>> tcx_programs(std::uint32_t ifindex, TcHook hook) {
    std::array<__u32, 64> ids = {};  // the kernel allows no more
    struct bpf_prog_query_opts options = {};
    options.sz = sizeof(options);
    options.prog_ids = ids.data();
    options.prog_cnt = ids.size();
    std::vector<TcProgram> programs;
    const int error = bpf_prog_query_opts(
        static_cast<int>(ifindex), hook == TcHook::egress ? tcx_egress : tcx_ingress, &options);
    if (error == -EINVAL) return programs;
    if (error != 0) return cannot("list the programs on TCX", error);
    for (std::size_t i = 0; i < std::min<std::size_t>(options.prog_cnt, ids.size()); ++i)
        programs.push_back({.id = ids[i], .name = name_of_program(ids[i]), .tcx = true});
    return programs;
}

struct Filter {
    std::uint32_t priority;
    TcProgram program;
};

int read_program(const nlattr *attribute, void *context) {
    auto &program = *static_cast<TcProgram *>(context);
    if (mnl_attr_get_type(attribute) == TCA_BPF_ID) program.id = mnl_attr_get_u32(attribute);
    if (mnl_attr_get_type(attribute) == TCA_BPF_NAME) program.name = mnl_attr_get_str(attribute);
    return MNL_CB_OK;
}

struct TcAttributes {
    std::string kind;
    const nlattr *options = nullptr;
};

int read_tc_attribute(const nlattr *attribute, void *context) {
    auto &found = *static_cast<TcAttributes *>(context);
    if (mnl_attr_get_type(attribute) == TCA_KIND) found.kind = mnl_attr_get_str(attribute);
    if (mnl_attr_get_type(attribute) == TCA_OPTIONS) found.options = attribute;
    return MNL_CB_OK;
}

// Adds the filter if it is a program.
void add_filter(const nlmsghdr *message, std::vector<Filter> &filters) {
    const auto *tc = static_cast<const tcmsg *>(mnl_nlmsg_get_payload(message));
    TcAttributes found;
    mnl_attr_parse(message, sizeof(*tc), read_tc_attribute, &found);
    if (found.kind != "bpf" || !found.options || tc->tcm_handle == 0) return;
    Filter filter = {TC_H_MAJ(tc->tcm_info) >> 16, {}};
    mnl_attr_parse_nested(found.options, read_program, &filter.program);
    filters.push_back(std::move(filter));
}

// The filters whose parent is that hook of clsact. Where another qdisc is in its place, the kernel
// lists what that has under any parent: it must be known that it is clsact.
Result<std::vector<Filter>> clsact_programs(std::uint32_t ifindex, TcHook hook) {
    std::vector<Filter> filters;
    auto qdisc = ingress_qdisc(ifindex);
    if (!qdisc) return tl::unexpected(qdisc.error());
    if (*qdisc != clsact) return filters;
    std::array<char, 256> buffer = {};
    nlmsghdr *request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = RTM_GETTFILTER;
    auto *tc = static_cast<tcmsg *>(mnl_nlmsg_put_extra_header(request, sizeof(tcmsg)));
    tc->tcm_family = AF_UNSPEC;
    tc->tcm_ifindex = static_cast<int>(ifindex);
    tc->tcm_parent =
        TC_H_MAKE(TC_H_CLSACT, hook == TcHook::egress ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS);
    auto listed = dump_netlink("list the filters of clsact", NETLINK_ROUTE, request,
                               [&](const nlmsghdr *message) { add_filter(message, filters); });
    if (!listed) return tl::unexpected(listed.error());
    std::ranges::stable_sort(filters, {}, &Filter::priority);
    return filters;
}

}  // namespace

Result<std::string> ingress_qdisc(std::uint32_t ifindex) {
    std::array<char, 256> buffer = {};
    nlmsghdr *request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = RTM_GETQDISC;
    mnl_nlmsg_put_extra_header(request, sizeof(tcmsg));
    std::string kind;
    return dump_netlink("list the qdiscs", NETLINK_ROUTE, request,
                        [&](const nlmsghdr *message) {
                            const auto *tc =
                                static_cast<const tcmsg *>(mnl_nlmsg_get_payload(message));
                            if (tc->tcm_ifindex != static_cast<int>(ifindex) ||
                                tc->tcm_parent != TC_H_CLSACT)
                                return;
                            TcAttributes found;
                            mnl_attr_parse(message, sizeof(*tc), read_tc_attribute, &found);
                            kind = found.kind;
                        })
        .map([&] { return kind; });
}

Result<std::vector<TcProgram>> tc_programs(std::uint32_t ifindex, TcHook hook) {
    auto programs = tcx_programs(ifindex, hook);
    if (!programs) return programs;
    auto filters = clsact_programs(ifindex, hook);
    if (!filters) return tl::unexpected(filters.error());
    for (Filter &one : *filters) {
        // The filter's own name is that of the file which its program was loaded from.
        if (std::string name = name_of_program(one.program.id); !name.empty())
            one.program.name = std::move(name);
        programs->push_back(std::move(one.program));
    }
    return programs;
}

Result<std::uint32_t> route_interface(const Address &from, const Address &to) {
    std::array<char, 256> buffer = {};
    nlmsghdr *request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = RTM_GETROUTE;
    auto *route = static_cast<rtmsg *>(mnl_nlmsg_put_extra_header(request, sizeof(rtmsg)));
    const bool v4 = to.is_v4();
    route->rtm_family = v4 ? AF_INET : AF_INET6;
    route->rtm_src_len = route->rtm_dst_len = v4 ? 32 : 128;
    put_address(request, RTA_SRC, from);
    put_address(request, RTA_DST, to);
    std::uint32_t interface = 0;
    auto asked = ask_netlink(NETLINK_ROUTE, request, [&](const nlmsghdr *message) {
        if (message->nlmsg_type == RTM_NEWROUTE)
            mnl_attr_parse(message, sizeof(rtmsg), read_output_interface, &interface);
    });
    if (!asked && !means_no_route(asked.error().number))
        return cannot(fmt::format("ask for the route to {}", to_string(to)), asked.error().number);
    return interface;
}

Result<std::vector<Link>> all_links() {
    std::array<char, 256> buffer = {};
    nlmsghdr *request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = RTM_GETLINK;
    mnl_nlmsg_put_extra_header(request, sizeof(ifinfomsg));
    std::vector<Link> links;
    auto listed =
        dump_netlink("list the interfaces", NETLINK_ROUTE, request, [&](const nlmsghdr *message) {
            Link link;
            const auto *about = static_cast<const ifinfomsg *>(mnl_nlmsg_get_payload(message));
            link.index = static_cast<std::uint32_t>(about->ifi_index);
            link.is_up = about->ifi_flags & IFF_UP;
            mnl_attr_parse(message, sizeof(ifinfomsg), read_link, &link);
            if (link.lower_is_elsewhere) link.lower = 0;
            links.push_back(std::move(link));
        });
    if (!listed) return tl::unexpected(listed.error());
    return links;
}

bool may_forward() {
    bool forwards = false;
    for (const int family : {AF_INET, AF_INET6}) {
        std::array<char, 256> buffer = {};
        nlmsghdr *request = mnl_nlmsg_put_header(buffer.data());
        request->nlmsg_type = RTM_GETNETCONF;
        auto *about =
            static_cast<netconfmsg *>(mnl_nlmsg_put_extra_header(request, sizeof(netconfmsg)));
        about->ncm_family = static_cast<std::uint8_t>(family);
        auto listed = dump_netlink(
            "list what is forwarded", NETLINK_ROUTE, request, [&](const nlmsghdr *message) {
                mnl_attr_parse(message, sizeof(netconfmsg), read_forwarding, &forwards);
            });
        if (!listed) return true;
    }
    return forwards || may_be_forced();
}

Result<std::size_t> count_nftables() {
    std::array<char, 256> buffer = {};
    nlmsghdr *request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE;
    auto *family = static_cast<nfgenmsg *>(mnl_nlmsg_put_extra_header(request, sizeof(nfgenmsg)));
    family->nfgen_family = NFPROTO_UNSPEC;
    family->version = NFNETLINK_V0;
    std::size_t tables = 0;
    return dump_netlink("list the nftables tables", NETLINK_NETFILTER, request,
                        [&](const nlmsghdr *) { ++tables; })
        .map([&] { return tables; });
}

}  // namespace pm

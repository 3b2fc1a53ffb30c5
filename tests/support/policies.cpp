// SPDX-License-Identifier: Apache-2.0
#include "tests/support/policies.h"

#include <stdexcept>
#include <utility>

#include "policy/language/read.h"
#include "tests/support/kernel.h"
#include "tests/support/policy_builder.h"

namespace pm::test {

Policy public_im_policy() {
    auto result = read_policy(PM_SOURCE_DIR "/tests/policies/lync-2013-public-im.yaml", {});
    if (!result.policy || result.diagnostics.has_errors())
        throw std::runtime_error(render(result.diagnostics, false));
    return *result.policy;
}

Policy mixed_policy() {
    const std::uint8_t tcp = PM_PROTO_TCP, udp = PM_PROTO_UDP, icmp = PM_PROTO_ICMP,
                       icmpv6 = PM_PROTO_ICMPV6, gre = 47;
    PolicyBuilder b("mixed");
    b.role("access", {"203.0.113.10/32", "2001:db8:10::10/128"})
        .role("av", {"203.0.113.11/32", "2001:db8:10::11/128"})
        .role("inner", {"10.9.0.10/32"})
        .peers("partners", {"198.51.100.0/24", "2001:db8:20::/48"})
        .peers("admins", {"192.0.2.128/25", "2001:db8:30::/64"})
        .peers("fraud", {"198.51.100.66/32", "192.0.2.200/32", "2001:db8:20:6::/64"})
        .any_peers_except("public", addresses({"10.0.0.0/8", "fc00::/7"}))
        .peers("mdns", {"224.0.0.251/32", "ff02::fb/128"})
        .no_peers("nobody")
        .place(interface_name, {"access", "av"})
        .place("edge1", {"inner"})
        .block("fraud");
    b.failsafe("ssh-admins", {tcp}, "admins", "access", {{22, 22}});
    b.row("sip-in", {tcp}, "partners", "access", {{5061, 5061}});
    b.row("sip-any-in", {tcp}, "public", "access", {{5060, 5061}});
    b.row("sip-out", {tcp}, "access", "partners", {{5061, 5061}});
    b.row("media-in", {udp}, "public", "av", {{50000, 59999}});
    b.row("relay-out", {tcp, udp}, "av", "public", any_port, {{50000, 59999}});
    b.row("stun-in", {udp}, "any", "av", {{3478, 3478}});
    b.row("dns-out", {udp}, "access", "any", {{53, 53}});
    b.row("off-in", {tcp}, "nobody", "access", {{8443, 8443}});
    b.row("mdns-in", {udp}, "any", "mdns", {{5353, 5353}}, {{5353, 5353}});
    b.row("mdns-out", {udp}, "access", "mdns", {{5353, 5353}}, {{5353, 5353}});
    b.row("ping-in", {icmp, icmpv6}, "partners", "access");
    b.row("ping-out", {icmp, icmpv6}, "access", "any");
    b.row("gre-in", {gre}, "partners", "access");
    b.row("inner-in", {tcp}, "any", "inner", {{4443, 4443}});
    return b.policy;
}

Image compile_for_test(const Policy &policy) {
    CompileOptions options;
    options.interfaces.resize(interface_number + 1);
    options.interfaces[interface_number] = interface_name;
    auto image = compile(policy, options);
    if (!image) throw std::runtime_error(image.error());
    return std::move(*image);
}

}  // namespace pm::test

// SPDX-License-Identifier: Apache-2.0
// The findings of doctor that need no kernel.
#include "loader/show/doctor.h"

#include <gtest/gtest.h>

#include "loader/doctor/policy.h"

namespace pm {
namespace {

TEST(UnreservedPorts, IsWhatAnyProcessMayBeGiven) {
    const auto open = [](const char *ports, const char *reserved) {
        return unreserved_ports(ports, reserved, 32768, 60999);
    };
    EXPECT_EQ(open("50000-59999", ""), "50000-59999");
    EXPECT_EQ(open("50000-59999", "50000-59999"), "");
    EXPECT_EQ(open("50000-59999", "40000-60999"), "");
    EXPECT_EQ(open("50000-59999", "50000-50009,50020"), "50010-50019,50021-59999");
    EXPECT_EQ(open("60000-65535", ""), "60000-60999");
    EXPECT_EQ(open("1024-32768", "123"), "32768");
    EXPECT_EQ(open("5060", ""), "");
    EXPECT_EQ(open("40000,50000-50001", "50001"), "40000,50000");
}

TEST(Findings, AreALineEachWithTheRemedyBelow) {
    Findings findings;
    findings.fine("jit", "programs are compiled");
    findings.about("eth0");
    findings.wrong("egress", "what goes out is not filtered", "portmatrix apply");
    EXPECT_EQ(show::findings_text(findings.all(), false),
              "ok      jit             programs are compiled\n"
              "wrong   egress          eth0: what goes out is not filtered\n"
              "                        remedy: portmatrix apply\n"
              "1 wrong, 0 warnings\n");
    EXPECT_EQ(show::findings_json({findings.all()[1]}),
              R"({"interface":"eth0","check":"egress","grade":"wrong",)"
              R"("message":"what goes out is not filtered","remedy":"portmatrix apply"})"
              "\n");
}

}  // namespace
}  // namespace pm

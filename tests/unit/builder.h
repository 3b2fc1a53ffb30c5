// SPDX-License-Identifier: Apache-2.0
// Policies for tests, built without files.
#pragma once

#include <initializer_list>
#include <random>
#include <string>

#include "policy/image/compile.h"
#include "policy/judge/judge.h"
#include "policy/judge/question.h"
#include "policy/model/model.h"

namespace pm::test {

AddressSet set_of(std::initializer_list<const char *> prefixes);

class Builder {
public:
    Builder() { policy.name = "test"; }

    Builder &role(const std::string &name, std::initializer_list<const char *> prefixes);
    Builder &interface_role(const std::string &name);
    Builder &peers(const std::string &name, std::initializer_list<const char *> prefixes);
    Builder &peers(const std::string &name, AddressSet set);  // as if read from a file
    Builder &any_peers(const std::string &name);
    Builder &no_peers(const std::string &name);  // none
    Builder &place(const std::string &interface, std::vector<std::string> roles);
    Builder &block(const std::string &peers);
    // Direction follows from which side is a role. `ports` empty: a transport without ports.
    // Failsafe rows come before matrix rows, whatever the order of the calls.
    Row &row(const std::string &id, std::vector<std::uint8_t> transports, const std::string &source,
             const std::string &destination, Ports ports = {});
    Row &failsafe(const std::string &id, const std::string &source, const std::string &destination,
                  Ports ports);

    Policy policy;

private:
    AddressSetDef &add(std::map<std::string, AddressSetDef> &section, const std::string &name,
                       AddressSetDef::Form form);
    void fill(AddressSetDef &def, std::initializer_list<const char *> prefixes);
};

inline constexpr std::uint8_t tcp = PM_PROTO_TCP, udp = PM_PROTO_UDP, icmp = PM_PROTO_ICMP,
                              icmpv6 = PM_PROTO_ICMPV6;

Address address(const char *text);

// Repeatable random numbers.
class Random {
public:
    explicit Random(unsigned seed) : engine_(seed) {}
    std::uint32_t below(std::uint32_t end) { return static_cast<std::uint32_t>(engine_() % end); }
    std::uint64_t bits() { return std::uint64_t{below(~0U)} << 32 | below(~0U); }

private:
    std::mt19937 engine_;
};

// "in tcp 192.0.2.1:40000 > 203.0.113.10:443", "out icmp 203.0.113.10 > 192.0.2.1",
// "[2001:db8::1]:443" for IPv6 with a port.
Question question(const std::string &text, unsigned interface = 0);

// Compiles, and asks: the id of the row, or the reason. A test fails where it cannot compile.
class Judged {
public:
    explicit Judged(const Policy &policy, const CompileOptions &options = {});

    std::string operator()(const std::string &packet, unsigned interface = 0) const;
    std::string operator()(const Question &question) const;
    Answer ask(const std::string &packet, unsigned interface = 0) const;

    const Policy policy;
    const Image image;
    const ImageView view;
};

}  // namespace pm::test

// SPDX-License-Identifier: Apache-2.0
// Payload checks of rows: what each accepts and refuses, and that a flow is checked once.
#include <algorithm>

#include "policy/model/transports.h"
#include "tests/packet/catalogue.h"
#include "tests/support/payloads.h"

namespace pm::test {
namespace {

using Payload = Check::Payload;

struct PayloadCase {
    std::string name;
    Payload check;
    bool tcp;
    Bytes payload;
    bool fits;
};

void PrintTo(const PayloadCase &it, std::ostream *to) {
    *to << it.name;
}

Policy checking(Payload payload, bool drop = true) {
    Policy policy = mixed_policy();
    for (Row &row : policy.rows)
        if (row.section == Section::matrix && !row.port.empty())
            row.check = {.payload = payload, .drop = drop};
    return policy;
}

Bytes cut(Bytes bytes, std::size_t size) {
    bytes.resize(size);
    return bytes;
}

Bytes with_byte(Bytes bytes, std::size_t at, std::uint8_t value) {
    bytes[at] = value;
    return bytes;
}

Bytes joined(const Bytes &one, const Bytes &other) {
    Bytes both(one.size() + other.size());
    std::copy(other.begin(), other.end(), std::copy(one.begin(), one.end(), both.begin()));
    return both;
}

std::vector<PayloadCase> tls_cases() {
    auto one = [](std::string name, Bytes payload, bool fits) {
        return PayloadCase{std::move(name), Payload::tls, true, std::move(payload), fits};
    };
    std::vector<PayloadCase> cases{
        one("Ssl3", client_hello(0), true),
        one("Tls1", client_hello(1), true),
        one("Tls13Record", client_hello(3), true),
        one("Version4", client_hello(4), true),
        one("Version5", client_hello(5), false),
        one("OneByte", cut(client_hello(), 1), true),
        one("FiveBytes", cut(client_hello(), 5), true),
        one("ServerHello", with_byte(client_hello(), 5, 2), false),
        one("ApplicationData", with_byte(client_hello(), 0, 0x17), false),
        one("Http", text("GET / HTTP/1.1"), false),
        one("Sip", text("REGISTER sip:a SIP/2.0"), false),
        one("Ssh", text("SSH-2.0-x"), false),
        one("Ssl2", {0x80, 0x2e, 1, 0, 2}, false),
    };
    return cases;
}

std::vector<PayloadCase> stun_cases() {
    auto one = [](std::string name, Bytes payload, bool fits, bool tcp = false) {
        return PayloadCase{std::move(name), Payload::stun, tcp, std::move(payload), fits};
    };
    return {
        one("Binding", stun(1), true),
        one("Allocate", stun(3, Bytes(8)), true),
        one("Response", stun(0x101), false),
        one("Indication", stun(0x11), false),
        one("Refresh", stun(4), false),
        one("NoCookie", stun(1, {}, 0x12345678), false),
        one("LengthShort", with_byte(stun(1, Bytes(8)), 3, 4), false),
        one("LengthLong", with_byte(stun(1), 3, 4), false),
        one("Unpadded", stun(1, Bytes(3)), false),
        one("HeaderCut", cut(stun(1), 19), false),
        one("TopBits", with_byte(stun(1), 0, 0x40), false),
        one("ChannelData", {0x40, 0, 0, 4, 1, 2, 3, 4}, false),
        one("Dtls", dtls_hello(), true),
        one("DtlsCut", cut(dtls_hello(), 12), false),
        one("DtlsData", with_byte(dtls_hello(), 0, 23), false),
        one("Rtp", rtp(), false),
        one("Empty", {}, false),
        one("StreamBinding", stun(1), true, true),
        one("StreamAllocate", stun(3, Bytes(4)), true, true),
        one("StreamOneByte", {0}, true, true),
        one("StreamConnectionBind", stun(11, Bytes(8)), true, true),
        one("ConnectionBind", stun(11, Bytes(8)), false),
        one("StreamRefresh", stun(4), false, true),
        one("StreamNoCookie", stun(1, {}, 0x12345678), false, true),
        one("StreamTls", client_hello(), true, true),
        one("StreamHttp", text("GET /"), false, true),
    };
}

std::vector<PayloadCase> msturn_cases() {
    auto one = [](std::string name, Bytes payload, bool fits, bool tcp = false) {
        return PayloadCase{std::move(name), Payload::msturn, tcp, std::move(payload), fits};
    };
    return {
        one("Allocate", msturn(3), true),
        one("AllocateUnpadded", msturn(3, Bytes(3)), true),
        one("Send", msturn(4, Bytes(7)), true),
        one("SetActiveDestination", msturn(6), true),
        one("AllocateResponse", msturn(0x103), false),
        one("DataIndication", msturn(0x115), false),
        one("OtherCookie", with_byte(msturn(3), 24, 0x73), false),
        one("CookieNotFirst",
            stun(3, joined(Bytes(8), {0, 15, 0, 4, 0x72, 0xc6, 0x4b, 0xc6}), 0x9b1c03d5), false),
        one("TransactionThatLooksLikeStun", stun(3, Bytes(3)), true),
        one("Check", stun(1), true),
        one("CheckOfTheDraft", stun(1, Bytes(8), 0x9b1c03d5), true),
        one("Multiplexed", msturn_frame(20), true),
        one("MultiplexedEmpty", msturn_frame(0), true),
        one("MultiplexedCut", cut(msturn_frame(0), 11), false),
        one("MultiplexedLength", with_byte(msturn_frame(20), 3, 20), false),
        one("LengthWrong", with_byte(msturn(3), 3, 9), false),
        one("Rtp", rtp(), false),
        one("StreamPseudoTls", client_hello(), true, true),
        one("StreamGoogle", {0x80, 0x46, 1, 3, 1}, true, true),
        one("StreamOtherSsl2", {0x80, 0x2e, 1, 0, 2}, false, true),
        one("StreamControl", {2, 0, 0, 28}, true, true),
        one("StreamData", {3, 0, 0, 28}, true, true),
        one("StreamFrameSecondByte", {2, 1, 0, 28}, false, true),
        one("StreamStun", stun(3), true, true),
        one("StreamHttp", text("POST /"), false, true),
    };
}

std::vector<PayloadCase> media_cases() {
    auto one = [](std::string name, Payload check, Bytes payload, bool fits, bool tcp = false) {
        return PayloadCase{std::move(name), check, tcp, std::move(payload), fits};
    };
    const Payload rtp_ = Payload::rtp, sip_ = Payload::sip;
    std::vector<PayloadCase> cases{
        one("RtpPacket", rtp_, rtp(), true),
        one("RtpEightBytes", rtp_, rtp(8), true),
        one("RtpSevenBytes", rtp_, rtp(7), false),
        one("RtpControl", rtp_, with_byte(rtp(28), 1, 200), true),
        one("RtpStun", rtp_, stun(1), true),
        one("RtpStunOfTheDraft", rtp_, stun(1, {}, 1), true),
        one("RtpDtls", rtp_, dtls_hello(), true),
        one("RtpZrtp", rtp_, {16, 0, 0, 0}, true),
        one("RtpDns", rtp_, with_byte(Bytes(30, 0), 0, 0x0c), false),
        one("RtpText", rtp_, text("OPTIONS sip:a"), false),
        one("RtpEmpty", rtp_, {}, false),
        one("RtpVersion3", rtp_, Bytes(40, 0xc0), false),
        one("SipInvite", sip_, text("INVITE sip:a SIP/2.0"), true),
        one("SipAnswer", sip_, text("SIP/2.0 200 OK"), true),
        one("SipCrlf", sip_, text("\r\n"), true),
        one("SipDoubleCrlf", sip_, text("\r\n\r\n"), true),
        one("SipNul", sip_, {0}, true),
        one("SipEmpty", sip_, {}, true),
        one("SipStun", sip_, stun(1), true),
        one("SipLowerCase", sip_, text("invite sip:a"), false),
        one("SipRtp", sip_, rtp(), false),
        one("SipStream", sip_, text("REGISTER sip:a"), true, true),
        one("SipStreamCrlf", sip_, text("\r\n\r\n"), true, true),
        one("SipStreamNul", sip_, {0}, false, true),
        one("SipStreamTls", sip_, client_hello(), false, true),
    };
    return cases;
}

class Payloads : public testing::TestWithParam<PayloadCase> {};

// The verdict on the datagram (or the first TCP payload), and that a refusal leaves the flow as it
// was.
TEST_P(Payloads, Verdict) {
    const PayloadCase &it = GetParam();
    Host host(checking(it.check));
    Packet packet = make_packet(partner, it.tcp ? access4 : av4, Udp{.payload = it.payload});
    const std::string row = it.tcp ? "row sip-in" : "row stun-in";
    if (it.tcp) {
        EXPECT_EQ(host.in(sip()), row);
        packet.transport = Tcp{.flags = PSH | ACK, .payload = it.payload};
    }
    EXPECT_EQ(host.in(packet), it.fits ? row : "payload-mismatch");
    EXPECT_EQ(host.kernel().flows().size(), it.fits || it.tcp ? 1U : 0U);
}

std::string payload_name(const testing::TestParamInfo<PayloadCase> &info) {
    return info.param.name;
}
INSTANTIATE_TEST_SUITE_P(Tls, Payloads, testing::ValuesIn(tls_cases()), payload_name);
INSTANTIATE_TEST_SUITE_P(Stun, Payloads, testing::ValuesIn(stun_cases()), payload_name);
INSTANTIATE_TEST_SUITE_P(MsTurn, Payloads, testing::ValuesIn(msturn_cases()), payload_name);
INSTANTIATE_TEST_SUITE_P(Media, Payloads, testing::ValuesIn(media_cases()), payload_name);

class Checked : public Catalogue {
protected:
    Packet datagram_in(Bytes payload) { return udp(partner, 40000, av4, 3478, std::move(payload)); }
};

TEST_F(Checked, ALiveFlowIsNeverAsked) {
    host.apply(checking(Payload::msturn));
    passed("row stun-in", datagram_in(msturn(3)));
    for (const Bytes &later : {rtp(), text("anything"), Bytes{}, Bytes(40, 0xff)})
        passed("row stun-in", datagram_in(later));
    host.apply(checking(Payload::rtp));
    passed("row stun-in", datagram_in(text("nor when it is judged anew")));
}

TEST_F(Checked, TheFirstPayloadOfTcpIsAskedAndOnlyTheOpeners) {
    host.apply(checking(Payload::tls));
    EXPECT_EQ(client(SYN), "row sip-in");
    EXPECT_EQ(server(SYN | ACK), "row sip-in");
    EXPECT_EQ(client(ACK), "row sip-in");
    EXPECT_EQ(server(PSH | ACK, text("220 hello")), "row sip-in") << "the server may say anything";
    EXPECT_EQ(client(PSH | ACK, text("EHLO")), "payload-mismatch");
    EXPECT_EQ(client(PSH | ACK, {0x16}), "row sip-in") << "one byte is as much as a segment needs";
    EXPECT_EQ(client(PSH | ACK, text("whatever follows")), "row sip-in");
}

TEST_F(Checked, DataInASynIsAsked) {
    host.apply(checking(Payload::tls));
    EXPECT_EQ(client(SYN, text("GET /")), "payload-mismatch");
    EXPECT_EQ(client(SYN, client_hello()), "row sip-in");
    EXPECT_EQ(client(ACK, text("GET /")), "row sip-in");
}

TEST_F(Checked, FragmentsDoNotHideThePayload) {
    host.apply(checking(Payload::tls));
    EXPECT_EQ(client(SYN), "row sip-in");
    Packet segment =
        tcp(partner, 40000, access4, 5061, PSH | ACK, text("GET / HTTP/1.1 ........."));
    std::get<Tcp>(segment.transport).options = Bytes(4, 1);
    dropped("payload-mismatch", part(segment, 0, true, 24));  // a header and nothing behind it
    host.apply(checking(Payload::sip));
    dropped("payload-mismatch", part(datagram_in(Bytes(64, 'x')), 0, true, 8));
}

TEST_F(Checked, TheNextConnectionOfTheSamePortsIsAskedToo) {
    host.apply(checking(Payload::tls));
    EXPECT_EQ(client(SYN), "row sip-in");
    EXPECT_EQ(client(ACK, client_hello()), "row sip-in");
    EXPECT_EQ(client(SYN), "row sip-in");
    EXPECT_EQ(client(ACK, text("of the same connection")), "row sip-in");
    EXPECT_EQ(client(RST), "row sip-in");
    EXPECT_EQ(client(SYN), "row sip-in");
    EXPECT_EQ(server(SYN | ACK), "row sip-in");
    EXPECT_EQ(server(SYN | ACK), "row sip-in") << "sent again";
    EXPECT_EQ(client(ACK, text("GET /")), "payload-mismatch");
    EXPECT_EQ(client(ACK, client_hello()), "row sip-in");
    EXPECT_EQ(server(SYN | ACK), "row sip-in");
    EXPECT_EQ(client(ACK, text("whatever follows")), "row sip-in");
}

// Whoever knows the addresses and ports can forge an RST or FIN with a wrong sequence number, and
// then a SYN. The stack answers with a challenge ACK. The client's next data lies in the middle of
// its stream and would fail a check.
TEST_F(Checked, AForgedSynDoesNotHaveALiveConnectionAskedAgain) {
    host.apply(checking(Payload::tls));
    EXPECT_EQ(client(SYN), "row sip-in");
    EXPECT_EQ(server(SYN | ACK), "row sip-in");
    EXPECT_EQ(client(ACK, client_hello()), "row sip-in");
    for (const int forged : {RST, RST | ACK, FIN | ACK}) {
        EXPECT_EQ(client(forged), "row sip-in");
        EXPECT_EQ(client(SYN), "row sip-in");
        EXPECT_EQ(server(ACK), "row sip-in");
        EXPECT_EQ(client(ACK, text("of the same connection")), "row sip-in");
    }
}

// An ACK that the stack discards (for a wrong checksum, for example) must not hide that an RST was
// seen.
TEST_F(Checked, ASegmentAfterAnRstDoesNotHideIt) {
    host.apply(checking(Payload::tls));
    EXPECT_EQ(client(SYN), "row sip-in");
    EXPECT_EQ(server(SYN | ACK), "row sip-in");
    EXPECT_EQ(client(ACK, client_hello()), "row sip-in");
    EXPECT_EQ(client(RST), "row sip-in");
    EXPECT_EQ(client(ACK), "row sip-in");
    EXPECT_EQ(client(SYN), "row sip-in");
    EXPECT_EQ(server(SYN | ACK), "row sip-in");
    EXPECT_EQ(client(ACK, text("GET /")), "payload-mismatch");
}

// An RST during the handshake must not remove the check that still waits.
TEST_F(Checked, ASynAckThatIsSentAgainKeepsTheCheck) {
    host.apply(checking(Payload::tls));
    EXPECT_EQ(client(SYN), "row sip-in");
    EXPECT_EQ(server(SYN | ACK), "row sip-in");
    EXPECT_EQ(client(RST), "row sip-in");
    EXPECT_EQ(server(SYN | ACK), "row sip-in");
    EXPECT_EQ(client(ACK, text("GET /")), "payload-mismatch");
}

// A SYN just before the old entry expires must give the new connection its full time: the answer is
// not too late.
TEST_F(Checked, TheNextConnectionHasTheTimeOfItsOwn) {
    host.apply(checking(Payload::tls));
    EXPECT_EQ(client(SYN), "row sip-in");
    EXPECT_EQ(client(ACK, client_hello()), "row sip-in");
    EXPECT_EQ(client(RST), "row sip-in");
    host.wait(8);
    EXPECT_EQ(client(SYN), "row sip-in");
    host.wait(8);
    EXPECT_EQ(server(SYN | ACK), "row sip-in");
    EXPECT_EQ(client(ACK, text("GET /")), "payload-mismatch");
}

// A row inbound and a row outbound permit the same addresses and ports. A SYN of this host says
// that it knows of no connection, so the peer's is over.
TEST_F(Checked, WhatThisHostOpensIsNotHeldToWhatAPeerBegan) {
    host.apply(checking(Payload::tls));
    auto peer = [&](int flags, Bytes payload = {}) {
        return host.in(tcp(partner, 5061, access4, 5061, flags, std::move(payload)));
    };
    EXPECT_EQ(peer(SYN), "row sip-in");
    EXPECT_EQ(host.out(tcp(access4, 5061, partner, 5061, SYN)), "row sip-out");
    EXPECT_EQ(peer(SYN | ACK), "row sip-out");
    EXPECT_EQ(peer(ACK, text("220 the server may say anything")), "row sip-out");
    host.wait(66);
    EXPECT_EQ(peer(SYN), "row sip-in") << "a new one in its place";
    EXPECT_EQ(peer(ACK, text("GET /")), "payload-mismatch");
}

TEST_F(Checked, EveryMismatchIsCountedOnceOnItsRowDroppedOrNot) {
    Kernel &kernel = host.kernel();
    for (const bool drop : {true, false}) {
        host.apply(checking(Payload::stun, drop));
        const std::string row = drop ? "payload-mismatch" : "row stun-in";
        const std::uint64_t before = kernel.totals().mismatched;
        EXPECT_EQ(host.in(datagram_in(text("anything"))), row);
        EXPECT_EQ(kernel.totals().mismatched, before + 1);
        const int port = drop ? 40000 : 40001;
        EXPECT_EQ(host.in(tcp(partner, port, access4, 5061, SYN)), "row sip-in");
        EXPECT_EQ(host.in(tcp(partner, port, access4, 5061, ACK, text("anything"))),
                  drop ? "payload-mismatch" : "row sip-in");
        EXPECT_EQ(kernel.totals().mismatched, before + 2);
    }
    kernel.apply(compile_for_test(checking(Payload::stun)), PM_MODE_AUDIT);
    const std::uint64_t before = kernel.totals().mismatched;
    const Seen seen =
        kernel.see(in, frame(udp(partner, 40001, av4, 3478, text("nor where nothing is dropped"))));
    EXPECT_TRUE(seen.passed);
    EXPECT_EQ(kernel.totals().mismatched, before + 1);
}

TEST_F(Checked, CountingDropsNothing) {
    host.apply(checking(Payload::stun, false));
    passed("row stun-in", datagram_in(text("anything")));
    EXPECT_EQ(flows(), 1U);
}

TEST_F(Checked, WhatThisHostSendsFirstIsAskedLikewise) {
    host.apply(checking(Payload::tls));
    EXPECT_EQ(host.out(tcp(access4, 40000, partner, 5061, SYN)), "row sip-out");
    EXPECT_EQ(host.in(tcp(partner, 5061, access4, 40000, SYN | ACK)), "row sip-out");
    EXPECT_EQ(host.out(tcp(access4, 40000, partner, 5061, ACK, text("GET /"))), "payload-mismatch");
    EXPECT_EQ(host.out(tcp(access4, 40000, partner, 5061, ACK, client_hello())), "row sip-out");
    EXPECT_EQ(host.in(tcp(partner, 5061, access4, 40000, RST)), "row sip-out");
    EXPECT_EQ(host.out(tcp(access4, 40000, partner, 5061, SYN)), "row sip-out");
    EXPECT_EQ(host.out(tcp(access4, 40000, partner, 5061, ACK, text("GET /"))), "payload-mismatch")
        << "our own SYN is no forgery";
}

}  // namespace
}  // namespace pm::test

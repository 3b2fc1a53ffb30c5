// SPDX-License-Identifier: Apache-2.0
#include "loader/export/ipfix.h"

#include <array>
#include <span>

#include "policy/model/address.h"

namespace pm::exporter {
namespace {

constexpr std::uint16_t version = 10, template_set = 2, options_set = 3;
constexpr std::uint16_t first_data_set = 256;
constexpr std::uint16_t flow4 = 256, flow6 = 257, row_names = 258;
constexpr std::uint32_t domain = 1;           // observation domain
constexpr std::uint32_t reverse_pen = 29305;  // RFC 5103
constexpr std::uint16_t variable = 0xffff;

// IANA's numbers.
enum Element : std::uint16_t {
    octetDeltaCount = 1,
    packetDeltaCount = 2,
    protocolIdentifier = 4,
    tcpControlBits = 6,
    sourceTransportPort = 7,
    sourceIPv4Address = 8,
    ingressInterface = 10,
    destinationTransportPort = 11,
    destinationIPv4Address = 12,
    egressInterface = 14,
    sourceIPv6Address = 27,
    destinationIPv6Address = 28,
    flowDirection = 61,
    flowEndReason = 136,
    flowStartMilliseconds = 152,
    flowEndMilliseconds = 153,
    firewallEvent = 233,
    biflowDirection = 239,
    selectorId = 302,
    selectorName = 335,
    reverse = 0x8000,  // or-ed
};

struct Field {
    int element;
    std::uint16_t length;
};

// The one list of a record's fields, in their order; put_record below writes the values.
template <bool v6>
constexpr auto flow_fields = std::to_array<Field>({
    {flowStartMilliseconds, 8},
    {flowEndMilliseconds, 8},
    {v6 ? sourceIPv6Address : sourceIPv4Address, v6 ? 16 : 4},
    {v6 ? destinationIPv6Address : destinationIPv4Address, v6 ? 16 : 4},
    {sourceTransportPort, 2},
    {destinationTransportPort, 2},
    {protocolIdentifier, 1},
    {tcpControlBits, 1},
    {tcpControlBits | reverse, 1},
    {flowDirection, 1},
    {octetDeltaCount, 8},
    {packetDeltaCount, 8},
    {octetDeltaCount | reverse, 8},
    {packetDeltaCount | reverse, 8},
    {ingressInterface, 4},
    {egressInterface, 4},
    {biflowDirection, 1},
    {firewallEvent, 1},
    {flowEndReason, 1},
    {selectorId, 8},
});

constexpr auto row_fields = std::to_array<Field>({{selectorId, 8}, {selectorName, variable}});

// Numbers in network byte order.
class Bytes {
public:
    template <typename Number>
    void put(Number number) {
        for (unsigned shift = 8 * sizeof(Number); shift > 0; shift -= 8)
            bytes_.push_back(static_cast<std::uint8_t>(number >> (shift - 8)));
    }
    void put_address(const pm_addr &address, bool v6) {
        if (v6) {
            put(std::uint64_t{address.high});
            put(std::uint64_t{address.low});
        } else {
            put(static_cast<std::uint32_t>(address.low));
        }
    }
    void put_fields(std::span<const Field> fields) {
        for (const Field &field : fields) {
            put(static_cast<std::uint16_t>(field.element));
            put(field.length);
            if (field.element & reverse) put(reverse_pen);
        }
    }
    std::vector<std::uint8_t> take() { return std::move(bytes_); }

private:
    std::vector<std::uint8_t> bytes_;
};

template <typename Number>
void store(std::vector<std::uint8_t> &bytes, std::size_t at, Number number) {
    for (std::size_t i = 0; i < sizeof(Number); ++i)
        bytes[at + i] = static_cast<std::uint8_t>(number >> 8 * (sizeof(Number) - 1 - i));
}

// Collectors expect an echo's type and code in the destination port.
std::uint16_t echo_request(std::uint8_t protocol) {
    return static_cast<std::uint16_t>(protocol == PM_PROTO_ICMP ? 8 << 8 : 128 << 8);
}

void put_record(Bytes &bytes, const FlowRecord &record, const FlowNames &names,
                const FlowClock &clock, bool v6) {
    const pm_flow_key &key = record.key;
    const unsigned forth = record.flow.opener, back = 1 - forth;
    const bool in = forth == PM_IN;
    const bool echo = key.protocol == PM_PROTO_ICMP || key.protocol == PM_PROTO_ICMPV6;
    auto index = names.indices.find(key.interface);
    const std::uint32_t device = index == names.indices.end() ? 0 : index->second;

    bytes.put(clock.ms(record.flow.start));
    bytes.put(clock.ms(record.flow.last));
    bytes.put_address(in ? key.remote : key.local, v6);
    bytes.put_address(in ? key.local : key.remote, v6);
    bytes.put(echo ? std::uint16_t{0}
                   : static_cast<std::uint16_t>(in ? key.remote_port : key.local_port));
    bytes.put(echo ? echo_request(key.protocol)
                   : static_cast<std::uint16_t>(in ? key.local_port : key.remote_port));
    bytes.put(std::uint8_t{key.protocol});
    bytes.put(std::uint8_t{record.flow.tcp_flags[forth]});
    bytes.put(std::uint8_t{record.flow.tcp_flags[back]});
    bytes.put(std::uint8_t{!in});  // 0 ingress, 1 egress
    bytes.put(record.bytes[forth]);
    bytes.put(record.packets[forth]);
    bytes.put(record.bytes[back]);
    bytes.put(record.packets[back]);
    bytes.put(in ? device : 0u);
    bytes.put(in ? 0u : device);
    bytes.put(std::uint8_t{1});  // the source is the initiator
    bytes.put(
        static_cast<std::uint8_t>(record.reason == EndReason::active ? 5 : 2));  // update, deleted
    bytes.put(static_cast<std::uint8_t>(record.reason));
    bytes.put(std::uint64_t{record.flow.row});
}

}  // namespace

void IpfixEncoder::templates(std::uint32_t time) {
    Bytes v4, v6, rows;
    v4.put(flow4);
    v4.put(static_cast<std::uint16_t>(flow_fields<false>.size()));
    v4.put_fields(flow_fields<false>);
    v6.put(flow6);
    v6.put(static_cast<std::uint16_t>(flow_fields<true>.size()));
    v6.put_fields(flow_fields<true>);
    rows.put(row_names);
    rows.put(static_cast<std::uint16_t>(row_fields.size()));
    rows.put(std::uint16_t{1});  // fields of the scope: the row
    rows.put_fields(row_fields);
    add(time, template_set, v4.take());
    add(time, template_set, v6.take());
    add(time, options_set, rows.take());
}

void IpfixEncoder::row_name(std::uint32_t time, unsigned slot, const std::string &id) {
    Bytes bytes;
    bytes.put(std::uint64_t{slot});
    bytes.put(static_cast<std::uint8_t>(id.size()));  // ids are at most 63 bytes
    for (const char letter : id) bytes.put(static_cast<std::uint8_t>(letter));
    add(time, row_names, bytes.take());
}

void IpfixEncoder::record(const FlowRecord &record, const FlowNames &names,
                          const FlowClock &clock) {
    const bool v6 = !pm_is_v4(&record.key.local);
    Bytes bytes;
    put_record(bytes, record, names, clock, v6);
    add(static_cast<std::uint32_t>(clock.realtime_ms / 1000), v6 ? flow6 : flow4, bytes.take());
}

void IpfixEncoder::add(std::uint32_t time, std::uint16_t set,
                       const std::vector<std::uint8_t> &record) {
    constexpr std::size_t set_header = 4;
    if (!message_.empty() && message_.size() + set_header + record.size() > limit_) flush();
    if (message_.empty()) {
        Bytes header;
        header.put(version);
        header.put(std::uint16_t{0});  // the length: flush() writes it
        header.put(time);
        header.put(sequence_);
        header.put(domain);
        message_ = header.take();
        set_ = 0;
    }
    if (set != set_) {
        set_ = set;
        set_start_ = message_.size();
        message_.resize(message_.size() + set_header);
        store(message_, set_start_, set);
    }
    message_.insert(message_.end(), record.begin(), record.end());
    store(message_, set_start_ + 2, static_cast<std::uint16_t>(message_.size() - set_start_));
    if (set >= first_data_set) records_++;  // templates are not counted (RFC 7011, 3.1)
}

void IpfixEncoder::flush() {
    if (message_.empty()) return;
    store(message_, 2, static_cast<std::uint16_t>(message_.size()));
    send_(message_);
    sequence_ += records_;
    records_ = 0;
    message_.clear();
}

}  // namespace pm::exporter

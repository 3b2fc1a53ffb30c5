// SPDX-License-Identifier: Apache-2.0
// Flow records as IPFIX messages (RFC 7011). Each is one biflow record (RFC 5103): the opener is
// the source, and the counts of the answers are the reverse elements. The row is selectorId, whose
// name an options record gives. Knows no socket: `send` gets each message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "loader/export/walker.h"

namespace pm::exporter {

class IpfixEncoder {
public:
    using Send = std::function<void(const std::vector<std::uint8_t> &message)>;

    // `limit`: bytes of a message. The default fits a datagram into the least MTU of IPv6.
    explicit IpfixEncoder(Send send, std::size_t limit = 1232)
        : send_(std::move(send)), limit_(limit) {}

    void templates(std::uint32_t time);  // seconds since 1970
    void row_name(std::uint32_t time, unsigned slot, const std::string &id);
    void record(const FlowRecord &record, const FlowNames &names, const FlowClock &clock);
    void flush();

private:
    void add(std::uint32_t time, std::uint16_t set, const std::vector<std::uint8_t> &record);

    Send send_;
    std::size_t limit_;
    std::vector<std::uint8_t> message_;
    std::uint16_t set_ = 0;  // the set at the end of the message, which can still grow
    std::size_t set_start_ = 0;
    std::uint32_t sequence_ = 0;  // data records sent in earlier messages
    std::uint32_t records_ = 0;   // in this one
};

}  // namespace pm::exporter

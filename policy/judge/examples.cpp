// SPDX-License-Identifier: Apache-2.0
#include "policy/judge/examples.h"

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>

#include "policy/image/image_ranges.h"
#include "policy/judge/judge.h"

namespace pm {
namespace {

constexpr std::size_t tries_most = 20'000;  // questions to the image, each direction
constexpr std::uint16_t some_port = 40000;

// The first port of "443,50000-59999"; of "any" and of none, some port.
std::uint16_t first_port(const std::string &text) {
    std::uint16_t port = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), port);
    return read.ec == std::errc() && port != 0 ? port : some_port;
}

std::optional<std::uint8_t> number_of(const std::string &transport) {
    if (transport == "tcp") return PM_PROTO_TCP;
    if (transport == "udp") return PM_PROTO_UDP;
    if (transport == "icmp") return PM_PROTO_ICMP;
    if (transport == "icmpv6") return PM_PROTO_ICMPV6;
    return std::nullopt;
}

// Looks for one packet that passes and one that does not.
class Search {
public:
    Search(pm_view image, Direction direction, unsigned interface)
        : image_(image), direction_(direction), interface_(interface) {}

    // Until both are found, or for so many tries.
    bool is_over() const { return (passed_ && dropped_) || tries_ >= tries_most; }
    void ask(const CatalogRow &row, const Address &local, const Address &remote);
    void add_to(std::vector<Question> &questions) const {
        if (passed_) questions.push_back(*passed_);
        if (dropped_) questions.push_back(*dropped_);
    }

private:
    pm_view image_;
    Direction direction_;
    unsigned interface_;
    pm_moment when_ = present(image_);
    std::size_t tries_ = 0;
    std::optional<Question> passed_, dropped_;
};

void Search::ask(const CatalogRow &row, const Address &local, const Address &remote) {
    const auto transport = number_of(row.transport);
    if (!transport || local.is_v4() != remote.is_v4() || is_over()) return;
    if ((*transport == PM_PROTO_ICMP && !local.is_v4()) ||
        (*transport == PM_PROTO_ICMPV6 && local.is_v4()))
        return;
    const bool in = direction_ == Direction::in;
    const bool has_ports = *transport == PM_PROTO_TCP || *transport == PM_PROTO_UDP;
    const Question question = {.from = in ? remote : local,
                               .to = in ? local : remote,
                               .from_port = has_ports ? first_port(row.source_port) : some_port,
                               .to_port = has_ports ? first_port(row.port) : std::uint16_t{0},
                               .transport = *transport,
                               .direction = direction_,
                               .interface = interface_};
    tries_++;
    const std::uint32_t reason = pm_reason_of(judge_first(image_, {}, when_, question));
    if (reason == 0 && !passed_) passed_ = question;
    if (reason != 0 && reason != essential_verdict && !dropped_) dropped_ = question;
}

}  // namespace

std::vector<Question> example_questions(pm_view image, const Catalog &catalog, unsigned interface) {
    const pm_image header = *reinterpret_cast<const pm_image *>(image.base);
    const std::vector<Address> locals = example_addresses(image, header.locals),
                               peers = example_addresses(image, header.peers);
    std::vector<Question> questions;
    for (const Direction direction : {Direction::in, Direction::out}) {
        Search search(image, direction, interface);
        for (const CatalogRow &row : catalog.rows)
            for (const Address &local : locals)
                for (const Address &peer : peers)
                    if (row.direction == direction) search.ask(row, local, peer);
        search.add_to(questions);
    }
    return questions;
}

}  // namespace pm

// SPDX-License-Identifier: Apache-2.0
#include "policy/check/lint.h"

#include <algorithm>

#include <fmt/format.h>

#include "policy/check/credit.h"
#include "policy/check/reach.h"
#include "policy/check/witness.h"
#include "policy/image/compile.h"
#include "policy/judge/moment.h"
#include "policy/model/date.h"

namespace pm {
namespace {

constexpr std::uint64_t days_warned = 14;   // before the date of a row
constexpr std::size_t findings_shown = 10;  // of a kind; the rest is summed up in one line

// Linux's default; a host may have set another, which `doctor` reads.
constexpr PortRange ephemeral{32768, 60999};

// A row is over-wide if it opens more ports than this to or from most of the Internet. A row for
// flows of this host is not if its source ports are few: this host chooses them. In a flow that
// comes in, the stranger does. Published media ranges have at most 16,385 ports.
constexpr unsigned wide_ports = 20000;

unsigned count(const Ports &ports) {
    unsigned sum = 0;
    for (const PortRange &range : ports) sum += range.last - range.first + 1U;
    return sum;
}

// At least half of IPv4, or of the global unicast addresses of IPv6 (2000::/3).
bool is_most_of_the_internet(const AddressSet &set) {
    static const AddressSet global(std::vector{Prefix{{std::uint64_t{0x20} << 56, 0}, 3}.range()});
    return (set & AddressSet::v4()).extent() >= 0x1p31 || (set & global).extent() >= 0x1p124;
}

// "'a' (line 12)", or with the file's name where it is another one.
std::string cited(const Row &row, const Row &beside) {
    if (!row.where.file) return fmt::format("'{}'", row.id);
    if (row.where.file == beside.where.file)
        return fmt::format("'{}' (line {})", row.id, row.where.line);
    return fmt::format("'{}' ({})", row.id, cite(row.where));
}

class Lint {
public:
    Lint(const Policy &policy, Diagnostics &diagnostics)
        : policy_(policy), reachable_(reachable(policy)), diagnostics_(diagnostics) {}

    void dates();
    void credits();
    void over_wide();
    void ephemeral_ports();
    void failsafe();
    void interface_roles();

private:
    std::string witness(const std::vector<const Row *> &rows) const;
    std::string winners_text(const Row &row, const Credit &credit) const;
    // Tells each of the rows in turn by `tell`, and those beyond the limit by one line.
    template <typename Tell>
    void tell_each(const std::vector<std::uint16_t> &rows, const char *what, Severity severity,
                   Tell tell);
    void tell(Severity severity, Location where, std::string message, std::string witness,
              std::string hint = {});
    void never_credited(const Row &row, const Credit &credit);
    const Row &telling_winner(const Row &row, const Credit &credit) const;
    void splits_credit(const Row &row, const Credit &credit);
    Location whole_file() const { return {policy_.file, 0, 0, 1}; }

    const Policy &policy_;
    const Policy reachable_;
    Diagnostics &diagnostics_;
    const std::uint64_t now_ = utc_now();
};

std::string Lint::witness(const std::vector<const Row *> &rows) const {
    std::vector<Row> there;
    for (const Row *row : rows) there.push_back(reachable_row(reachable_, *row));
    std::vector<const Row *> each;
    for (const Row &row : there) each.push_back(&row);
    const auto question = find_witness(reachable_, each);
    return question ? to_string(*question) : "";
}

void Lint::tell(Severity severity, Location where, std::string message, std::string witness,
                std::string hint) {
    if (severity == Severity::note)
        diagnostics_.note(std::move(where), std::move(message), std::move(witness),
                          std::move(hint));
    else
        diagnostics_.warning(std::move(where), std::move(message), std::move(witness),
                             std::move(hint));
}

template <typename Tell>
void Lint::tell_each(const std::vector<std::uint16_t> &rows, const char *what, Severity severity,
                     Tell tell_one) {
    for (std::size_t i = 0; i < std::min(rows.size(), findings_shown); ++i)
        tell_one(policy_.rows[rows[i]], rows[i]);
    if (rows.size() > findings_shown)
        tell(severity, whole_file(),
             fmt::format("{} more rows {}", rows.size() - findings_shown, what), "");
}

// Who gets a row's packets instead: "row 'a' (line 3) permits all that it permits".
std::string Lint::winners_text(const Row &row, const Credit &credit) const {
    if (credit.winners.empty()) return "all that it permits is blocked";
    std::string text = credit.winners.size() == 1 ? "row " : "rows ";
    for (std::size_t i = 0; i < credit.winners.size(); ++i)
        text += (i ? ", " : "") + cited(policy_.rows[credit.winners[i]], row);
    if (credit.blocked) return text + " or block take all that it permits";
    return text + (credit.winners.size() == 1 ? " permits all that it permits"
                                              : " and others together permit all that it permits");
}

void Lint::never_credited(const Row &row, const Credit &credit) {
    const std::string packet = witness({&row});
    const auto unreachable = packet.empty() ? find_witness(policy_, {&row}) : std::nullopt;
    if (unreachable) {
        diagnostics_.warning(
            row.where,
            fmt::format("row '{}' can never match: the address checks drop all that it permits",
                        row.id),
            to_string(*unreachable),
            "no flow has an address that is loopback or reserved, or comes from a multicast address or "
            "one of this host");
        return;
    }
    if (packet.empty()) {
        diagnostics_.warning(
            row.where,
            fmt::format("row '{}' can never match: no packet has an address of '{}' and one "
                        "of '{}'",
                        row.id, row.source, row.destination),
            "", "both sides need addresses of one family, icmp of IPv4, icmpv6 of IPv6");
        return;
    }
    diagnostics_.warning(
        row.where, fmt::format("row '{}' can never match: {}", row.id, winners_text(row, credit)),
        packet, "delete one, or put the narrower row first");
}

// Does the first limit let more through? None is the loosest.
bool is_looser(const Limit &one, const Limit &other) {
    if (other.flows == 0) return false;
    return one.flows == 0 || std::uint64_t{one.flows} * other.per_seconds >
                                 std::uint64_t{other.flows} * one.per_seconds;
}

bool is_other(const Check &one, const Check &other) {
    if (other.payload == Check::Payload::none) return false;
    return one.payload != other.payload || (other.drop && !one.drop);
}

// What a packet that both rows permit does not meet, since the earlier one wins it: "limit",
// "check", both, or nothing. A failsafe row has neither, and is to come first.
std::string missed(const Row &winner, const Row &row) {
    if (winner.section == Section::failsafe) return "";
    const bool limit = is_looser(winner.limit, row.limit),
               check = is_other(winner.check, row.check);
    if (limit && check) return "limit and check";
    return limit ? "limit" : check ? "check" : "";
}

// The first winner that has not the row's limit or check; else the first.
const Row &Lint::telling_winner(const Row &row, const Credit &credit) const {
    for (const std::uint16_t one : credit.winners)
        if (!missed(policy_.rows[one], row).empty()) return policy_.rows[one];
    return policy_.rows[credit.winners[0]];
}

void Lint::splits_credit(const Row &row, const Credit &credit) {
    const Row &winner = telling_winner(row, credit);
    const std::string packet = witness({&winner, &row}), lacking = missed(winner, row);
    const std::string meant =
        fmt::format("if it is meant, write 'accept: overlap' in row '{}'", row.id);
    if (lacking.empty())
        return diagnostics_.note(
            row.where,
            fmt::format("row '{}' overlaps row {}, which comes first: what both permit is counted "
                        "by the first",
                        row.id, cited(winner, row)),
            packet, meant);
    diagnostics_.warning(
        row.where,
        fmt::format("the {} of row '{}' does not hold for all of its packets: row {} comes first, "
                    "permits some of them, and has not the same {}",
                    lacking, row.id, cited(winner, row), lacking),
        packet, fmt::format("put row '{}' first; {}", row.id, meant));
}

void Lint::dates() {
    std::vector<std::uint16_t> past, soon;
    for (std::size_t i = 0; i < policy_.rows.size(); ++i) {
        const std::uint64_t end = policy_.rows[i].expires;
        if (end == 0 || end > now_ + days_warned * ns_per_day) continue;
        (end <= now_ ? past : soon).push_back(static_cast<std::uint16_t>(i));
    }
    const char *remedy = "give it a later date, or delete it";
    tell_each(past, "have expired", Severity::warning, [&](const Row &row, std::uint16_t) {
        diagnostics_.warning(
            row.where,
            fmt::format("row '{}' has expired: its last day was {}, and new flows go to the next "
                        "row that permits them",
                        row.id, date_text(row.expires)),
            witness({&row}), remedy);
    });
    tell_each(soon, "expire soon", Severity::warning, [&](const Row &row, std::uint16_t) {
        diagnostics_.warning(row.where,
                             fmt::format("row '{}' expires soon: its last day is {} (UTC)", row.id,
                                         date_text(row.expires)),
                             witness({&row}), remedy);
    });
}

void Lint::credits() {
    // A policy that exceeds a limit is reported by the compiler.
    const auto matrix = build_matrix(reachable_, CompileOptions{}.size_limit);
    if (!matrix) return;
    const std::vector<Credit> credits = find_credits(reachable_, *matrix, now_);
    std::vector<std::uint16_t> never, around, split;
    for (std::size_t i = 0; i < credits.size(); ++i) {
        if (is_switched_off(policy_, policy_.rows[i])) continue;
        if (!credits[i].credited)
            never.push_back(static_cast<std::uint16_t>(i));
        else if (!credits[i].winners.empty() && !accepts(policy_.rows[i].accept, finding::overlap))
            (missed(telling_winner(policy_.rows[i], credits[i]), policy_.rows[i]).empty() ? split
                                                                                          : around)
                .push_back(static_cast<std::uint16_t>(i));
    }
    tell_each(never, "can never match", Severity::warning,
              [&](const Row &row, std::uint16_t i) { never_credited(row, credits[i]); });
    const auto overlap = [&](const Row &row, std::uint16_t i) { splits_credit(row, credits[i]); };
    tell_each(around, "have a limit or check that does not hold for all of their packets",
              Severity::warning, overlap);
    tell_each(split, "overlap rows that come first", Severity::note, overlap);
}

void Lint::over_wide() {
    std::vector<std::uint16_t> wide;
    for (std::size_t i = 0; i < policy_.rows.size(); ++i) {
        const Row &row = policy_.rows[i];
        if (!is_switched_off(policy_, row) && !accepts(row.accept, finding::over_wide) &&
            count(row.port) > wide_ports &&
            (row.direction == Direction::in || count(row.source_port) > wide_ports) &&
            is_most_of_the_internet(peer_addresses(policy_, peer_name(row))))
            wide.push_back(static_cast<std::uint16_t>(i));
    }
    tell_each(wide, "are over-wide", Severity::warning, [&](const Row &row, std::uint16_t) {
        diagnostics_.warning(
            row.where,
            fmt::format("row '{}' is over-wide: it opens {} ports {} '{}', most of the Internet",
                        row.id, count(row.port), row.direction == Direction::in ? "to" : "of",
                        peer_name(row)),
            witness({&row}), fmt::format("name the ports (up to {}), or the peers", wide_ports));
    });
}

void Lint::ephemeral_ports() {
    std::vector<std::uint16_t> rows;
    auto overlap = [](const Row &row) {
        Ports out;
        for (const PortRange &range : row.source_port)
            if (range.first <= ephemeral.last && ephemeral.first <= range.last)
                out.push_back(range);
        return out;
    };
    for (std::size_t i = 0; i < policy_.rows.size(); ++i) {
        const Row &row = policy_.rows[i];
        if (row.direction == Direction::out && row.port == any_port &&
            !accepts(row.accept, finding::ephemeral_ports) && row.source_port != any_port &&
            !is_switched_off(policy_, row) && !overlap(row).empty())
            rows.push_back(static_cast<std::uint16_t>(i));
    }
    tell_each(
        rows, "have source ports among the ephemeral ones", Severity::note,
        [&](const Row &row, std::uint16_t) {
            Row by_chance = row;
            by_chance.source_port = overlap(row);
            diagnostics_.note(
                row.where,
                fmt::format("row '{}' permits any port from source ports {}, which are among this "
                            "host's ephemeral ports ({}-{}): any process may dial out by chance",
                            row.id, to_string(by_chance.source_port), ephemeral.first,
                            ephemeral.last),
                witness({&by_chance}),
                fmt::format("sysctl net.ipv4.ip_local_reserved_ports={}",
                            to_string(by_chance.source_port)));
        });
}

void Lint::failsafe() {
    if (accepts(policy_.accept, finding::no_failsafe)) return;
    const Row *off = nullptr;
    for (const Row &row : policy_.rows) {
        if (row.section != Section::failsafe) continue;
        if (!is_switched_off(policy_, row)) return;
        if (!off) off = &row;
    }
    Row ssh;
    ssh.transports = {PM_PROTO_TCP};
    ssh.port = {{22, 22}};
    ssh.source_port = any_port;
    std::string packet;
    for (auto role = policy_.roles.begin(); role != policy_.roles.end() && packet.empty(); ++role) {
        ssh.destination = role->first;
        packet = witness({&ssh});
    }
    const std::string none = off ? none_side(policy_, *off) : "";
    if (off)
        diagnostics_.warning(off->where,
                             fmt::format("no failsafe row is in force: '{}' is switched off, since "
                                         "'{}' is none",
                                         off->id, none),
                             packet, fmt::format("say who '{}' are", none));
    else
        diagnostics_.warning(whole_file(),
                             "no failsafe row: a ban, a block or an edit of the matrix can shut "
                             "the administrators out",
                             packet, "add a row for SSH under failsafe");
}

void Lint::interface_roles() {
    for (const auto &[name, role] : policy_.roles) {
        if (role.form != AddressSetDef::Form::interface) continue;
        diagnostics_.note(
            role.where,
            fmt::format("role '{}' is interface, and lists no address: what comes in from this "
                        "host's addresses, or goes out from others, is not dropped as spoofed; "
                        "what NAT for a container, or a relay in the kernel, sends is dropped",
                        name),
            "tcp 192.0.2.1:40000 -> 192.0.2.2:443, where both are this host's",
            "list the addresses, if they do not change");
    }
}

}  // namespace

void lint(const Policy &policy, Diagnostics &diagnostics) {
    Lint lint(policy, diagnostics);
    lint.dates();
    lint.credits();
    lint.over_wide();
    lint.ephemeral_ports();
    lint.failsafe();
    lint.interface_roles();
}

}  // namespace pm

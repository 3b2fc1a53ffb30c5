// SPDX-License-Identifier: Apache-2.0
#include "policy/model/diff.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "policy/base/sha256.h"
#include "policy/base/text.h"
#include "policy/model/date.h"
#include "policy/model/print.h"
#include "policy/model/transports.h"

namespace pm {
namespace {

using What = Change::What;

constexpr std::size_t examples = 3;

std::string check_of(const Row &row) {
    if (row.check.payload == Check::Payload::none) return "none";
    return fmt::format("{}, {}", payload_name(row.check.payload),
                       row.check.drop ? "drop" : "count");
}

std::string limit_of(const Row &row) {
    if (row.limit.flows == 0) return "none";
    return fmt::format("{}/{} burst {} per {}", row.limit.flows,
                       row.limit.per_seconds == 1 ? "s" : "min", row.limit.burst,
                       row.limit.per_row ? "row" : "peer");
}

// Every field but `where`: what decides, and what people read.
std::vector<std::pair<const char *, std::string>> fields_of(const Row &row) {
    return {{"section", row.section == Section::failsafe ? "failsafe" : "matrix"},
            {"role", row.role},
            {"protocol", row.protocol},
            {"transport", transports_text(row, ", ")},
            {"source", row.source},
            {"source-port", to_string(row.source_port)},
            {"destination", row.destination},
            {"port", to_string(row.port)},
            {"check", check_of(row)},
            {"limit", limit_of(row)},
            {"notes", row.notes},
            {"owner", row.owner},
            {"ticket", row.ticket},
            {"expires", row.expires ? date_text(row.expires) : "never"},
            {"accept", joined(row.accept)}};
}

std::string summary(const Row &row) {
    std::string text =
        fmt::format("{} {} {} -> {}", row.section == Section::failsafe ? "failsafe" : "matrix",
                    transports_text(row, ", "), row.source, row.destination);
    if (!row.port.empty()) text += " port " + to_string(row.port);
    if (!row.port.empty() && row.source_port != any_port)
        text += " source-port " + to_string(row.source_port);
    return text;
}

const Row *find(const Policy &policy, const std::string &id) {
    auto found = std::ranges::find(policy.rows, id, &Row::id);
    return found == policy.rows.end() ? nullptr : &*found;
}

void diff_rows(const Policy &before, const Policy &after, std::vector<Change> &changes) {
    std::vector<std::string> old_order, new_order;
    for (const Row &row : before.rows) {
        if (find(after, row.id))
            old_order.push_back(row.id);
        else
            changes.push_back({What::removed, "row", row.id, summary(row), ""});
    }
    for (const Row &row : after.rows) {
        const Row *old = find(before, row.id);
        if (!old) {
            changes.push_back({What::added, "row", row.id, "", summary(row)});
            continue;
        }
        new_order.push_back(row.id);
        std::vector<std::string> was, is;
        const auto a = fields_of(*old), b = fields_of(row);
        for (std::size_t i = 0; i < a.size(); ++i) {
            if (a[i].second == b[i].second) continue;
            was.push_back(fmt::format("{} {}", a[i].first, a[i].second));
            is.push_back(fmt::format("{} {}", b[i].first, b[i].second));
        }
        if (!was.empty())
            changes.push_back({What::changed, "row", row.id, joined(was), joined(is)});
    }
    const auto moved = std::mismatch(old_order.begin(), old_order.end(), new_order.begin());
    if (moved.first != old_order.end())
        changes.push_back({What::changed, "setting", "order of rows", *moved.first + " first",
                           *moved.second + " first"});
}

std::string form_of(const AddressSetDef &set) {
    if (set.is_interface) return "interface";
    if (set.is_none) return "none";
    if (set.form == AddressSetDef::Form::any) return "any";
    return "";
}

std::string some(std::size_t count, const std::function<std::string(std::size_t)> &word) {
    std::vector<std::string> words;
    for (std::size_t i = 0; i < std::min(count, examples); ++i) words.push_back(word(i));
    std::string text = joined(words);
    if (count > examples) text += fmt::format(" and {} more", count - examples);
    return text;
}

std::string some(const AddressSet &set) {
    const std::vector<Prefix> prefixes = set.prefixes();
    return some(prefixes.size(), [&](std::size_t i) { return to_string(prefixes[i]); });
}

std::string whole(const AddressSetDef &set) {
    const std::string form = form_of(set);
    return form.empty() ? some(set.addresses) : form;
}

void diff_sets(const std::map<std::string, AddressSetDef> &before,
               const std::map<std::string, AddressSetDef> &after, std::vector<Change> &changes) {
    for (const auto &[name, set] : before)
        if (!after.count(name)) changes.push_back({What::removed, "set", name, whole(set), ""});
    for (const auto &[name, set] : after) {
        auto old = before.find(name);
        if (old == before.end()) {
            changes.push_back({What::added, "set", name, "", whole(set)});
            continue;
        }
        if (form_of(old->second) != form_of(set)) {
            changes.push_back({What::changed, "set", name, whole(old->second), whole(set)});
            continue;
        }
        const AddressSet less = old->second.addresses - set.addresses;
        const AddressSet more = set.addresses - old->second.addresses;
        if (!less.empty() || !more.empty())
            changes.push_back({What::changed, "set", name,
                               less.empty() ? "" : "without " + some(less),
                               more.empty() ? "" : "with " + some(more), more.prefixes().size(),
                               less.prefixes().size()});
    }
}

void diff_ports(const Policy &before, const Policy &after, std::vector<Change> &changes) {
    for (const auto &[name, set] : before.ports)
        if (!after.ports.count(name))
            changes.push_back({What::removed, "ports", name, to_string(set.ports), ""});
    for (const auto &[name, set] : after.ports) {
        auto old = before.ports.find(name);
        if (old == before.ports.end())
            changes.push_back({What::added, "ports", name, "", to_string(set.ports)});
        else if (old->second.ports != set.ports)
            changes.push_back(
                {What::changed, "ports", name, to_string(old->second.ports), to_string(set.ports)});
    }
}

std::string interfaces_of(const Policy &policy) {
    std::vector<std::string> words;
    for (const InterfaceDef &one : policy.interfaces)
        words.push_back(fmt::format("{}: [{}]", one.name, joined(one.roles)));
    return joined(words);
}

void diff_settings(const Policy &before, const Policy &after, std::vector<Change> &changes) {
    auto add = [&](const char *name, const std::string &was, const std::string &is) {
        if (was != is) changes.push_back({What::changed, "setting", name, was, is});
    };
    add("policy", before.name, after.name);
    add("reference", before.reference, after.reference);
    add("interfaces", interfaces_of(before), interfaces_of(after));
    add("block", joined(before.block), joined(after.block));
    add("never-ban", joined(before.never_ban), joined(after.never_ban));
    add("fragments", before.fragments_drop ? "drop" : "track",
        after.fragments_drop ? "drop" : "track");
    add("handed-over-ipv6", before.handed_over_ipv6 ? "accept" : "drop",
        after.handed_over_ipv6 ? "accept" : "drop");
    add("flow-capacity", std::to_string(before.flow_capacity), std::to_string(after.flow_capacity));
}

std::vector<const SetItem *> files_of(const std::vector<SetItem> &items) {
    std::vector<const SetItem *> files;
    for (const SetItem &one : items)
        if (one.kind == SetItem::Kind::file) files.push_back(&one);
    return files;
}

// The files of both are compared by their place: a stored policy names them by their content. With
// more or fewer files than before, the user has changed the list.
void add_shrunk(const std::string &set, const std::vector<SetItem> &before,
                const std::vector<SetItem> &after, std::vector<std::string> &sentences) {
    const auto old = files_of(before), now = files_of(after);
    if (old.size() != now.size()) return;
    for (std::size_t i = 0; i < now.size(); ++i)
        if (now[i]->file_count * 2 < old[i]->file_count)
            sentences.push_back(fmt::format("{} of set {} had {} entries, and has {} now",
                                            quote(now[i]->text), set, old[i]->file_count,
                                            now[i]->file_count));
}

void add_shrunk(const std::map<std::string, AddressSetDef> &before,
                const std::map<std::string, AddressSetDef> &after,
                std::vector<std::string> &sentences) {
    for (const auto &[name, set] : after) {
        const auto old = before.find(name);
        if (old == before.end()) continue;
        add_shrunk(name, old->second.items, set.items, sentences);
        add_shrunk(name, old->second.except, set.except, sentences);
    }
}

// Their order has no meaning, but it is part of the policy's digest, so a change of it is told.
void diff_expectations(const Policy &before, const Policy &after, std::vector<Change> &changes) {
    const auto all = [](const Policy &policy) {
        std::vector<std::string> lines;
        for (const Expectation &one : policy.expect) lines.push_back("{ " + print(one) + " }");
        return lines;
    };
    std::vector<std::string> was = all(before), is = all(after), less, more;
    if (was == is) return;
    std::ranges::sort(was);
    std::ranges::sort(is);
    std::ranges::set_difference(was, is, std::back_inserter(less));
    std::ranges::set_difference(is, was, std::back_inserter(more));
    const auto part = [](const char *word, const std::vector<std::string> &lines) {
        return lines.empty() ? ""
                             : word + some(lines.size(), [&](std::size_t i) { return lines[i]; });
    };
    const bool moved = less.empty() && more.empty();
    changes.push_back({What::changed, "setting", "expect", part("without ", less),
                       moved ? "in another order" : part("with ", more)});
}

// "2 rows added (a, b)"; empty: there are none.
std::string rows_text(const std::vector<Change> &changes, What what, const char *word) {
    std::vector<std::string> names;
    for (const Change &one : changes)
        if (one.kind == "row" && one.what == what) names.push_back(one.name);
    if (names.empty()) return "";
    return fmt::format("{} row{} {} ({})", names.size(), names.size() == 1 ? "" : "s", word,
                       some(names.size(), [&](std::size_t i) { return names[i]; }));
}

std::string other_text(const Change &change) {
    const std::string name = fmt::format("{} '{}'", change.kind, change.name);
    if (change.what == What::added) return name + " added";
    if (change.what == What::removed) return name + " removed";
    if (change.gained + change.lost == 0) return name + " changed";
    std::vector<std::string> counts;
    if (change.gained) counts.push_back(fmt::format("{} more", change.gained));
    if (change.lost) counts.push_back(fmt::format("{} fewer", change.lost));
    return fmt::format("{}: {}", name, joined(counts));
}

// Of the addresses that a name stands for.
std::string set_digest(const Policy &policy, const std::string &name) {
    for (const auto *sets : {&policy.roles, &policy.peers}) {
        const auto found = sets->find(name);
        if (found == sets->end()) continue;
        const std::vector<Range> &ranges = found->second.addresses.ranges();
        static_assert(sizeof(Range) == 32);  // nothing but the addresses
        return form_of(found->second) + sha256({reinterpret_cast<const char *>(ranges.data()),
                                                ranges.size() * sizeof(Range)});
    }
    return name;
}

}  // namespace

std::map<std::string, std::string> row_digests(const Policy &policy) {
    constexpr std::size_t digits = 16;
    std::map<std::string, std::string> sets, rows;
    const auto digest_of = [&](const std::string &name) -> const std::string & {
        const auto [found, is_new] = sets.try_emplace(name);
        if (is_new) found->second = set_digest(policy, name);
        return found->second;
    };
    for (const Row &row : policy.rows) {
        std::string text = digest_of(row.source) + "\n" + digest_of(row.destination);
        for (const auto &[field, value] : fields_of(row))
            text += fmt::format("\n{}={}", field, value);
        rows[row.id] = sha256(text).substr(0, digits);
    }
    return rows;
}

std::string summary(const std::vector<Change> &changes) {
    std::vector<std::string> parts, others;
    for (const auto &[what, word] :
         {std::pair(What::added, "added"), std::pair(What::removed, "removed"),
          std::pair(What::changed, "changed")})
        if (std::string text = rows_text(changes, what, word); !text.empty())
            parts.push_back(std::move(text));
    for (const Change &one : changes)
        if (one.kind != "row") others.push_back(other_text(one));
    if (!others.empty())
        parts.push_back(some(others.size(), [&](std::size_t i) { return others[i]; }));
    return joined(parts);
}

std::vector<Change> diff(const Policy &before, const Policy &after) {
    std::vector<Change> changes;
    diff_rows(before, after, changes);
    diff_sets(before.roles, after.roles, changes);
    diff_sets(before.peers, after.peers, changes);
    diff_ports(before, after, changes);
    diff_settings(before, after, changes);
    diff_expectations(before, after, changes);
    return changes;
}

std::vector<std::string> shrunk_sets(const Policy &before, const Policy &after) {
    std::vector<std::string> sentences;
    add_shrunk(before.roles, after.roles, sentences);
    add_shrunk(before.peers, after.peers, sentences);
    return sentences;
}

}  // namespace pm

// SPDX-License-Identifier: Apache-2.0
#include "policy/language/merge.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "policy/base/text.h"

namespace pm {
namespace {

bool same_item(const SetItem &a, const SetItem &b) {
    if (a.kind != b.kind) return false;
    if (a.kind == SetItem::Kind::name) return a.text == b.text;
    if (a.kind == SetItem::Kind::file) return a.file_path == b.file_path;
    return a.prefix.address == b.prefix.address && a.prefix.length == b.prefix.length;
}

bool same(const AddressSetDef &a, const AddressSetDef &b) {
    return a.form == b.form && a.of_any == b.of_any &&
           std::ranges::equal(a.items, b.items, same_item) &&
           std::ranges::equal(a.except, b.except, same_item);
}

bool same(const PortSetDef &a, const PortSetDef &b) {
    return a.ports == b.ports;
}

template <typename T>
bool same(const Setting<T> &a, const Setting<T> &b) {
    return a.value == b.value;
}

bool same(const Setting<std::vector<WrittenInterface>> &a,
          const Setting<std::vector<WrittenInterface>> &b) {
    const auto same_name = [](const Name &x, const Name &y) { return x.text == y.text; };
    return std::ranges::equal(a.value, b.value, [&](const auto &x, const auto &y) {
        return x.name.text == y.name.text && std::ranges::equal(x.roles, y.roles, same_name);
    });
}

// A definition and the number of its file.
template <typename T>
struct Candidate {
    std::size_t file;
    const T *value;
};

// Those that no other file's definition replaces, in order.
template <typename T>
std::vector<Candidate<T>> outermost(const Files &files, const std::vector<Candidate<T>> &all) {
    std::vector<Candidate<T>> left;
    for (const Candidate<T> &inner : all)
        if (std::ranges::none_of(
                all, [&](const auto &outer) { return files.includes[outer.file][inner.file]; }))
            left.push_back(inner);
    return left;
}

class Merger {
public:
    Merger(const Files &files, Diagnostics &diagnostics)
        : files_(files), diagnostics_(diagnostics) {}

    // The one definition that holds; of equal ones the first.
    template <typename T>
    const T &choose(const std::vector<Candidate<T>> &all, const std::string &what) {
        const std::vector<Candidate<T>> left = outermost(files_, all);
        for (const Candidate<T> &other : left)
            if (!same(*left[0].value, *other.value))
                diagnostics_.error(
                    other.value->where,
                    fmt::format("{} is defined otherwise in {}", what, cite(left[0].value->where)),
                    fmt::format("define it in {}, which replaces both", top_name()));
        return *left[0].value;
    }

    template <typename T>
    std::map<std::string, T> definitions(std::map<std::string, T> Document::*section,
                                         std::string_view what) {
        std::map<std::string, std::vector<Candidate<T>>> found;
        for (std::size_t i = 0; i < files_.documents.size(); ++i)
            for (const auto &[name, value] : files_.documents[i].*section) {
                found[name].push_back({i, &value});
                check_kind(name, what, value.where);
            }
        std::map<std::string, T> merged;
        for (const auto &[name, all] : found)
            merged.emplace(name, choose(all, fmt::format("{} {}", what, quote(name))));
        return merged;
    }

    template <typename T>
    std::optional<Setting<T>> setting(std::optional<Setting<T>> Document::*member,
                                      const std::string &key) {
        std::vector<Candidate<Setting<T>>> all;
        for (std::size_t i = 0; i < files_.documents.size(); ++i)
            if (const auto &value = files_.documents[i].*member) all.push_back({i, &*value});
        if (all.empty()) return std::nullopt;
        return choose(all, quote(key));
    }

    // Lists of sets add up.
    std::vector<Name> sets(std::vector<Name> Document::*list) const {
        std::vector<Name> all;
        std::set<std::string> seen;
        for (const Document &document : files_.documents)
            for (const Name &name : document.*list)
                if (seen.insert(name.text).second) all.push_back(name);
        return all;
    }

    std::vector<WrittenRow> rows() {
        std::map<std::string, std::vector<Candidate<WrittenRow>>> found;
        for (std::size_t i = 0; i < files_.documents.size(); ++i)
            for (const WrittenRow &row : files_.documents[i].rows)
                found[row.row.id].push_back({i, &row});
        for (std::size_t i = 0; i < files_.documents.size(); ++i)
            for (const Name &name : files_.documents[i].remove) remove(i, name, found);
        return in_order(found);
    }

private:
    using RowsById = std::map<std::string, std::vector<Candidate<WrittenRow>>>;

    void check_kind(const std::string &name, std::string_view what, const Location &where) {
        const auto &[kind, first] =
            kinds_.emplace(name, std::pair{std::string(what), where}).first->second;
        if (kind != what)
            diagnostics_.error(
                where,
                fmt::format("{} {} is a {} in {}; roles, peers and ports share one namespace", what,
                            quote(name), kind, cite(first)));
    }

    // Marks a removed row by a null value. It stays in the list, since another file may name the
    // same row under `remove`, which is no error.
    void remove(std::size_t file, const Name &name, RowsById &found) {
        const auto rows = found.find(name.text);
        bool any = false;
        if (rows != found.end())
            for (Candidate<WrittenRow> &row : rows->second)
                if (files_.includes[file][row.file]) row.value = nullptr, any = true;
        if (any) return;
        std::vector<std::string> ids;
        for (const auto &[id, candidates] : found)
            if (std::ranges::any_of(
                    candidates, [&](const auto &row) { return files_.includes[file][row.file]; }))
                ids.push_back(id);
        diagnostics_.error(name.where,
                           fmt::format("no included file has a row {}", quote(name.text)),
                           did_you_mean(name.text, ids));
    }

    // A row that replaces an included one takes its position: that of the first one which itself
    // replaces none.
    std::vector<WrittenRow> in_order(RowsById &found) {
        std::map<const WrittenRow *, const WrittenRow *> by_position;
        for (auto &[id, all] : found) {
            std::erase_if(all, [](const auto &row) { return !row.value; });
            if (all.empty()) continue;
            const auto left = outermost(files_, all);
            if (left.size() == 1)
                check_failsafe(*left[0].value, all);
            else
                diagnostics_.error(
                    left[1].value->row.where,
                    fmt::format("row id {} is already used in {}", quote(id),
                                cite(left[0].value->row.where)),
                    fmt::format("rename one, or write the row in {}, which replaces both",
                                top_name()));
            const auto innermost = std::ranges::find_if(all, [&](const auto &outer) {
                return std::ranges::none_of(all, [&](const auto &inner) {
                    return files_.includes[outer.file][inner.file];
                });
            });
            by_position.emplace(innermost->value, left[0].value);
        }
        std::vector<WrittenRow> rows;
        for (const Document &document : files_.documents)
            for (const WrittenRow &row : document.rows)
                if (const auto entry = by_position.find(&row); entry != by_position.end())
                    rows.push_back(*entry->second);
        std::ranges::stable_partition(
            rows, [](const auto &row) { return row.row.section == Section::failsafe; });
        return rows;
    }

    // Failsafe rows are what an edit of the matrix must not cut.
    void check_failsafe(const WrittenRow &row, const std::vector<Candidate<WrittenRow>> &all) {
        if (row.row.section == Section::failsafe) return;
        const auto replaced = std::ranges::find_if(
            all, [](const auto &other) { return other.value->row.section == Section::failsafe; });
        if (replaced == all.end()) return;
        diagnostics_.error(row.row.where,
                           fmt::format("row {} is a failsafe row in {}; a row of the matrix cannot "
                                       "replace it",
                                       quote(row.row.id), cite(replaced->value->row.where)),
                           "write it under failsafe, or name it under remove too");
    }

    std::string top_name() const { return printable(files_.documents[0].file->name); }

    const Files &files_;
    Diagnostics &diagnostics_;
    std::map<std::string, std::pair<std::string, Location>> kinds_;  // of each name, where first
};

}  // namespace

Document merge(const Files &files, Diagnostics &diagnostics) {
    const Document &top = files.documents[0];
    Merger merger(files, diagnostics);
    Document merged;
    merged.file = top.file;
    merged.name = top.name;
    merged.reference = top.reference;
    merged.interfaces = merger.setting(&Document::interfaces, "interfaces");
    merged.roles = merger.definitions(&Document::roles, "role");
    merged.peers = merger.definitions(&Document::peers, "peer set");
    merged.ports = merger.definitions(&Document::ports, "port set");
    merged.block = merger.sets(&Document::block);
    merged.never_ban = merger.sets(&Document::never_ban);
    merged.rows = merger.rows();
    merged.accept = top.accept;  // what an included file lacks, this one may have to add
    merged.expect = top.expect;
    merged.fragments_drop = merger.setting(&Document::fragments_drop, "fragments");
    merged.handed_over_ipv6 = merger.setting(&Document::handed_over_ipv6, "handed-over-ipv6");
    merged.flow_capacity = merger.setting(&Document::flow_capacity, "flow-capacity");
    return merged;
}

}  // namespace pm

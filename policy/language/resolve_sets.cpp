// SPDX-License-Identifier: Apache-2.0
// Sets may consist of other sets: resolves them depth first, and reports circles.
#include "policy/language/resolve_sets.h"

#include <fmt/format.h>

#include "policy/base/text.h"
#include "policy/language/set_file.h"

namespace pm {

bool is_alias(const AddressSetDef &set) {
    return set.form == AddressSetDef::Form::items && set.items.size() == 1 &&
           set.items[0].kind == SetItem::Kind::name;
}

namespace {

using Form = AddressSetDef::Form;
using Sets = std::map<std::string, AddressSetDef>;

constexpr std::size_t sets_depth_limit = 64;  // sets that consist of sets, recursively

// One section: `edge` or `peers`.
class Resolver {
public:
    Resolver(Sets &sets, const Sets &others, SetKind kind, std::vector<std::string> &used,
             Diagnostics &diagnostics)
        : sets_(sets), others_(others), kind_(kind), used_(used), diagnostics_(diagnostics) {}

    void resolve_all() {
        for (auto &[name, set] : sets_) resolve(name, set);
    }

private:
    enum class State { open, whole, faulty };

    // The addresses of items, and whether all of them are `none`.
    struct Sum {
        std::vector<Range> ranges;
        bool is_none = true;
        bool is_faulty = false;
    };

    const char *what() const { return kind_ == SetKind::role ? "role" : "peer set"; }

    State resolve(const std::string &name, AddressSetDef &set) {
        if (const auto known = states_.find(name); known != states_.end()) return known->second;
        states_[name] = State::open;
        open_.push_back(name);
        const bool whole = compute(name, set);
        open_.pop_back();
        return states_[name] = whole ? State::whole : State::faulty;
    }

    bool compute(const std::string &name, AddressSetDef &set) {
        switch (set.form) {
            case Form::any:
                set.addresses = AddressSet::any();
                return true;
            case Form::none:
                set.is_none = true;
                return true;
            case Form::interface:
                set.is_interface = true;
                return true;
            // check_required() reports it; the sets that refer to it must not be reported too.
            case Form::required:
                return false;
            case Form::items:
            case Form::except:
                break;
        }
        if (is_alias(set)) {
            const AddressSetDef *target = find(set.items[0]);
            if (!target) return false;
            set.addresses = target->addresses;
            set.is_none = target->is_none;
            set.is_interface = target->is_interface;
            return true;
        }
        Sum of = sum(set.items);
        const Sum except = sum(set.except);
        if (of.is_faulty || except.is_faulty) return false;
        set.is_none = of.is_none && !set.of_any;
        set.addresses = set.of_any ? AddressSet::any() : AddressSet(std::move(of.ranges));
        if (set.form == Form::except) set.addresses = set.addresses - AddressSet(except.ranges);
        return check(name, set);
    }

    Sum sum(std::vector<SetItem> &items) {
        Sum total;
        for (SetItem &item : items) {
            if (item.kind != SetItem::Kind::name) total.is_none = false;
            if (item.kind == SetItem::Kind::prefix)
                total.ranges.push_back(item.prefix.range());
            else if (!(item.kind == SetItem::Kind::file ? add_file(item, total)
                                                        : add_set(item, total)))
                total.is_faulty = true;
        }
        return total;
    }

    bool add_file(SetItem &item, Sum &total) {
        auto [file, is_new] = files_.try_emplace(item.file_path);
        if (is_new) file->second = read_set_file(item, diagnostics_);
        if (!file->second) return false;
        item.file_count = file->second->count;
        item.file_sha256 = file->second->sha256;
        item.content = file->second->source;
        const std::vector<Range> &ranges = file->second->ranges;
        total.ranges.insert(total.ranges.end(), ranges.begin(), ranges.end());
        return true;
    }

    bool add_set(const SetItem &item, Sum &total) {
        const AddressSetDef *set = find(item);
        if (!set) return false;
        if (set->is_interface) {
            error(item,
                  fmt::format(
                      "role {} is interface; it has no addresses to take together with others",
                      quote(item.text)));
            return false;
        }
        total.is_none = total.is_none && set->is_none;
        const std::vector<Range> &ranges = set->addresses.ranges();
        total.ranges.insert(total.ranges.end(), ranges.begin(), ranges.end());
        return true;
    }

    // The resolved set that an item names; null after an error, or where it is faulty itself.
    const AddressSetDef *find(const SetItem &item) {
        const auto found = sets_.find(item.text);
        if (found == sets_.end()) return undefined(item);
        used_.push_back(item.text);
        const auto known = states_.find(item.text);
        if (known != states_.end() && known->second == State::open) return cycle(item);
        if (known == states_.end() && open_.size() == sets_depth_limit) {
            error(item, fmt::format("sets are made of sets deeper than {}", sets_depth_limit));
            return nullptr;
        }
        return resolve(item.text, found->second) == State::whole ? &found->second : nullptr;
    }

    const AddressSetDef *undefined(const SetItem &item) {
        if (others_.contains(item.text)) {
            error(item, fmt::format("{} is a {}; a {} consists of addresses and other {}s",
                                    quote(item.text), kind_ == SetKind::role ? "peer set" : "role",
                                    what(), what()));
            return nullptr;
        }
        std::vector<std::string> names;
        for (const auto &[name, set] : sets_) names.push_back(name);
        error(item, fmt::format("{} {} is not defined", what(), quote(item.text)),
              did_you_mean(item.text, names));
        return nullptr;
    }

    const AddressSetDef *cycle(const SetItem &item) {
        std::string names;
        for (const std::string &name : open_)
            if (!names.empty() || name == item.text) names += name + " -> ";
        error(item, fmt::format("{} {} consists of itself: {}{}", what(), quote(item.text), names,
                                item.text));
        return nullptr;
    }

    bool check(const std::string &name, const AddressSetDef &set) {
        if (set.is_none) return true;
        if (set.addresses.empty()) {
            diagnostics_.error(
                set.where,
                fmt::format("{} {} is empty: all of it is excepted", what(), quote(name)),
                "write none if it is empty on purpose");
            return false;
        }
        const AddressSet multicast = set.addresses & AddressSet::multicast();
        if (kind_ == SetKind::role && !multicast.empty()) {
            diagnostics_.error(
                set.where,
                fmt::format(
                    "role {} holds {}, which is multicast or broadcast; a role is this host's own addresses",
                    quote(name), to_string(multicast.ranges()[0])),
                "define it under peers");
            return false;
        }
        return true;
    }

    void error(const SetItem &item, std::string message, std::string hint = {}) {
        diagnostics_.error(item.where, std::move(message), std::move(hint));
    }

    Sets &sets_;
    const Sets &others_;
    SetKind kind_;
    std::vector<std::string> &used_;
    Diagnostics &diagnostics_;
    std::map<std::string, State> states_;
    std::vector<std::string> open_;                        // being resolved, outermost first
    std::map<std::string, std::optional<SetFile>> files_;  // by path
};

}  // namespace

std::vector<std::string> resolve_sets(Document &document, Diagnostics &diagnostics) {
    std::vector<std::string> used;
    Resolver(document.roles, document.peers, SetKind::role, used, diagnostics).resolve_all();
    Resolver(document.peers, document.roles, SetKind::peers, used, diagnostics).resolve_all();
    return used;
}

}  // namespace pm

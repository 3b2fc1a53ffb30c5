// SPDX-License-Identifier: Apache-2.0
#include "policy/language/names.h"

#include <fmt/format.h>

#include "policy/base/text.h"

namespace pm {
namespace {

template <typename T>
void add_keys(const std::map<std::string, T> &section, std::vector<std::string> &names) {
    for (const auto &[name, value] : section) names.push_back(name);
}

}  // namespace

bool Lookup::role(const Name &name) {
    used_.insert(name.text);
    if (document_.roles.contains(name.text)) return true;
    std::vector<std::string> known;
    add_keys(document_.roles, known);
    return undefined(name, "role", known);
}

bool Lookup::peers(const Name &name) {
    used_.insert(name.text);
    if (document_.peers.contains(name.text)) return true;
    std::vector<std::string> known;
    add_keys(document_.peers, known);
    return undefined(name, "peer set", known);
}

bool Lookup::role_or_peers(const Name &name) {
    used_.insert(name.text);
    if (name.text == "any" || document_.roles.contains(name.text) ||
        document_.peers.contains(name.text))
        return true;
    std::vector<std::string> known{"any"};
    add_keys(document_.roles, known);
    add_keys(document_.peers, known);
    return undefined(name, "role or peer set", known);
}

std::optional<Ports> Lookup::ports(const PortItems &items) {
    std::vector<PortRange> ranges;
    bool whole = true;
    for (const PortItem &item : items) {
        if (item.name.empty()) {
            ranges.push_back(item.range);
            continue;
        }
        used_.insert(item.name);
        const auto found = document_.ports.find(item.name);
        if (found != document_.ports.end()) {
            const Ports &named = found->second.ports;
            ranges.insert(ranges.end(), named.begin(), named.end());
            continue;
        }
        std::vector<std::string> known;
        add_keys(document_.ports, known);
        whole = undefined({item.name, item.where}, "port set", known);
    }
    if (!whole) return std::nullopt;
    return merge_ports(std::move(ranges));
}

const char *Lookup::kind_of(const std::string &name) const {
    if (document_.roles.contains(name)) return "role";
    if (document_.peers.contains(name)) return "peer set";
    if (document_.ports.contains(name)) return "port set";
    return nullptr;
}

bool Lookup::undefined(const Name &name, std::string_view what,
                       const std::vector<std::string> &known) {
    if (const char *kind = kind_of(name.text)) {
        diagnostics_.error(name.where,
                           fmt::format("{} is a {}, not a {}", quote(name.text), kind, what));
        return false;
    }
    constexpr std::size_t most_listed = 12;
    std::string hint = did_you_mean(name.text, known);
    if (hint.empty() && !known.empty() && known.size() <= most_listed)
        hint = fmt::format("defined: {}", joined(known));
    diagnostics_.error(name.where, fmt::format("{} {} is not defined", what, quote(name.text)),
                       hint);
    return false;
}

void Lookup::warn_unused() const {
    const auto warn = [&](const auto &section, std::string_view what) {
        for (const auto &[name, definition] : section)
            if (definition.where.file == document_.file && !used_.contains(name))
                diagnostics_.warning(definition.where,
                                     fmt::format("{} {} is not used", what, quote(name)), "",
                                     "remove it, or name it in a row");
    };
    warn(document_.roles, "role");
    warn(document_.peers, "peer set");
    warn(document_.ports, "port set");
}

}  // namespace pm

// SPDX-License-Identifier: Apache-2.0
// Looks up the names of a merged document and remembers which were used.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "policy/base/diagnostic.h"
#include "policy/language/document.h"
#include "policy/model/model.h"

namespace pm {

class Lookup {
public:
    Lookup(const Document &document, Diagnostics &diagnostics)
        : document_(document), diagnostics_(diagnostics) {}

    // Is the name defined as this? If not, an error at the name says so.
    bool role(const Name &name);
    bool peers(const Name &name);
    bool role_or_peers(const Name &name);  // `any` included
    std::optional<Ports> ports(const PortItems &items);

    void mark_used(const std::string &name) { used_.insert(name); }

    // Warns of what the policy file itself defines and nothing uses. What included files define is
    // not reported: the shipped ones define more than a site needs.
    void warn_unused() const;

private:
    bool undefined(const Name &name, std::string_view what, const std::vector<std::string> &known);
    const char *kind_of(const std::string &name) const;

    const Document &document_;
    Diagnostics &diagnostics_;
    std::set<std::string> used_;
};

}  // namespace pm

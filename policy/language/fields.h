// SPDX-License-Identifier: Apache-2.0
// Helpers for reading the nodes of one file: their positions, their kinds, and known keys.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "policy/base/diagnostic.h"
#include "policy/language/document.h"
#include "policy/language/pasted.h"
#include "policy/language/yaml.h"

namespace pm {

// A file that is being read, and where its faults go. Each function that returns an optional
// or a pointer has said why when it returns nothing.
struct Reading {
    std::shared_ptr<const SourceFile> file;
    Diagnostics &diagnostics;

    Location at(const Node &node) const { return {file, node.line, node.column, node.width}; }
    void error(const Node &node, std::string message, std::string hint = {}) const {
        diagnostics.error(at(node), std::move(message), std::move(hint));
    }

    // `what` names the value in messages: "'port'", "a row".
    bool expect_map(const Node &node, std::string_view what) const;
    bool expect_list(const Node &node, std::string_view what) const;
    const std::string *text(const Node &node, std::string_view what) const;

    // One line of free text of at most `most` characters.
    std::optional<std::string> free_text(const Node &node, std::string_view what,
                                         std::size_t most) const;

    // A name or id, for a definition or a reference to one.
    std::optional<Name> name(const Node &node, std::string_view what) const;

    // A name, or a list of names, none twice. `list` names the whole in messages, `what` an item.
    std::vector<Name> names(const Node &node, std::string_view list, std::string_view what) const;

    // Visits the node itself, or each item of a list, which must not be empty.
    void each(const Node &node, std::string_view what,
              const std::function<void(const Node &)> &visit) const;

    // What was parsed of the node's text; where that failed, nothing, and its error at the node.
    template <typename T>
    std::optional<T> value_of(const Node &node, tl::expected<T, std::string> parsed,
                              const std::string &hint = {}) const {
        if (parsed) return std::move(*parsed);
        error(node, parsed.error(), hint.empty() ? character_hint(node.text) : hint);
        return std::nullopt;
    }
};

// The entries of a map whose keys are known; others are errors that name the nearest.
class Fields {
public:
    // `what` names the map in messages: "a row".
    Fields(const Reading &reading, const Node &map, std::string_view what,
           const std::vector<std::string> &keys);

    // The value of a key, or null.
    const Node *find(std::string_view key) const;

private:
    const Node &map_;
};

}  // namespace pm

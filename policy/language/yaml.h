// SPDX-License-Identifier: Apache-2.0
// YAML as a policy file uses it: maps, lists and plain text, each with its position. What makes
// YAML surprising (anchors, tags, merge keys, duplicate keys) is refused. Scalars stay text, so
// that nothing is ever taken for a number or a truth value.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policy/base/diagnostic.h"

namespace pm {

struct NodeEntry;

struct Node {
    enum class Kind { null, scalar, list, map } kind = Kind::null;
    std::string text;                // kind scalar
    int line = 1;                    // from 1; a null value has the position of its key
    int column = 1;                  // from 1, in characters
    int width = 1;                   // characters to underline
    std::vector<Node> items;         // kind list
    std::vector<NodeEntry> entries;  // kind map, in written order
};

struct NodeEntry {
    Node key;  // a scalar; unique in its map
    Node value;
};

// The one document of a file, or nothing and an error that says where.
std::optional<Node> parse_yaml(const std::shared_ptr<const SourceFile> &file,
                               Diagnostics &diagnostics);

}  // namespace pm

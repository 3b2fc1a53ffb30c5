// SPDX-License-Identifier: Apache-2.0
// The readers of a document's larger sections; read_document.cpp calls them. One that returns
// nothing has reported why.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/language/document.h"
#include "policy/language/fields.h"
#include "policy/language/yaml.h"
#include "policy/model/model.h"

namespace pm {

// The set that `name` is defined as.
std::optional<AddressSetDef> read_set(const Reading &reading, const Name &name, const Node &node,
                                      SetKind kind);

// May a list of ports name port sets? The sets themselves consist of numbers only.
enum class PortNames { allowed, refused };

// Numbers, ranges, `any` and, where they are allowed, names of `ports`; one or a list.
std::optional<PortItems> read_ports(const Reading &reading, const Node &node, PortNames names);

// The rows of `matrix` or `failsafe`.
std::vector<WrittenRow> read_rows(const Reading &reading, const Node &node, Section section);

// The findings of lint that are accepted: names of `known`.
std::vector<std::string> read_accept(const Reading &reading, const Node &node,
                                     std::span<const std::string_view> known);

std::vector<WrittenExpectation> read_expectations(const Reading &reading, const Node &node);

}  // namespace pm

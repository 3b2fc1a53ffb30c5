// SPDX-License-Identifier: Apache-2.0
// The readers of a document's sections; read_document.cpp calls them. Each has reported its
// faults when it returns nothing.
#pragma once

#include <optional>
#include <vector>

#include "policy/language/fields.h"

namespace pm {

// The set that `name` is defined as; `is_role`: in `edge`, else in `peers`.
std::optional<AddressSetDef> read_set(const Reading &reading, const Name &name, const Node &node,
                                      bool is_role);

// Numbers, ranges, `any` and, if `with_names`, names of `ports`; one or a list.
std::optional<PortItems> read_ports(const Reading &reading, const Node &node, bool with_names);

// The rows of `matrix` or `failsafe`.
std::vector<WrittenRow> read_rows(const Reading &reading, const Node &node, Section section);

std::vector<WrittenExpectation> read_expectations(const Reading &reading, const Node &node);

}  // namespace pm

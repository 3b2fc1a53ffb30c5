// SPDX-License-Identifier: Apache-2.0
// Finds out which roles are on which interface.
#pragma once

#include <vector>

#include "policy/base/diagnostic.h"
#include "policy/language/document.h"
#include "policy/language/names.h"
#include "policy/model/model.h"

namespace pm {

// Every role is placed: where `interfaces` lists it or, for an alias that is not listed, where
// the role is that it stands for. The result lists aliases as well. A role that is `interface` may
// be on one interface only, the same for all such roles.
std::vector<InterfaceDef> place_roles(const Document &document, Lookup &lookup,
                                      Diagnostics &diagnostics);

}  // namespace pm

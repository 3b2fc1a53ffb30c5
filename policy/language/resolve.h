// SPDX-License-Identifier: Apache-2.0
// Makes a policy of a merged document: looks every name up, and checks what can be checked only
// then (directions of rows, `required` sets, names that nothing uses).
#pragma once

#include "policy/base/diagnostic.h"
#include "policy/language/document.h"
#include "policy/model/model.h"

namespace pm {

Policy resolve(Document document, Diagnostics &diagnostics);

}  // namespace pm

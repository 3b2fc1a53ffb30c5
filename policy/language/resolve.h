// SPDX-License-Identifier: Apache-2.0
// From a merged document to a policy: every name is looked up.
#pragma once

#include "policy/language/document.h"

namespace pm {

Policy resolve(Document document, Diagnostics &diagnostics);

}  // namespace pm

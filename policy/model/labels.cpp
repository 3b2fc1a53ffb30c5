// SPDX-License-Identifier: Apache-2.0
#include "policy/model/labels.h"

namespace pm {

const char *reason_label(pm_reason reason) {
    switch (reason) {
#define PM_REASON(id, name, label, meaning) \
    case PM_DROP_##name:                    \
        return label;
#include "maps/reasons.def"
#undef PM_REASON
        default:
            return nullptr;
    }
}

const char *reason_meaning(pm_reason reason) {
    switch (static_cast<unsigned>(reason)) {
#define PM_REASON(number, name, label, meaning) \
    case number:                                \
        return meaning;
#include "maps/reasons.def"
#undef PM_REASON
    }
    return "unknown to this version";
}

const char *essential_id(unsigned id) {
    switch (id) {
#define PM_ESSENTIAL(number, name, label, meaning) \
    case number:                                   \
        return label;
#include "maps/essentials.def"
#undef PM_ESSENTIAL
    }
    return nullptr;
}

const char *mode_name(pm_mode mode) {
    switch (mode) {
        case PM_MODE_OFF:
            return "off";
        case PM_MODE_AUDIT:
            return "audit";
        case PM_MODE_ENFORCE:
            return "enforce";
    }
    return "off";
}

}  // namespace pm

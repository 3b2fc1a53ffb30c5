// SPDX-License-Identifier: Apache-2.0
#include "loader/show/doctor.h"

#include <fmt/core.h>

#include "loader/show/table.h"
#include "policy/base/text.h"

namespace pm::show {
namespace {

const char *paint(Finding::Grade grade) {
    switch (grade) {
        case Finding::Grade::fine:
            return "\033[32m";
        case Finding::Grade::note:
            return "\033[36m";
        case Finding::Grade::warning:
            return "\033[33m";
        case Finding::Grade::wrong:
            break;
    }
    return "\033[31m";
}

}  // namespace

const char *grade_name(Finding::Grade grade) {
    switch (grade) {
        case Finding::Grade::fine:
            return "ok";
        case Finding::Grade::note:
            return "note";
        case Finding::Grade::warning:
            return "warning";
        case Finding::Grade::wrong:
            break;
    }
    return "wrong";
}

std::string findings_text(const std::vector<Finding> &findings, bool colour) {
    std::string text;
    unsigned wrong = 0, warnings = 0;
    for (const Finding &one : findings) {
        wrong += one.grade == Finding::Grade::wrong;
        warnings += one.grade == Finding::Grade::warning;
        text += fmt::format("{}{:8}{}{:15} {}{}\n", colour ? paint(one.grade) : "",
                            grade_name(one.grade), colour ? "\033[0m" : "", one.check,
                            one.interface.empty() ? "" : printable(one.interface) + ": ",
                            printable(one.text));
        if (!one.remedy.empty())
            text += fmt::format("{:24}remedy: {}\n", "", printable(one.remedy));
    }
    return text + fmt::format("{} wrong, {}\n", wrong, plural(warnings, "warning"));
}

}  // namespace pm::show

// SPDX-License-Identifier: Apache-2.0
#include "loader/observe/ask_kernel.h"

#include <cstdint>
#include <string>

#include <fmt/core.h>

#include "loader/kernel/deployment.h"
#include "loader/kernel/probe.h"
#include "policy/image/catalog.h"
#include "policy/image/locals.h"
#include "policy/judge/judge.h"
#include "policy/model/date.h"
#include "policy/model/labels.h"

namespace pm {
namespace {

constexpr int attempts_most = 10;

// The programs judge by the policy in force wherever they are asked. So where no policy is in force
// they are not asked.
Explanation unfiltered(Direction direction) {
    Explanation result;
    result.direction = direction;
    result.pass = true;
    result.why = "no policy is in force on this interface: everything passes";
    return result;
}

// The verdict of a probe program in words.
Explanation explain_verdict(std::uint32_t verdict, Direction direction, const InForce &in_force) {
    Explanation result;
    result.direction = direction;
    const std::uint32_t reason = pm_reason_of(verdict), number = pm_row_of(verdict);
    const auto &rows = in_force.catalog.rows;
    if (reason == essential_verdict && essential_id(number)) {
        result.pass = true;
        result.row = essential_id(number);
        result.why = "it is essential and needs no row";
    } else if (reason == 0 && number < rows.size()) {
        const CatalogRow &row = rows[number];
        result.pass = true;
        result.row = row.id;
        result.why = fmt::format("{}row '{}' permits it: {} to {}{}",
                                 row.failsafe ? "failsafe " : "", row.id, row.source,
                                 row.destination, row.port.empty() ? "" : " port " + row.port);
    } else {
        const char *label = reason_label(static_cast<pm_reason>(reason));
        result.reason = label ? label : std::to_string(reason);
        result.why = reason_meaning(static_cast<pm_reason>(reason));
        if (in_force.mode != PM_MODE_ENFORCE)
            result.why +=
                fmt::format("; in mode {} it passes all the same", mode_name(in_force.mode));
    }
    return result;
}

}  // namespace

Result<Explanation> ask_kernel(const Pins &pins, const Switch &control, const Question &question) {
    const bool in = question.direction == Direction::in;
    auto program = open_pin(pins.path(in ? "ask_in" : "ask_out"));
    if (!program) return tl::unexpected(program.error());
    for (int attempt = 0; attempt < attempts_most; ++attempt) {
        auto in_force = read_in_force(control);
        if (!in_force) return tl::unexpected(in_force.error());
        if (in_force->state.epoch == 0) return fault("no policy is in force");
        const pm_record &record = in_force->state.record;
        if (!holds_on(record, question.interface)) return unfiltered(question.direction);
        const pm_probe asked = {
            .image = record.image, .bans = record.bans, .interface = question.interface, .zero = 0};
        auto verdict = run_probe(pins.maps(), program->get(), asked, first_packet(question));
        if (!verdict) return tl::unexpected(verdict.error());
        // Another policy came meanwhile: rows and verdict may not belong together.
        if (control.state().epoch != in_force->state.epoch) continue;
        Explanation said = explain_verdict(*verdict, question.direction, *in_force);
        const auto &rows = in_force->catalog.rows;
        const pm_view image = control.image(record.image);
        if (const auto past = expired_row(image, question, *verdict); past && *past < rows.size())
            said.why += (said.pass ? "; before it, " : "; ") +
                        expired_text(rows[*past].id, rows[*past].expires);
        if (is_closed(image, question.interface))
            said.why +=
                "; the interface is closed: only essentials and failsafe rows pass until "
                "an apply, see 'portmatrix status'";
        return said;
    }
    return fault("the policy changes faster than it can be asked", "try again");
}

}  // namespace pm

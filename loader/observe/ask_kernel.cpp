// SPDX-License-Identifier: Apache-2.0
#include "loader/observe/ask_kernel.h"

#include <string>
#include <utility>

#include <fmt/core.h>

#include "loader/kernel/probe.h"
#include "policy/image/catalog.h"
#include "policy/image/locals.h"
#include "policy/judge/judge.h"
#include "policy/model/date.h"
#include "policy/model/labels.h"

namespace pm {
namespace {

constexpr int attempts_most = 10;

// As answer_of(), by the catalog alone.
Answer answer_by_catalog(const KernelAnswer &given) {
    const std::uint32_t verdict = given.verdict;
    const Catalog &catalog = given.in_force.catalog;
    Answer answer;
    const std::uint32_t reason = pm_reason_of(verdict), number = pm_row_of(verdict);
    if (reason == PM_UNDECIDED && number < catalog.rows.size()) {
        const CatalogRow &row = catalog.rows[number];
        answer.pass = true;
        answer.row = row.id;
        answer.why.text = fmt::format("{}row '{}' permits it: {} to {}{}",
                                      row.failsafe ? "failsafe " : "", row.id, row.source,
                                      row.destination, row.port.empty() ? "" : " port " + row.port);
    } else {
        const auto known = static_cast<pm_reason>(reason);
        answer.reason = reason_label(known) ? known : PM_DROP_NO_POLICY;
        answer.why.text = reason_meaning(answer.reason);
    }
    if (given.expired && *given.expired < catalog.rows.size()) {
        const CatalogRow &past = catalog.rows[*given.expired];
        add_expired(past.id, past.expires, answer);
    }
    return answer;
}

}  // namespace

Result<KernelAnswer> ask_kernel(const Pins &pins, const Switch &control, const Question &question) {
    const bool in = question.direction == Direction::in;
    auto program = open_pin(pins.path(in ? "ask_in" : "ask_out"));
    if (!program) return tl::unexpected(program.error());
    for (int attempt = 0; attempt < attempts_most; ++attempt) {
        auto in_force = read_in_force(control);
        if (!in_force) return tl::unexpected(in_force.error());
        if (in_force->state.epoch == 0) return fault("no policy is in force");
        const pm_record record = in_force->state.record;
        KernelAnswer answer;
        answer.in_force = std::move(*in_force);
        // The programs judge by the policy in force wherever they are asked. So where none is in
        // force they are not asked.
        answer.is_filtered = holds_on(record, question.interface);
        if (!answer.is_filtered) return answer;
        const pm_probe asked = {
            .image = record.image, .bans = record.bans, .interface = question.interface, .zero = 0};
        auto verdict = run_probe(pins.maps(), program->get(), asked, first_packet(question));
        if (!verdict) return tl::unexpected(verdict.error());
        answer.verdict = *verdict;
        answer.is_closed = is_closed(control.image(record.image), question.interface);
        // Another policy came meanwhile: rows and verdict may not belong together.
        answer.expired = expired_row(control.image(record.image), question, *verdict);
        if (control.state().epoch == answer.in_force.state.epoch) return answer;
    }
    return fault("the policy changes faster than it can be asked", "try again");
}

Explanation explain_answer(const KernelAnswer &answer, const Question &question,
                           const Policy *policy, const std::string &interface) {
    if (!answer.is_filtered) {
        Explanation unfiltered;
        unfiltered.direction = question.direction;
        unfiltered.transport = question.transport;
        unfiltered.pass = true;
        unfiltered.why.text = "no policy is in force on this interface: everything passes";
        unfiltered.why.remedy = "to filter it: portmatrix apply -i " + interface;
        return unfiltered;
    }
    const std::string named = policy && policy->interfaces.empty() ? "" : interface;
    const bool essential = pm_reason_of(answer.verdict) == essential_verdict;
    const Policy none;
    Explanation said = explanation_of(
        essential || policy
            ? answer_of(answer.verdict, answer.expired, policy ? *policy : none, named, question)
            : answer_by_catalog(answer),
        question);
    if (!said.pass && answer.in_force.mode != PM_MODE_ENFORCE)
        said.why.text +=
            fmt::format("; in mode {} it passes all the same", mode_name(answer.in_force.mode));
    if (!answer.is_closed) return said;
    said.why.text += "; the interface is closed: only essentials and failsafe rows pass";
    if (!said.pass) said.why.remedy = "portmatrix status says why; an apply opens it";
    return said;
}

}  // namespace pm

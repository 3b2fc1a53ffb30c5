// SPDX-License-Identifier: Apache-2.0
#include "loader/doctor/parachute.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/host/nft_hold.h"
#include "loader/host/nft_tables.h"
#include "loader/parachute/note.h"
#include "loader/parachute/render.h"
#include "loader/parachute/store.h"

namespace pm {
namespace {

constexpr const char *check = "parachute";

void examine_filtering(const Paths &paths, const parachute::Note &note, const std::string &on,
                       Findings &findings) {
    findings.wrong(
        check,
        fmt::format("nftables filters {} by generation {}, not the programs: {}{}", on,
                    note.generation, note.why, note.fallback.empty() ? "" : "; " + note.fallback),
        "mend that, then: portmatrix restore");
    if (!is_held(parachute::copy_file(paths)))
        findings.warning(check, "a flush of nftables opens the host until it is loaded again",
                         "'portmatrix watch' holds a copy that others cannot flush");
}

void examine_loaded(const Paths &paths, const parachute::Note &note, Findings &findings) {
    const auto there = has_nft_table(parachute::table_name);
    const std::string on = note.interfaces.empty()
                               ? std::string("this host")
                               : fmt::format("{}", fmt::join(note.interfaces, ", "));
    if (!there)
        findings.wrong(
            check,
            fmt::format("it should filter {}, and nftables does not say whether it does: "
                        "{}",
                        on, there.error().message),
            "see 'nft list tables'");
    else if (!*there)
        findings.wrong(check,
                       is_held(parachute::copy_file(paths))
                           ? fmt::format("its table was removed; a copy filters {}", on)
                           : fmt::format("{} is filtered by nothing: it was removed", on),
                       "portmatrix restore");
    else
        examine_filtering(paths, note, on, findings);
}

}  // namespace

void examine_parachute(const Paths &paths, StoredParachute stored, Findings &findings) {
    if (const auto note = parachute::read_note(paths))
        examine_loaded(paths, *note, findings);
    else if (has_nft_table(parachute::table_name).value_or(false))
        findings.wrong(check, "its table is in nftables, and nothing says why",
                       "portmatrix restore; or remove it: nft delete table inet "
                       "portmatrix-parachute");
    if (stored == StoredParachute::current) return;
    const std::uint64_t older = parachute::stored_generation(paths);
    findings.warning(
        check,
        older ? fmt::format("the stored one is of generation {}, not of the confirmed", older)
              : std::string("none is stored; a boot that needs one makes it then"),
        "'portmatrix watch' makes it; 'portmatrix history' says why it could not");
}

}  // namespace pm

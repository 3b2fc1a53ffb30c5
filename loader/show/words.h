// SPDX-License-Identifier: Apache-2.0
// The words that stand for numbers of the maps in text, JSON and metrics.
#pragma once

#include <string>
#include <vector>

#include "loader/kernel/deployment.h"
#include "maps/abi.h"

namespace pm::show {

const char *attachment_kind(pm_attachment attachment);  // "xdp", "tcx", "clsact"; null: detached
const char *attachment_mode(pm_attachment attachment);  // of XDP "native", "generic"; else null
// "WILL ROLL BACK to generation 7 (contoso) in 14m59s unless: portmatrix confirm"; empty: nothing
// waits to be confirmed.
std::string pending_text(const InForce &now);

// "0", "0.4", "12", "3.4k", "56M"
std::string short_number(double number);

const char *mode_remark(pm_mode mode);           // " (audit: nothing is dropped)", or nothing
const char *direction_name(unsigned direction);  // "in", "out"; of Direction and pm_direction

std::vector<std::string> split_list(const std::string &text);  // "tcp,udp"; no empty parts

}  // namespace pm::show

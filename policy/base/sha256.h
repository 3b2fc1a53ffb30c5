// SPDX-License-Identifier: Apache-2.0
// SHA-256 by OpenSSL.
#pragma once

#include <string>
#include <string_view>

namespace pm {

std::string sha256(std::string_view bytes);  // lowercase hex

}  // namespace pm

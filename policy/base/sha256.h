// SPDX-License-Identifier: Apache-2.0
// The digest that names a policy and the contents of its files (by OpenSSL).
#pragma once

#include <string>
#include <string_view>

namespace pm {

std::string sha256(std::string_view bytes);  // lowercase hex

}  // namespace pm

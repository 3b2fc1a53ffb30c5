// SPDX-License-Identifier: Apache-2.0
// Prints a policy as YAML with nothing included any more. The text is valid input again, and
// compiles to the same image.
#pragma once

#include <string>

#include "policy/model/model.h"

namespace pm {

std::string print(const Policy &policy);

// The same, with each set file named as FOLDER/SHA256.
std::string print_with_files_in(const std::string &folder, const Policy &policy);

// An entry of `expect` as it stands there, without braces: "from: access, to: ..., verdict: pass".
std::string print(const Expectation &expectation);

// SHA-256, as lowercase hex, of the printed policy with the contents of its file sets.
std::string digest(const Policy &policy);

// The same of what is open to whom, without what differs from host to host: the addresses of the
// roles, interfaces, the policy's name and its tests.
std::string matrix_digest(const Policy &policy);

}  // namespace pm

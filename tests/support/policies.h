// SPDX-License-Identifier: Apache-2.0
// The policies that the packet tests share.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "policy/image/compile.h"
#include "policy/model/model.h"

namespace pm::test {

// The interface that the tests' programs are loaded for.
inline constexpr unsigned interface_number = 1;
inline constexpr const char *interface_name = "edge0";

// The shipped table of public instant messaging, as a site with addresses of its own uses it.
Policy public_im_policy();

// A policy in which every kind of row occurs: both families, both directions, failsafe and
// block, a multicast destination, echo, GRE, an exception, a set that is `none`.
Policy mixed_policy();

// The compiled policy as the tests' interface sees it; a fault ends the test.
Image compile_for_test(const Policy &policy);

}  // namespace pm::test

// SPDX-License-Identifier: Apache-2.0
#include "loader/base/host_name.h"

#include <limits.h>
#include <unistd.h>

namespace pm {

std::string host_name() {
    char name[HOST_NAME_MAX + 1] = {};
    return gethostname(name, HOST_NAME_MAX) == 0 ? name : "";
}

}  // namespace pm

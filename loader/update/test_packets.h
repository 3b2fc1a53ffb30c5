// SPDX-License-Identifier: Apache-2.0
// The packets that a new policy is tried with in the kernel before any real packet meets it.
#pragma once

#include <vector>

#include "loader/attach/targets.h"
#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "policy/image/compile.h"
#include "policy/judge/question.h"
#include "policy/model/model.h"

namespace pm {

class Rollout;

// The packets of the policy's own `expect` list; and for each row (if there are very many, for a
// part of them) one that it permits, one to the next port, and that one with its ends exchanged.
std::vector<Question> test_packets(const Policy &policy, const Image &image,
                                   const std::vector<Target> &targets);

// Where there is no policy but the image that the rollout has prepared: for each of its interfaces,
// each way, one packet that a row passes and one that is dropped.
std::vector<Question> test_packets_of_image(const Rollout &rollout);

// Has the programs in the kernel judge each packet, as the first of a flow, by the image and the
// bans that the rollout has prepared. A fault if they say anything else than the same look-ups say
// here.
Done run_test_packets(const Paths &paths, const Rollout &rollout,
                      const std::vector<Question> &packets);

}  // namespace pm

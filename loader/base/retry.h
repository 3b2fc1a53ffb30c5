// SPDX-License-Identifier: Apache-2.0
// When something that failed is to be tried again: at once if the circumstances are others, else
// after a pause, which is twice as long each time, from 2 s to a minute.
#pragma once

#include <string>

namespace pm {

class Retry {
public:
    // `circumstances`: what the try depends on, in any words.
    bool is_due(const std::string &circumstances = {}) const;
    void failed(const std::string &circumstances = {});
    void succeeded();

private:
    static constexpr double first_pause = 2, longest_pause = 60;  // seconds

    std::string circumstances_;  // of the last try
    double next_ = 0;            // monotonic_seconds(); 0: nothing has failed
    double pause_ = first_pause;
};

}  // namespace pm

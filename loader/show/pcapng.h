// SPDX-License-Identifier: Apache-2.0
// Writes captures as pcapng (draft-ietf-opsawg-pcapng), which Wireshark opens.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <utility>

#include "loader/base/fault.h"
#include "policy/base/fd.h"

namespace pm {

class Pcapng {
public:
    // Makes the file, or writes over a capture that portmatrix made. Any other file of that name is
    // a fault.
    static Result<Pcapng> create(const std::filesystem::path &path);

    struct Frame {
        std::uint64_t time;  // ns since the epoch
        std::string interface;
        bool inbound;
        std::uint32_t length;  // of the frame; `bytes` has its beginning
        std::span<const std::uint8_t> bytes;
        std::string comment;
    };
    // Frames are written in large pieces: flush() writes the rest.
    Done add(const Frame &frame);
    Done flush();

private:
    Pcapng(Fd fd, std::filesystem::path path) : fd_(std::move(fd)), path_(std::move(path)) {}
    std::uint32_t number_of(const std::string &interface);

    Fd fd_;
    std::filesystem::path path_;
    std::string pending_;  // not yet written
    std::map<std::string, std::uint32_t> interfaces_;
};

}  // namespace pm

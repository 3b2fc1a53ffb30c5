// SPDX-License-Identifier: Apache-2.0
// Opens and reads policy and set files: once, through one descriptor, so that what is checked
// is what is used.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>

#include <tl/expected.hpp>

#include "policy/base/diagnostic.h"

namespace pm {

constexpr std::size_t policy_size_limit = std::size_t{16} << 20;  // bytes
constexpr std::size_t set_size_limit = std::size_t{64} << 20;

// Why a file was not read: "it is a directory", and what to do about it.
struct SourceError {
    std::string cause;
    std::string hint;
    bool missing = false;  // there is no such file
};

// May a message quote the opened file? `path`: how it was named. What is no regular file may be.
Secret secret_of(int fd, const std::filesystem::path &path);

// Reads a file only if
//   it is a regular file
//   it belongs to root or the caller (under sudo also to the user who called sudo)
//   not everybody may write to it
//   it is not larger than the limit.
// A link is followed. What not everybody may read is marked if a link leads to it or it has a
// second name, so that no message quotes it (diagnostic.h). `name` is what the user is shown.
tl::expected<std::shared_ptr<const SourceFile>, SourceError> read_source(
    const std::filesystem::path &path, std::string name, std::size_t size_limit);

}  // namespace pm

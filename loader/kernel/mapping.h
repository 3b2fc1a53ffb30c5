// SPDX-License-Identifier: Apache-2.0
// A map in the memory of this process. Only for maps with BPF_F_MMAPABLE.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

namespace pm {

class Mapping {
public:
    Mapping(int fd, std::size_t size, int protection)
        : size_(size), at_(mmap(nullptr, size, protection, MAP_SHARED, fd, 0)) {}
    Mapping(const Mapping &) = delete;
    Mapping &operator=(const Mapping &) = delete;
    ~Mapping() {
        if (at_ != MAP_FAILED) munmap(at_, size_);
    }
    // Null: the kernel refused, errno says why.
    std::uint8_t *bytes() const {
        return at_ == MAP_FAILED ? nullptr : static_cast<std::uint8_t *>(at_);
    }

private:
    std::size_t size_;
    void *at_;
};

}  // namespace pm

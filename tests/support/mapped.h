// SPDX-License-Identifier: Apache-2.0
// The values of an array map as memory of this process.
#pragma once

#include <sys/mman.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <system_error>

namespace pm::test {

class Mapped {
public:
    Mapped(int fd, std::size_t size) : size_(size) {
        memory_ = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (memory_ == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    }
    ~Mapped() { munmap(memory_, size_); }
    Mapped(const Mapped &) = delete;
    Mapped &operator=(const Mapped &) = delete;

    std::uint8_t *bytes() const { return static_cast<std::uint8_t *>(memory_); }

private:
    void *memory_;
    std::size_t size_;
};

}  // namespace pm::test

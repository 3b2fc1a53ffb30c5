// SPDX-License-Identifier: Apache-2.0
// Appends arrays to an image, each at an offset that is a multiple of 8, and returns the offsets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>

namespace pm {

class Writer {
public:
    explicit Writer(std::size_t header_size) {
        bytes_.reserve(4096);  // the smallest images fit; and g++ 14 sees that arrays follow
        bytes_.resize(aligned(header_size));
    }

    // The offset of the array in bytes. Offsets are 32 bits wide: the caller bounds the whole.
    template <typename T>
    std::uint32_t append(const std::vector<T> &values) {
        return append(values.data(), values.size() * sizeof(T));
    }
    std::uint32_t append(const void *data, std::size_t size) {
        const std::size_t at = bytes_.size();
        bytes_.resize(aligned(at + size));
        if (size) std::memcpy(bytes_.data() + at, data, size);
        return static_cast<std::uint32_t>(at);
    }
    template <typename Header>
    std::vector<std::uint8_t> finish(const Header &header) {
        static_assert(std::is_trivially_copyable_v<Header>);
        std::memcpy(bytes_.data(), &header, sizeof header);
        return std::move(bytes_);
    }
    std::size_t size() const { return bytes_.size(); }

private:
    static std::size_t aligned(std::size_t size) { return (size + 7) & ~std::size_t{7}; }

    std::vector<std::uint8_t> bytes_;
};

}  // namespace pm

// SPDX-License-Identifier: Apache-2.0
#include "loader/attach/copy_map.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/core.h>

#include "loader/kernel/map.h"
#include "loader/kernel/mapping.h"

namespace pm {
namespace {

bool is_array(std::uint32_t type) {
    return type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

// Not the numbers of an array.
bool has_keys(std::uint32_t type) {
    return type == BPF_MAP_TYPE_HASH || type == BPF_MAP_TYPE_LRU_HASH ||
           type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH ||
           type == BPF_MAP_TYPE_LPM_TRIE;
}

bool is_per_cpu(std::uint32_t type) {
    return type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_PERCPU_HASH ||
           type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

std::size_t rounded(std::size_t size) {
    return (size + 7) / 8 * 8;
}

class Copy {
public:
    Copy(int from, int to, const std::string &name, const MapChange &change, Entries entries)
        : from_(from), to_(to), name_(name), change_(change), entries_(entries) {}

    Done run();

private:
    Done slots();
    Done array();
    Done entries();
    Done put(const Bytes &key, const std::uint8_t *value) const;
    Bytes value_of(const std::uint8_t *value) const;
    // Bytes that the kernel reads or writes for a value: of a per-CPU map those of all CPUs.
    std::size_t value_size(const bpf_map_info &info) const {
        return is_per_cpu(info.type) ? rounded(info.value_size) * cpus_ : info.value_size;
    }

    int from_, to_;
    const std::string &name_;
    const MapChange &change_;
    Entries entries_;
    bpf_map_info old_ = {}, new_ = {};
    std::size_t cpus_ = 0;
};

Bytes converted(const Convert &convert, const std::uint8_t *bytes, std::size_t size) {
    Bytes old(bytes, bytes + size);
    return convert ? convert(old) : old;
}

// In the form in which the kernel takes it.
Bytes Copy::value_of(const std::uint8_t *value) const {
    const bool per_cpu = is_per_cpu(old_.type);
    Bytes all(value_size(new_));
    for (std::size_t i = 0; i < (per_cpu ? cpus_ : 1); ++i) {
        const Bytes one =
            converted(change_.value, value + i * rounded(old_.value_size), old_.value_size);
        const std::size_t at = i * rounded(new_.value_size);
        std::ranges::copy_n(
            one.begin(),
            static_cast<std::ptrdiff_t>(std::min<std::size_t>(one.size(), new_.value_size)),
            all.begin() + static_cast<std::ptrdiff_t>(at));
    }
    return all;
}

Done Copy::put(const Bytes &key, const std::uint8_t *value) const {
    Bytes new_key = converted(change_.key, key.data(), key.size());
    new_key.resize(new_.key_size);
    const std::uint64_t flags = entries_ == Entries::missing ? BPF_NOEXIST : BPF_ANY;
    if (bpf_map_update_elem(to_, new_key.data(), value_of(value).data(), flags) == 0) return {};
    const bool is_full = errno == E2BIG || errno == ENOSPC;  // a hash map; a trie
    if (errno == EEXIST || (is_full && has_keys(new_.type))) return {};
    return cannot(fmt::format("write the map '{}'", name_), errno);
}

// Values may have many megabytes, which the system call for one value does not copy.
Done Copy::slots() {
    const Mapping from(from_, std::size_t{old_.max_entries} * rounded(old_.value_size), PROT_READ);
    const Mapping to(to_, std::size_t{new_.max_entries} * rounded(new_.value_size),
                     PROT_READ | PROT_WRITE);
    if (!from.bytes() || !to.bytes())
        return cannot(fmt::format("map '{}' into memory", name_), errno);
    for (std::size_t i = 0; i < std::min(old_.max_entries, new_.max_entries); ++i) {
        const Bytes value =
            converted(change_.value, from.bytes() + i * rounded(old_.value_size), old_.value_size);
        std::memcpy(to.bytes() + i * rounded(new_.value_size), value.data(),
                    std::min<std::size_t>(value.size(), new_.value_size));
    }
    return {};
}

Done Copy::array() {
    Bytes value(value_size(old_));
    for (std::uint32_t i = 0; i < std::min(old_.max_entries, new_.max_entries); ++i) {
        if (bpf_map_lookup_elem(from_, &i, value.data()) != 0)
            return cannot(fmt::format("read the map '{}'", name_), errno);
        Bytes key(sizeof(i));
        std::memcpy(key.data(), &i, sizeof(i));
        if (auto done = put(key, value.data()); !done) return done;
    }
    return {};
}

Done Copy::entries() {
    std::uint32_t room = 1024;
    Bytes position(std::max<std::size_t>(old_.key_size, 8)), next(position.size());
    bool is_first = true;
    for (;;) {
        Bytes keys(std::size_t{room} * old_.key_size), values(room * value_size(old_));
        std::uint32_t count = room;
        const int error =
            bpf_map_lookup_batch(from_, is_first ? nullptr : position.data(), next.data(),
                                 keys.data(), values.data(), &count, nullptr);
        if (error == -ENOSPC) {  // one bucket holds more than there is room for
            room *= 2;
            continue;
        }
        if (error != 0 && error != -ENOENT)
            return cannot(fmt::format("read the map '{}'", name_), error);
        for (std::size_t i = 0; i < count; ++i) {
            const auto *key = keys.data() + i * old_.key_size;
            auto done = put(Bytes(key, key + old_.key_size), values.data() + i * value_size(old_));
            if (!done) return done;
        }
        if (error == -ENOENT) return {};  // that was the last batch
        position = next;
        is_first = false;
    }
}

Done Copy::run() {
    auto old_info = map_info(from_, name_), new_info = map_info(to_, name_);
    if (!old_info) return tl::unexpected(old_info.error());
    if (!new_info) return tl::unexpected(new_info.error());
    old_ = *old_info;
    new_ = *new_info;
    const int cpus = libbpf_num_possible_cpus();
    if (cpus < 0) return cannot("count the CPUs", cpus);
    cpus_ = static_cast<std::size_t>(cpus);
    if (old_.type != new_.type)
        return fault(fmt::format("the map '{}' has type {} and is to have type {}", name_,
                                 old_.type, new_.type));
    if (has_keys(old_.type)) return entries();
    if (old_.type == BPF_MAP_TYPE_RINGBUF) return {};  // events that nobody has read yet
    if (!is_array(old_.type))
        return fault(fmt::format("the map '{}' has type {}, which cannot be copied", name_,
                                 static_cast<std::uint32_t>(old_.type)));
    if (entries_ == Entries::missing) return {};
    return (old_.map_flags & new_.map_flags & BPF_F_MMAPABLE) != 0 ? slots() : array();
}

}  // namespace

Done copy_map(int from, int to, const std::string &name, const MapChange &change, Entries entries) {
    return Copy(from, to, name, change, entries).run();
}

}  // namespace pm

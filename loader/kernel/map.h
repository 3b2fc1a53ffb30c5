// SPDX-License-Identifier: Apache-2.0
// BPF maps with types: a map whose key or value has another size than ours is refused.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/base/fault.h"
#include "policy/base/fd.h"

namespace pm {

enum class Access { read, write };

// Descriptors of the maps that all interfaces share, by name. They are closed with it.
class Maps {
public:
    void add(const std::string &name, Fd fd) { fds_.insert_or_assign(name, std::move(fd)); }
    int fd(const std::string &name) const {
        auto found = fds_.find(name);
        return found == fds_.end() ? -1 : found->second.get();
    }
    const std::map<std::string, Fd> &all() const { return fds_; }

private:
    std::map<std::string, Fd> fds_;
};

// What the kernel says of a map. Sizes in bytes; of a per-CPU map the value of one CPU.
Result<bpf_map_info> map_info(int fd, const std::string &name);

// Fails if the sizes of key and value differ.
Result<bpf_map_info> check_map(int fd, const std::string &name, std::size_t key, std::size_t value);

// Calls visit(key) for every key of a hash map, per-CPU ones too. Keys that come meanwhile may be
// missed; if the key that was visited last is removed, the walk begins anew. A walk that breaks off
// is a fault.
template <typename Key, typename Visit>
Done each_key(int fd, Visit visit) {
    Key key = {};
    const Key *last = nullptr;
    for (; bpf_map_get_next_key(fd, last, &key) == 0; last = &key) visit(key);
    if (errno != ENOENT) return cannot("read the keys of a map", errno);
    return {};
}

// Deleting what is not there is no fault.
template <typename Key>
void remove_key(int fd, const Key &key) {
    bpf_map_delete_elem(fd, &key);
}

// Does not own the descriptor: Maps or the program that made the map must outlive it.
template <typename K, typename V>
class Map {
public:
    static Result<Map> of(int fd, const std::string &name) {
        return check_map(fd, name, sizeof(K), sizeof(V)).map([&](const bpf_map_info &info) {
            return Map(fd, name, info.max_entries);
        });
    }
    static Result<Map> of(const Maps &maps, const std::string &name) {
        return of(maps.fd(name), name);
    }

    std::uint32_t capacity() const { return capacity_; }

    Result<V> get(const K &key) const {
        V value;
        if (bpf_map_lookup_elem(fd_, &key, &value) != 0) return failed("read");
        return value;
    }
    Done put(const K &key, const V &value) const {
        if (bpf_map_update_elem(fd_, &key, &value, BPF_ANY) != 0) return failed("write");
        return {};
    }
    void remove(const K &key) const { remove_key(fd_, key); }

    // Calls visit(key, value) for every entry of a hash map that is not per-CPU. Entries that come
    // or go meanwhile may be missed or not.
    template <typename Visit>
    Done each(Visit visit) const {
        std::vector<K> keys(4096);
        std::vector<V> values(keys.size());
        std::uint32_t position = 0, next = 0;  // buckets
        std::uint32_t *from = nullptr;

        for (;;) {
            auto count = static_cast<std::uint32_t>(keys.size());
            const int error =
                bpf_map_lookup_batch(fd_, from, &next, keys.data(), values.data(), &count, nullptr);
            if (error == -ENOSPC) {  // one bucket holds more than there is room for
                keys.resize(keys.size() * 2);
                values.resize(keys.size());
                continue;
            }
            if (error != 0 && error != -ENOENT) return failed("read", error);
            for (std::uint32_t i = 0; i < count; ++i) visit(keys[i], values[i]);
            if (error == -ENOENT) return {};  // that was the last batch
            position = next;
            from = &position;
        }
    }

private:
    Map(int fd, std::string name, std::uint32_t capacity)
        : fd_(fd), name_(std::move(name)), capacity_(capacity) {}

    tl::unexpected<Fault> failed(const char *verb, int error = errno) const {
        return cannot(std::string(verb) + " the map '" + name_ + "'", error);
    }

    int fd_;
    std::string name_;
    std::uint32_t capacity_;
};

// An array with a value for each CPU; V consists of u64 counters, and reading adds them up.
template <typename V>
class CounterArray {
    static_assert(sizeof(V) % sizeof(std::uint64_t) == 0);

public:
    static Result<CounterArray> of(int fd, const std::string &name) {
        return check_map(fd, name, sizeof(std::uint32_t), sizeof(V))
            .and_then([&](const bpf_map_info &) -> Result<CounterArray> {
                const int cpus = libbpf_num_possible_cpus();
                if (cpus < 0) return cannot("count the CPUs", cpus);
                return CounterArray(fd, name, static_cast<std::size_t>(cpus));
            });
    }

    Result<V> get(std::uint32_t index) const {
        constexpr std::size_t counters = sizeof(V) / sizeof(std::uint64_t);
        std::vector<std::uint64_t> all(cpus_ * counters);
        std::uint64_t sum[counters] = {};
        V value;

        if (bpf_map_lookup_elem(fd_, &index, all.data()) != 0)
            return cannot("read the counters '" + name_ + "'", errno);
        for (std::size_t i = 0; i < all.size(); ++i) sum[i % counters] += all[i];
        std::memcpy(&value, sum, sizeof(V));
        return value;
    }
    Done clear(std::uint32_t index) const {
        const std::vector<std::uint8_t> zero(cpus_ * sizeof(V));
        if (bpf_map_update_elem(fd_, &index, zero.data(), BPF_ANY) != 0)
            return cannot("clear the counters '" + name_ + "'", errno);
        return {};
    }

private:
    CounterArray(int fd, std::string name, std::size_t cpus)
        : fd_(fd), name_(std::move(name)), cpus_(cpus) {}

    int fd_;
    std::string name_;
    std::size_t cpus_;
};

}  // namespace pm

// SPDX-License-Identifier: Apache-2.0
#include "loader/show/pcapng.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include <fmt/core.h>

#include "maps/abi.h"
#include "policy/base/text.h"
#include "policy/base/whole_file.h"

namespace pm {
namespace {

constexpr std::uint32_t section = 0x0a0d0d0a, interface_block = 1, packet_block = 6;
constexpr std::uint16_t end_of_options = 0, comment = 1, application = 4;  // the last: of a section
constexpr std::uint16_t interface_name = 2, time_resolution = 9, packet_flags = 2;
constexpr std::uint16_t link_ethernet = 1;
constexpr std::size_t flush_at = 256 << 10;

// A block as it grows. Numbers are in host byte order: readers see it from the section's magic.
class Block {
public:
    template <typename Number>
    Block &add(Number number) {
        body_.append(reinterpret_cast<const char *>(&number), sizeof(number));
        return *this;
    }
    Block &bytes(const void *data, std::size_t size) {
        body_.append(static_cast<const char *>(data), size);
        body_.append(-size & 3, '\0');
        return *this;
    }
    Block &option(std::uint16_t code, const void *data, std::size_t size) {
        return add(code).add(static_cast<std::uint16_t>(size)).bytes(data, size);
    }
    Block &option(std::uint16_t code, const std::string &text) {
        return option(code, text.data(), text.size());
    }
    std::string end(std::uint32_t type) {
        add(end_of_options).add(std::uint16_t{0});
        const auto size = static_cast<std::uint32_t>(body_.size() + 12);
        Block whole;
        whole.add(type).add(size);
        whole.body_ += body_;
        return whole.add(size).body_;
    }

private:
    std::string body_;
};

std::string section_block() {
    Block block;
    block.add(std::uint32_t{0x1a2b3c4d}).add(std::uint16_t{1}).add(std::uint16_t{0});
    block.add(std::int64_t{-1});  // the section's length is unknown while it is written
    return block.option(application, "portmatrix").end(section);
}

Done write_all(int fd, const std::string &bytes, const std::filesystem::path &path) {
    const int error = write_whole(fd, bytes);
    return error == 0 ? Done() : cannot(fmt::format("write {}", path.string()), error);
}

// Root must not be led to write over a file of others. What is there already is refused unless it
// 1. is a regular file without another name (a hard link),
// 2. belongs to us, and
// 3. is empty or begins as our captures do.
Done check_ours(int fd, const std::filesystem::path &path) {
    const auto refused = [&](const char *what) {
        return fault(fmt::format("{} is {}", path.string(), what), "name a new file",
                     Exit::refused);
    };
    struct stat status = {};
    if (fstat(fd, &status) != 0) return cannot(fmt::format("ask about {}", path.string()), errno);
    if (!S_ISREG(status.st_mode)) return refused("no regular file");
    if (status.st_nlink != 1 || status.st_uid != geteuid())
        return refused("a file of somebody else, or has another name too");
    const std::string ours = section_block();
    std::string begin(ours.size(), '\0');
    const ssize_t size = pread(fd, begin.data(), begin.size(), 0);
    if (size < 0 || (size > 0 && begin != ours)) return refused("no capture of portmatrix");
    return {};
}

}  // namespace

Result<Pcapng> Pcapng::create(const std::filesystem::path &path) {
    // O_NONBLOCK: to open a FIFO would wait for its reader.
    constexpr int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    Fd fd(open(path.c_str(), flags | O_CREAT | O_EXCL, 0600));
    if (!fd && errno == EEXIST) {
        fd = Fd(open(path.c_str(), flags));
        if (!fd && errno == ELOOP)
            return fault(fmt::format("{} is a link", path.string()), "name a new file",
                         Exit::refused);
        if (fd)
            if (auto ours = check_ours(fd.get(), path); !ours) return tl::unexpected(ours.error());
        if (fd && ftruncate(fd.get(), 0) != 0) fd = Fd();
    }
    if (!fd) return cannot(fmt::format("make {}", path.string()), errno);
    Pcapng file(std::move(fd), path);
    file.pending_ = section_block();
    return file.flush().map([&] { return std::move(file); });
}

std::uint32_t Pcapng::number_of(const std::string &interface) {
    const auto number = static_cast<std::uint32_t>(interfaces_.size());
    const auto [found, added] = interfaces_.try_emplace(interface, number);
    if (added) {
        const std::uint8_t nanoseconds = 9;
        Block block;
        block.add(link_ethernet).add(std::uint16_t{0}).add(std::uint32_t{PM_EVENT_BYTES});
        block.option(interface_name, printable(interface)).option(time_resolution, &nanoseconds, 1);
        pending_ += block.end(interface_block);
    }
    return found->second;
}

Done Pcapng::add(const Frame &frame) {
    const std::uint32_t number = number_of(frame.interface), direction = frame.inbound ? 1 : 2;
    Block block;
    block.add(number).add(static_cast<std::uint32_t>(frame.time >> 32));
    block.add(static_cast<std::uint32_t>(frame.time));
    block.add(static_cast<std::uint32_t>(frame.bytes.size())).add(frame.length);
    block.bytes(frame.bytes.data(), frame.bytes.size());
    block.option(comment, frame.comment).option(packet_flags, &direction, sizeof(direction));
    pending_ += block.end(packet_block);
    return pending_.size() < flush_at ? Done() : flush();
}

Done Pcapng::flush() {
    const std::string bytes = std::exchange(pending_, {});
    return write_all(fd_.get(), bytes, path_);
}

}  // namespace pm

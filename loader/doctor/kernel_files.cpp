// SPDX-License-Identifier: Apache-2.0
#include "loader/doctor/kernel_files.h"

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/base/file.h"
#include "policy/base/text.h"

namespace pm {
namespace fs = std::filesystem;
namespace {

// "kernel/drivers/net/veth.ko.xz" is "veth"; in names '-' and '_' are the same.
std::string name_of(const fs::path &path) {
    std::string name = path.filename().string();
    name.resize(std::min(name.find('.'), name.size()));
    std::ranges::replace(name, '-', '_');
    return name;
}

// modules.dep: "PATH: PATH...", those that a module needs, each of which comes before what needs
// it.
class Dependencies {
public:
    explicit Dependencies(const std::string &text) {
        std::istringstream lines(text);
        for (std::string line; std::getline(lines, line);) {
            const std::size_t colon = line.find(':');
            if (colon == line.npos) continue;
            std::istringstream words(line.substr(colon + 1));
            Module module{line.substr(0, colon), {}};
            for (std::string word; words >> word;) module.needs.push_back(word);
            modules_.emplace(name_of(module.path), std::move(module));
        }
    }

    void collect(const std::string &name, std::vector<std::string> &paths) const {
        const auto found = modules_.find(name);
        if (found == modules_.end() || std::ranges::count(paths, found->second.path)) return;
        for (const std::string &one : found->second.needs) collect(name_of(one), paths);
        paths.push_back(found->second.path);
    }

private:
    struct Module {
        std::string path;
        std::vector<std::string> needs;
    };
    std::map<std::string, Module> modules_;
};

tl::unexpected<Fault> not_installed(const fs::path &folder, const std::string &version) {
    std::set<std::string> installed;
    for (const fs::path &one : list_folder(folder).value_or(std::vector<fs::path>()))
        installed.insert(printable(one.filename().string()));
    return fault(
        fmt::format("the kernel '{}' is not installed", printable(version)),
        fmt::format("install the package linux-image-{}; installed: {}", printable(version),
                    installed.empty() ? "none" : fmt::format("{}", fmt::join(installed, ", "))));
}

}  // namespace

Result<KernelFiles> read_kernel(const fs::path &root, const std::string &version,
                                const std::vector<std::string> &modules) {
    const fs::path all = root / "lib/modules", folder = all / version;
    if (version.empty() || version.starts_with('.') || version.find('/') != version.npos)
        return fault(fmt::format("'{}' is no version of a kernel", printable(version)),
                     "name it as 'uname -r' does", Exit::usage);
    std::error_code error;
    fs::path image = folder / "vmlinuz";
    if (!fs::exists(image, error)) image = root / "boot" / ("vmlinuz-" + version);
    if (!fs::exists(image, error)) return not_installed(all, version);

    KernelFiles files;
    auto content = read_file(image);
    if (!content) return tl::unexpected(content.error());
    files.image = std::move(*content);
    auto needs = read_file(folder / "modules.dep");
    if (!needs) return tl::unexpected(needs.error());
    const Dependencies dependencies(*needs);
    std::vector<std::string> paths;
    for (const std::string &one : modules) dependencies.collect(one, paths);
    for (const std::string &path : paths) {
        auto module = read_file(folder / path);
        if (!module) return tl::unexpected(module.error());
        files.modules.push_back({fs::path(path).filename().string(), std::move(*module)});
    }
    return files;
}

}  // namespace pm

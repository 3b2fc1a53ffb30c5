// SPDX-License-Identifier: Apache-2.0
#include "policy/language/include.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "policy/base/source_file.h"
#include "policy/base/text.h"

namespace pm {
namespace {

constexpr std::size_t include_depth_limit = 8;

using File = std::shared_ptr<const SourceFile>;

class FileLoader {
public:
    FileLoader(const ReadOptions &options, Diagnostics &diagnostics)
        : options_(options), diagnostics_(diagnostics) {}

    Files files;

    // Reads the file, which has not been read yet, and then what it includes.
    void load(const File &file) {
        auto document = read_document(file, diagnostics_);
        const std::size_t number = files.documents.size();
        numbers_.emplace(file->path, number);
        files.documents.push_back(document ? std::move(*document) : Document{});
        files.documents[number].file = file;
        files.includes.emplace_back();
        chain_.push_back(file);
        const std::vector<Name> includes =
            files.documents[number].include;  // the vector grows meanwhile
        for (const Name &include : includes) load_include(number, include);
        chain_.pop_back();
    }

    // What an included file includes, the including one includes too (Warshall).
    void close_includes() {
        const std::size_t count = files.documents.size();
        for (std::vector<bool> &row : files.includes) row.resize(count);
        for (std::size_t via = 0; via < count; ++via)
            for (std::size_t from = 0; from < count; ++from)
                if (files.includes[from][via])
                    for (std::size_t to = 0; to < count; ++to)
                        if (files.includes[via][to]) files.includes[from][to] = true;
    }

private:
    void load_include(std::size_t from, const Name &include) {
        const auto file = find(include);
        if (!file || !check_chain(*file, include.where)) return;
        if (!numbers_.contains((*file)->path)) load(*file);
        std::vector<bool> &included = files.includes[from];
        const std::size_t number = numbers_.at((*file)->path);
        included.resize(std::max(included.size(), number + 1));
        included[number] = true;
    }

    std::optional<File> find(const Name &include) {
        const std::filesystem::path beside =
            std::filesystem::path(include.where.file->name).parent_path();
        std::vector<std::filesystem::path> folders{beside};
        folders.insert(folders.end(), options_.include_path.begin(), options_.include_path.end());
        if (std::filesystem::path(include.text).is_absolute()) folders.resize(1);

        for (const std::filesystem::path &folder : folders) {
            const std::filesystem::path path =
                folder / include.text;  // an absolute path stands for itself
            auto file = read_source(path, path.string(), policy_size_limit);
            if (file) return *file;
            if (file.error().missing) continue;
            diagnostics_.error(
                include.where,
                fmt::format("cannot read {}: {}", quote(path.string()), file.error().cause),
                file.error().hint);
            return std::nullopt;
        }
        std::vector<std::string> looked;
        for (const std::filesystem::path &folder : folders)
            looked.push_back(folder.empty() ? "." : printable(folder.string()));
        diagnostics_.error(include.where, fmt::format("cannot find {}", quote(include.text)),
                           std::filesystem::path(include.text).is_absolute()
                               ? ""
                               : fmt::format("looked in: {}", joined(looked)));
        return std::nullopt;
    }

    bool check_chain(const File &file, const Location &where) {
        std::vector<std::string> names;
        bool is_cycle = false;
        for (const File &open : chain_) {
            is_cycle = is_cycle || open->path == file->path;
            if (is_cycle) names.push_back(printable(open->name));
        }
        if (is_cycle) {
            diagnostics_.error(where, fmt::format("{} includes itself: {} -> {}", quote(file->name),
                                                  joined(names, " -> "), printable(file->name)));
            return false;
        }
        if (chain_.size() > include_depth_limit) {
            diagnostics_.error(
                where, fmt::format("files include each other deeper than {}", include_depth_limit));
            return false;
        }
        return true;
    }

    const ReadOptions &options_;
    Diagnostics &diagnostics_;
    std::map<std::string, std::size_t> numbers_;  // by canonical path
    std::vector<File> chain_;                     // from the policy to the file that is being read
};

}  // namespace

Files load_files(const std::shared_ptr<const SourceFile> &policy, const ReadOptions &options,
                 Diagnostics &diagnostics) {
    FileLoader loader(options, diagnostics);
    loader.load(policy);
    loader.close_includes();
    return std::move(loader.files);
}

}  // namespace pm

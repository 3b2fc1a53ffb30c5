// SPDX-License-Identifier: Apache-2.0
#include "loader/state/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "loader/base/file.h"
#include "policy/base/fd.h"
#include "policy/base/sha256.h"
#include "policy/model/print.h"

namespace pm {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t generations_kept = 10;
constexpr std::size_t sets_synced_singly = 64;
constexpr std::size_t sha256_digits = 64;

std::string_view as_text(const std::vector<std::uint8_t> &bytes) {
    return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

constexpr const char *unconfirmed_suffix = ".unconfirmed";

// Of a folder of a generation; 0: it is none.
std::uint64_t number_of(const std::string &name) {
    if (name.empty() || name.size() > 18 ||
        name.find_first_not_of("0123456789") != std::string::npos)
        return 0;
    return std::stoull(name);
}

Done make_folder(const fs::path &path) {
    std::error_code error;
    fs::create_directory(path, error);
    if (error) return cannot(fmt::format("make the folder {}", path.string()), error.value());
    return {};
}

Json to_json(const Generation &one) {
    Json json;
    json["generation"] = one.number;
    json["policy"] = one.policy;
    json["sha256"] = one.sha256;
    json["applied_at"] = one.applied_at;
    json["mode"] = one.mode == PM_MODE_AUDIT ? "audit" : "enforce";
    json["interfaces"] = one.interfaces;
    json["xdp"] = one.xdp;
    json["flow_capacity"] = one.flow_capacity;
    json["image_sha256"] = one.image_sha256;
    json["set_files"] = one.set_files;
    return json;
}

Generation from_json(const Json &json) {
    Generation one;
    one.number = json.at("generation");
    one.policy = json.at("policy");
    one.sha256 = json.at("sha256");
    one.applied_at = json.at("applied_at");
    one.mode = json.at("mode") == "audit" ? PM_MODE_AUDIT : PM_MODE_ENFORCE;
    one.interfaces = json.at("interfaces").get<std::vector<std::string>>();
    one.xdp = json.at("xdp");
    one.flow_capacity = json.at("flow_capacity");
    one.image_sha256 = json.at("image_sha256");
    one.set_files = json.value("set_files", std::vector<std::string>());
    return one;
}

Result<Generation> read_about(const fs::path &path) {
    return read_file(path).and_then([&](const std::string &text) -> Result<Generation> {
        try {
            return from_json(Json::parse(text));
        } catch (const Json::exception &) {
            return fault(fmt::format("{} is damaged", path.string()));
        }
    });
}

template <class PolicyType, class Visit>
void each_file(PolicyType &policy, Visit visit) {
    for (auto *sets : {&policy.roles, &policy.peers})
        for (auto &[name, set] : *sets)
            for (auto *items : {&set.items, &set.except})
                for (auto &item : *items)
                    if (item.kind == SetItem::Kind::file && item.content) visit(item);
}

// Each set file of the policy once, by its hash.
std::map<std::string, const SetItem *> set_files(const Policy &policy) {
    std::map<std::string, const SetItem *> files;
    each_file(policy, [&](const SetItem &item) { files[item.file_sha256] = &item; });
    return files;
}

}  // namespace

std::vector<SetItem *> file_items(Policy &policy) {
    std::vector<SetItem *> items;
    each_file(policy, [&](SetItem &item) { items.push_back(&item); });
    return items;
}

Result<Store> Store::open(const Paths &paths) {
    auto safe = check_private_folder(paths.state, false);
    if (!safe) return tl::unexpected(safe.error());
    return Store(paths.state);
}

fs::path Store::of(std::uint64_t number) const {
    return folder_ / "generations" / std::to_string(number);
}

fs::path Store::unconfirmed(std::uint64_t number) const {
    return of(number) += unconfirmed_suffix;
}

fs::path Store::policy_path(std::uint64_t number) const {
    return of(number) / "policy.yaml";
}

std::vector<std::uint64_t> Store::confirmed_numbers() const {
    std::vector<std::uint64_t> result;
    std::error_code error;
    for (const auto &entry : fs::directory_iterator(folder_ / "generations", error))
        if (const std::uint64_t number = number_of(entry.path().filename()))
            result.push_back(number);
    std::sort(result.begin(), result.end());
    return result;
}

std::vector<std::uint64_t> Store::all_numbers() const {
    std::set<std::uint64_t> found;
    std::error_code error;
    for (const auto &entry : fs::directory_iterator(folder_ / "generations", error))
        if (const std::uint64_t number = number_of(entry.path().stem())) found.insert(number);
    return {found.begin(), found.end()};
}

std::uint64_t Store::last_number() const {
    const std::vector<std::uint64_t> numbers = all_numbers();
    return numbers.empty() ? 0 : numbers.back();
}

Done Store::prepare() const {
    if (auto made = check_private_folder(folder_, true); !made) return tl::unexpected(made.error());
    return make_folder(folder_ / "generations").and_then([&] {
        return make_folder(folder_ / "sets");
    });
}

// What is there already is not written again: its name is its content.
Done Store::keep_sets(const Policy &policy) const {
    const fs::path folder = folder_ / "sets";
    const auto files = set_files(policy);
    std::size_t written = 0;
    for (const auto &[sha256, item] : files) {
        const fs::path path = folder / sha256;
        std::error_code error;
        if (fs::file_size(path, error) == item->content->text.size() && !error) continue;
        fs::path aside = path;
        aside += ".new";
        auto done = write_new(aside, item->content->text,
                              files.size() <= sets_synced_singly ? Sync::now : Sync::later);
        if (!done) return done;
        if (rename(aside.c_str(), path.c_str()) != 0)
            return cannot(fmt::format("replace {}", path.string()), errno);
        written++;
    }
    if (written == 0) return {};
    if (files.size() <= sets_synced_singly) return sync_folder(folder);
    const Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || syncfs(fd.get()) != 0) return cannot(fmt::format("sync {}", folder.string()), errno);
    return {};
}

Done Store::keep(Generation generation, const Image &image, const Policy &policy) {
    const std::string_view bytes = as_text(image.bytes);
    generation.image_sha256 = sha256(bytes);
    each_file(policy, [&](const SetItem &item) { generation.set_files.push_back(item.file_path); });
    const fs::path final = unconfirmed(generation.number), aside = folder_ / "generations" / "new";
    std::error_code error;
    auto written = [&](const char *name, std::string_view content) {
        return [&, name, content] { return write_new(aside / name, content); };
    };
    const std::string yaml = print_with_files_in((folder_ / "sets").string(), policy);
    const std::string about = to_json(generation).dump(2) + "\n";
    auto done = prepare()
                    .and_then([&] { return keep_sets(policy); })
                    .and_then([&] {
                        fs::remove_all(aside, error);
                        fs::remove_all(final, error);  // of an apply that did not come to its end
                        return make_folder(aside);
                    })
                    .and_then(written("image", bytes))
                    .and_then(written("policy.yaml", yaml))
                    .and_then(written("about.json", about))
                    .and_then([&] { return sync_folder(aside); });
    if (!done) {
        fs::remove_all(aside, error);
        return done;
    }
    if (rename(aside.c_str(), final.c_str()) != 0)
        return cannot(fmt::format("make {}", final.string()), errno);
    return sync_folder(final.parent_path());
}

Result<Generation> Store::generation(std::uint64_t number) const {
    return read_about(of(number) / "about.json");
}

Result<Generation> Store::kept(std::uint64_t number) const {
    auto confirmed = generation(number);
    return confirmed ? confirmed : read_about(unconfirmed(number) / "about.json");
}

Result<Image> Store::image(const Generation &generation) const {
    const fs::path path = of(generation.number) / "image";
    return read_file(path).and_then([&](const std::string &text) -> Result<Image> {
        if (sha256(text) != generation.image_sha256)
            return fault(fmt::format("{} is damaged: its SHA-256 is another", path.string()));
        return Image{{text.begin(), text.end()}};
    });
}

Result<std::string> Store::policy_text(std::uint64_t number) const {
    std::error_code error;
    const fs::path confirmed = policy_path(number);
    return read_file(fs::exists(confirmed, error) ? confirmed : unconfirmed_policy_path(number));
}

Result<std::optional<Confirmed>> Store::confirmed() const {
    const fs::path path = folder_ / "confirmed.json";
    std::error_code error;
    if (!fs::exists(path, error) && !error) return std::nullopt;
    return read_file(path).and_then(
        [&](const std::string &text) -> Result<std::optional<Confirmed>> {
            try {
                const Json json = Json::parse(text);
                return Confirmed{json.at("generation"), json.at("previous"),
                                 json.value("earlier", std::uint64_t{0})};
            } catch (const Json::exception &) {
                return fault(fmt::format("{} is damaged", path.string()));
            }
        });
}

Done Store::write_confirmed(const Confirmed &confirmed) const {
    Json json;
    json["generation"] = confirmed.generation;
    json["previous"] = confirmed.previous;
    json["earlier"] = confirmed.earlier;
    return write_file(folder_ / "confirmed.json", json.dump() + "\n");
}

Done Store::confirm(Confirmed confirmed) {
    if (auto made = prepare(); !made) return made;
    const auto before = this->confirmed().value_or(std::nullopt);
    if (before) confirmed.earlier = before->previous;
    const fs::path waits = unconfirmed(confirmed.generation), final = of(confirmed.generation);
    const bool waited = rename(waits.c_str(), final.c_str()) == 0;
    if (!waited && errno != ENOENT) return cannot(fmt::format("rename {}", waits.string()), errno);
    promoted_ = waited ? confirmed.generation : 0;
    auto done =
        sync_folder(final.parent_path()).and_then([&] { return write_confirmed(confirmed); });
    if (!done) put_back(before);  // it may stand there though it could not be synced
    return done;
}

void Store::put_back(const std::optional<Confirmed> &before) {
    std::error_code ignored;
    if (promoted_ != 0) fs::rename(of(promoted_), unconfirmed(promoted_), ignored);
    promoted_ = 0;
    if (before)
        (void)write_confirmed(*before);
    else if (confirmed_numbers()
                 .empty())  // else boot must not think that nothing was ever confirmed
        fs::remove(folder_ / "confirmed.json", ignored);
}

void Store::prune(const std::vector<std::uint64_t> &keep) {
    std::error_code error;
    const std::vector<std::uint64_t> all = confirmed_numbers();
    for (std::size_t i = 0; i + generations_kept < all.size(); i++)
        if (std::find(keep.begin(), keep.end(), all[i]) == keep.end())
            fs::remove_all(of(all[i]), error);
    std::vector<fs::path> unused;
    const std::uint64_t last = last_number();
    for (const auto &entry : fs::directory_iterator(folder_ / "generations", error)) {
        const std::uint64_t number = number_of(entry.path().stem());
        if (entry.path().extension() == unconfirmed_suffix && number != last &&
            std::find(keep.begin(), keep.end(), number) == keep.end())
            unused.push_back(entry.path());
    }

    // A set stays while a policy.yaml that is left names it.
    std::set<std::string> named;
    const std::string folder = (folder_ / "sets/").string();
    for (const auto &entry : fs::directory_iterator(folder_ / "generations", error)) {
        const std::string text = read_file(entry.path() / "policy.yaml").value_or(std::string());
        for (std::size_t at = 0; (at = text.find(folder, at)) != std::string::npos;) {
            at += folder.size();
            named.insert(text.substr(at, sha256_digits));
        }
    }
    for (const auto &entry : fs::directory_iterator(folder_ / "sets", error))
        if (!named.count(entry.path().filename())) unused.push_back(entry.path());
    for (const fs::path &path : unused) fs::remove_all(path, error);
}

}  // namespace pm

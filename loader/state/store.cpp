// SPDX-License-Identifier: Apache-2.0
#include "loader/state/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>
#include <string_view>
#include <system_error>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "loader/base/file.h"
#include "policy/base/fd.h"
#include "policy/base/sha256.h"
#include "policy/model/labels.h"
#include "policy/model/print.h"

namespace pm {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t generations_stored = 10;
// If there are more sets, one sync of the whole file system takes less time than one for each.
constexpr std::size_t sets_synced_singly = 64;
constexpr std::size_t sha256_digits = 64;

std::string_view as_text(const std::vector<std::uint8_t> &bytes) {
    return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

constexpr const char *unconfirmed_suffix = ".unconfirmed";

// The number of a generation, from the name of its folder; 0: it is no number.
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

bool has_number(const std::vector<std::uint64_t> &numbers, std::uint64_t number) {
    return std::ranges::find(numbers, number) != numbers.end();
}

Json to_json(const std::vector<Nic> &nics) {
    Json json = Json::array();
    for (const Nic &one : nics)
        json.push_back({{"name", one.name},
                        {"alternative_names", one.alternative_names},
                        {"address", one.address},
                        {"kind", one.kind},
                        {"bus", one.bus},
                        {"port", one.port},
                        {"beside", one.beside}});
    return json;
}

std::vector<Nic> nics_from(const Json &json, const char *key) {
    std::vector<Nic> nics;
    for (const Json &one : json.value(key, Json::array()))
        nics.push_back({.name = one.at("name"),
                        .alternative_names = one.at("alternative_names"),
                        .address = one.at("address"),
                        .kind = one.at("kind"),
                        .bus = one.at("bus"),
                        .port = one.at("port"),
                        .beside = one.at("beside")});
    return nics;
}

Json to_json(const Generation &one) {
    Json json;
    json["generation"] = one.number;
    json["policy"] = one.policy;
    json["sha256"] = one.sha256;
    json["applied_at"] = one.applied_at;
    json["mode"] = mode_name(one.mode);
    json["interfaces"] = one.interfaces;
    json["nics"] = to_json(one.nics);
    json["others"] = to_json(one.others);
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
    one.mode = json.at("mode") == mode_name(PM_MODE_AUDIT) ? PM_MODE_AUDIT : PM_MODE_ENFORCE;
    one.interfaces = json.at("interfaces").get<std::vector<std::string>>();
    one.nics = nics_from(json, "nics");
    one.others = nics_from(json, "others");
    one.xdp = json.at("xdp");
    one.flow_capacity = json.at("flow_capacity");
    one.image_sha256 = json.at("image_sha256");
    one.set_files = json.value("set_files", std::vector<std::string>());
    return one;
}

std::string about_text(const Generation &generation) {
    // A device's name may be no UTF-8.
    return to_json(generation).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
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

template <typename PolicyType, typename Visit>
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
    auto exists = has_private_folder(paths.state);
    if (!exists) return tl::unexpected(exists.error());
    return Store(paths.state);
}

fs::path Store::confirmed_folder(std::uint64_t number) const {
    return generations() / std::to_string(number);
}

fs::path Store::unconfirmed_folder(std::uint64_t number) const {
    return confirmed_folder(number) += unconfirmed_suffix;
}

fs::path Store::policy_path(std::uint64_t number) const {
    return confirmed_folder(number) / "policy.yaml";
}

fs::path Store::unconfirmed_policy_path(std::uint64_t number) const {
    return unconfirmed_folder(number) / "policy.yaml";
}

Result<Store::Numbers> Store::confirmed_numbers() const {
    auto entries = list_folder(generations());
    if (!entries) return tl::unexpected(entries.error());
    Numbers result;
    for (const fs::path &entry : *entries)
        if (const std::uint64_t number = number_of(entry.filename())) result.push_back(number);
    std::ranges::sort(result);
    return result;
}

Result<Store::Numbers> Store::all_numbers() const {
    auto entries = list_folder(generations());
    if (!entries) return tl::unexpected(entries.error());
    std::set<std::uint64_t> found;
    for (const fs::path &entry : *entries)
        if (const std::uint64_t number = number_of(entry.stem())) found.insert(number);
    return Numbers{found.begin(), found.end()};
}

Result<std::uint64_t> Store::last_number() const {
    return all_numbers().map(
        [](const Numbers &numbers) { return numbers.empty() ? 0 : numbers.back(); });
}

Done Store::make_folders() const {
    if (auto made = make_private_folder(folder_); !made) return tl::unexpected(made.error());
    return make_folder(generations()).and_then([&] { return make_folder(sets()); });
}

// A set that is there already is not written again: its name says its content.
Done Store::save_sets(const Policy &policy) const {
    const fs::path folder = sets();
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

Done Store::save_unconfirmed(Generation generation, const Image &image, const Policy &policy) {
    const std::string_view bytes = as_text(image.bytes);
    generation.image_sha256 = sha256(bytes);
    each_file(policy, [&](const SetItem &item) { generation.set_files.push_back(item.file_path); });
    const fs::path final = unconfirmed_folder(generation.number), aside = generations() / "new";
    std::error_code error;
    auto written = [&](const char *name, std::string_view content) {
        return [&, name, content] { return write_new(aside / name, content); };
    };
    const std::string yaml = print_with_files_in((sets()).string(), policy);
    const std::string about = about_text(generation);
    auto done = make_folders()
                    .and_then([&] { return save_sets(policy); })
                    .and_then([&] {
                        fs::remove_all(aside, error);
                        fs::remove_all(final, error);  // of an apply that was killed
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
    return read_about(confirmed_folder(number) / "about.json");
}

Result<Generation> Store::any_generation(std::uint64_t number) const {
    auto confirmed = generation(number);
    return confirmed ? confirmed : read_about(unconfirmed_folder(number) / "about.json");
}

Done Store::save_about(const Generation &generation) const {
    return write_file(confirmed_folder(generation.number) / "about.json", about_text(generation));
}

Result<Image> Store::image(const Generation &generation) const {
    const fs::path path = confirmed_folder(generation.number) / "image";
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
                return Confirmed{.generation = json.at("generation"),
                                 .previous = json.at("previous"),
                                 .earlier = json.value("earlier", std::uint64_t{0})};
            } catch (const Json::exception &) {
                return fault(fmt::format("{} is damaged", path.string()));
            }
        });
}

Result<std::optional<Generation>> Store::confirmed_generation() const {
    auto now = confirmed();
    if (!now) return tl::unexpected(now.error());
    if (!*now) return std::nullopt;
    return generation((*now)->generation).map([](Generation &&one) {
        return std::optional(std::move(one));
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
    if (auto made = make_folders(); !made) return made;
    const auto before = this->confirmed().value_or(std::nullopt);
    if (before) confirmed.earlier = before->previous;
    const fs::path waits = unconfirmed_folder(confirmed.generation),
                   final = confirmed_folder(confirmed.generation);
    const bool waited = rename(waits.c_str(), final.c_str()) == 0;
    if (!waited && errno != ENOENT) return cannot(fmt::format("rename {}", waits.string()), errno);
    newly_confirmed_ = waited ? confirmed.generation : 0;
    auto done =
        sync_folder(final.parent_path()).and_then([&] { return write_confirmed(confirmed); });
    if (!done) undo_confirm(before);  // confirmed.json may name it though its sync failed
    return done;
}

void Store::undo_confirm(const std::optional<Confirmed> &before) {
    std::error_code ignored;
    if (newly_confirmed_ != 0)
        fs::rename(confirmed_folder(newly_confirmed_), unconfirmed_folder(newly_confirmed_),
                   ignored);
    newly_confirmed_ = 0;
    if (before)
        (void)write_confirmed(*before);
    else if (const auto numbers = confirmed_numbers(); numbers && numbers->empty())
        fs::remove(folder_ / "confirmed.json", ignored);
    // Else something was confirmed, and boot must not think that nothing ever was.
}

// The names of the sets that a policy.yaml among `folders` names. A fault: one cannot be read, and
// may name any.
Result<std::set<std::string>> Store::sets_named(const std::vector<fs::path> &folders) const {
    std::set<std::string> named;
    const std::string folder = (folder_ / "sets/").string();
    for (const fs::path &one : folders) {
        std::error_code error;
        if (!fs::exists(one / "policy.yaml", error) && !error) continue;
        auto text = read_file(one / "policy.yaml");
        if (!text) return tl::unexpected(text.error());
        for (std::size_t at = 0; (at = text->find(folder, at)) != std::string::npos;) {
            at += folder.size();
            named.insert(text->substr(at, sha256_digits));
        }
    }
    return named;
}

void Store::prune(const std::vector<std::uint64_t> &needed) {
    const auto all = confirmed_numbers();
    const auto last = last_number();
    const auto before = list_folder(generations());
    if (!all || !last || !before) return;
    std::error_code error;
    for (std::size_t i = 0; i + generations_stored < all->size(); ++i)
        if (!has_number(needed, (*all)[i])) fs::remove_all(confirmed_folder((*all)[i]), error);
    std::vector<fs::path> unused;
    for (const fs::path &entry : *before) {
        const std::uint64_t number = number_of(entry.stem());
        if (entry.extension() == unconfirmed_suffix && number != *last &&
            !has_number(needed, number))
            unused.push_back(entry);
    }

    // A set stays while a policy.yaml that is left names it.
    const auto left = list_folder(generations()), stored = list_folder(sets());
    const auto named = left.and_then([&](const auto &folders) { return sets_named(folders); });
    if (named && stored)
        for (const fs::path &entry : *stored)
            if (!named->contains(entry.filename())) unused.push_back(entry);
    for (const fs::path &path : unused) fs::remove_all(path, error);
}

}  // namespace pm

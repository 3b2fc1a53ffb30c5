// SPDX-License-Identifier: Apache-2.0
#include "loader/state/generation.h"

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "loader/base/file.h"
#include "policy/model/labels.h"

namespace pm {
namespace {

using Json = nlohmann::ordered_json;

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
    json["set_sha256"] = one.set_sha256;
    json["rows"] = one.rows;
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
    one.set_sha256 = json.value("set_sha256", std::vector<std::string>());
    one.rows = json.value("rows", std::map<std::string, std::string>());
    return one;
}

}  // namespace

std::string about_text(const Generation &generation) {
    // A device's name may be no UTF-8.
    return to_json(generation).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Generation> read_about(const std::filesystem::path &path) {
    return read_file(path).and_then([&](const std::string &text) -> Result<Generation> {
        try {
            return from_json(Json::parse(text));
        } catch (const Json::exception &) {
            return fault(fmt::format("{} is damaged", path.string()));
        }
    });
}

}  // namespace pm

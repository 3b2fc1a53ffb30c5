// SPDX-License-Identifier: Apache-2.0
// Kinds of options that several verbs have.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "policy/model/model.h"

namespace pm::command {

// Refused, because an empty value is most likely a shell variable that was not set, and the user
// did not mean what holds without the option.
inline const CLI::Validator not_empty(
    [](std::string &text) { return text.empty() ? "is empty" : ""; }, "", "");

// CLI11 takes -1 and too large numbers for the largest that there is, and 010 for 8.
inline const CLI::Validator counted(
    [](std::string &text) {
        const bool digits = text.find_first_not_of("0123456789") == std::string::npos;
        if (!digits || text[0] == '0') return "'" + text + "' is no number from 1 on";
        constexpr std::size_t most = std::numeric_limits<std::uint64_t>::digits10;
        return text.size() <= most ? "" : "'" + text + "' is too large a number";
    },
    "", "");

template <typename Value>
std::string joined_keys(const std::map<std::string, Value> &words) {
    std::string list;
    for (const auto &[word, value] : words) list += (list.empty() ? "" : ", ") + word;
    return list;
}

// An option that takes one of these words and sets `value` to what the word means.
template <typename Words, typename Value>
CLI::Option *add_word(CLI::App *verb, const char *name, const Words &words, Value &value,
                      const char *what) {
    const auto set = [&words, &value](const std::string &word) { value = words.at(word); };
    return verb->add_option_function<std::string>(name, set, what)
        ->check(CLI::Validator(
            [&words](std::string &word) {
                return words.contains(word) ? ""
                                            : "'" + word + "' is none of: " + joined_keys(words);
            },
            "", ""));
}

inline const std::map<std::string, Direction> directions = {{"in", Direction::in},
                                                            {"out", Direction::out}};

inline void add_json(CLI::App *verb, bool &json) {
    verb->add_flag("--json", json, "JSON Lines instead of text");
}

inline CLI::Option *add_interfaces(CLI::App *verb, std::vector<std::string> &names,
                                   const char *what) {
    return verb->add_option("-i,--interface", names, what)
        ->type_name("IFACE")
        ->allow_extra_args(false);
}

}  // namespace pm::command

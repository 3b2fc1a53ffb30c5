// SPDX-License-Identifier: Apache-2.0
#include "loader/commands/command_fault.h"

#include <fmt/core.h>

#include "policy/base/diagnostic.h"

namespace pm::command {
namespace {

std::string hint_of(const std::string &meant, const std::string &help) {
    return meant.empty() ? fmt::format("see '{}'", help)
                         : fmt::format("did you mean '{}'? See '{}'", meant, help);
}

Fault no_command(const CLI::App &app, const std::vector<std::string> &left) {
    constexpr const char *help = "portmatrix --help";
    if (left.empty()) return {"no command is named", hint_of("", help), Exit::usage};
    std::vector<std::string> names;
    for (const CLI::App *verb : app.get_subcommands(nullptr))
        if (!verb->get_group().empty()) names.push_back(verb->get_name());
    return {fmt::format("'{}' is no {}", left[0], left[0].starts_with('-') ? "option" : "command"),
            hint_of(nearest(left[0], names), help), Exit::usage};
}

// The words that the command has no use for.
Fault too_much(const CLI::App &verb, const std::string &word, const std::string &help) {
    if (!word.starts_with('-'))
        return {fmt::format("'{}' is one word too many for {}", word, verb.get_name()),
                hint_of("", help), Exit::usage};
    std::vector<std::string> names;
    for (const CLI::Option *option : verb.get_options(nullptr))
        for (const std::string &name : option->get_lnames()) names.push_back("--" + name);
    return {fmt::format("'{}' is no option of {}", word, verb.get_name()),
            hint_of(nearest(word, names), help), Exit::usage};
}

}  // namespace

Fault fault_of(const CLI::App &app, const CLI::ParseError &error) {
    const auto chosen = app.get_subcommands();
    if (chosen.empty()) return no_command(app, app.remaining());
    const CLI::App &verb = *chosen[0];
    const std::string help = fmt::format("portmatrix {} --help", verb.get_name());
    const std::vector<std::string> left = verb.remaining();
    if (dynamic_cast<const CLI::ExtrasError *>(&error) && !left.empty())
        return too_much(verb, left[0], help);
    return {error.what(), hint_of("", help), Exit::usage};
}

std::vector<std::string> with_help_option(std::vector<std::string> words) {
    if (words.size() == 1 && words[0] == "help") return {"--help"};
    if (words.size() != 2) return words;
    if (words[0] == "help") return {words[1], "--help"};
    if (words[1] == "help") return {words[0], "--help"};
    return words;
}

}  // namespace pm::command

// SPDX-License-Identifier: Apache-2.0
#include "policy/language/yaml_fault.h"

#include <algorithm>
#include <iterator>

#include <yaml-cpp/exceptions.h>

namespace pm {
namespace {

namespace said_by = YAML::ErrorMsg;

constexpr YamlFault open_list{"not valid YAML: a '[' is not closed",
                              "close it with ']', and put a comma between its items"};
constexpr YamlFault open_map{"not valid YAML: a '{' is not closed",
                             "close it with '}', and put a comma between its entries"};
constexpr YamlFault closed_wrongly{"not valid YAML: no '[' or '{' before it is closed by this",
                                   "close '[' with ']' and '{' with '}'"};
constexpr YamlFault misplaced{"not valid YAML: this does not go on with the map or list before it",
                              "indent what belongs together alike, and quote a text as a whole"};
constexpr YamlFault second_colon{
    "not valid YAML: a ':' where no value can stand",
    "begin each key on a line of its own, indent with spaces, and quote a text that has ': ' in it"};
constexpr YamlFault item{"not valid YAML: a list item ('- ') where none can stand",
                         "begin the list on a line of its own, or write it as [...]"};
constexpr YamlFault open_quote{"not valid YAML: a text in quotes is not ended",
                               "end it with the quote that it begins with"};
constexpr YamlFault escape{"not valid YAML: what follows the backslash is no character",
                           "write the character itself, or put the text in single quotes"};
constexpr YamlFault character{"not valid YAML: a text cannot begin with this character",
                              "put the text in quotes"};
constexpr YamlFault block{"not valid YAML: what follows '|' or '>' is not known",
                          "write the text on the same line"};
constexpr YamlFault directive{"not valid YAML: a directive (%NAME) that is not known",
                              "remove the line"};

// Newer versions of the library put a name behind some of its texts.
const struct {
    std::string_view said;
    YamlFault fault;
} faults[] = {
    {said_by::END_OF_SEQ_FLOW, open_list},
    {said_by::END_OF_MAP_FLOW, open_map},
    {said_by::FLOW_END, closed_wrongly},
    {said_by::END_OF_MAP, misplaced},
    {said_by::END_OF_SEQ, misplaced},
    {said_by::MAP_VALUE, second_colon},
    {said_by::MAP_KEY, second_colon},
    {said_by::BLOCK_ENTRY, item},
    {said_by::DOC_IN_SCALAR, open_quote},
    {said_by::EOF_IN_SCALAR, open_quote},
    {said_by::INVALID_ESCAPE, escape},
    {said_by::INVALID_HEX, escape},
    {said_by::INVALID_UNICODE, escape},
    {said_by::UNKNOWN_TOKEN, character},
    {said_by::ZERO_INDENT_IN_BLOCK, block},
    {said_by::CHAR_IN_BLOCK, block},
    {said_by::UNKNOWN_ANCHOR, alias_fault},
    {said_by::ALIAS_NOT_FOUND, alias_fault},
    {said_by::CHAR_IN_ALIAS, alias_fault},
    {said_by::ALIAS_CONTENT, alias_fault},
    {said_by::ANCHOR_NOT_FOUND, anchor_fault},
    {said_by::CHAR_IN_ANCHOR, anchor_fault},
    {said_by::MULTIPLE_ANCHORS, anchor_fault},
    {said_by::MULTIPLE_TAGS, tag_fault},
    {said_by::CHAR_IN_TAG_HANDLE, tag_fault},
    {said_by::TAG_WITH_NO_SUFFIX, tag_fault},
    {said_by::END_OF_VERBATIM_TAG, tag_fault},
    {said_by::YAML_DIRECTIVE_ARGS, directive},
    {said_by::YAML_VERSION, directive},
    {said_by::YAML_MAJOR_VERSION, directive},
    {said_by::REPEATED_YAML_DIRECTIVE, directive},
    {said_by::TAG_DIRECTIVE_ARGS, directive},
    {said_by::REPEATED_TAG_DIRECTIVE, directive},
};

}  // namespace

YamlFault yaml_fault(std::string_view said) {
    const auto *found = std::find_if(std::begin(faults), std::end(faults),
                                     [&](const auto &one) { return said.starts_with(one.said); });
    return found == std::end(faults) ? YamlFault{"not valid YAML", ""} : found->fault;
}

}  // namespace pm

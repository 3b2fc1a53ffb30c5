// SPDX-License-Identifier: Apache-2.0
// Builds the nodes from yaml-cpp's events. yaml-cpp's own nodes are no use here: they expand
// aliases without limit, accept duplicate keys and read 010 as 8.
#include "policy/language/yaml.h"

#include <algorithm>
#include <exception>
#include <istream>
#include <unordered_map>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include "policy/base/text.h"
#include "policy/language/pasted.h"
#include "policy/language/yaml_fault.h"
#include "policy/language/yaml_input.h"

namespace pm {
namespace {

constexpr std::size_t yaml_depth_limit = 16;
constexpr std::size_t node_limit = 500'000;  // four times what 10,000 rows commonly need

// Thrown by an event handler, to leave the parser.
struct Refusal : std::exception {
    Refusal(YAML::Mark where, std::string fault, std::string remedy = {})
        : mark(where), message(std::move(fault)), hint(std::move(remedy)) {}
    Refusal(YAML::Mark where, const YamlFault &fault) : Refusal(where, fault.fault, fault.hint) {}
    YAML::Mark mark;
    std::string message, hint;
};

// How many characters of its line a scalar takes, quotes included.
int scalar_width(std::string_view rest, std::string_view value) {
    if (rest.empty()) return 1;
    if (rest[0] == '|' || rest[0] == '>') return 1;
    if (rest[0] != '"' && rest[0] != '\'')
        return static_cast<int>(
            std::min(count_code_points(rest.substr(0, value.size())), count_code_points(value)));
    std::size_t end = 1;
    while (end < rest.size() && rest[end] != rest[0])
        end += rest[end] == '\\' && rest[0] == '"' ? 2 : 1;
    return static_cast<int>(count_code_points(rest.substr(0, end + 1)));
}

class Builder : public YAML::EventHandler {
public:
    Builder(Lines &lines, Feed &feed) : lines_(lines), feed_(feed) {}

    Node root;
    YAML::Mark last;  // the position of the last value

    void OnDocumentStart(const YAML::Mark &mark) override {
        if (documents_++ > 0)
            throw Refusal(mark, "a second YAML document begins here; a policy file is one document",
                          "remove the '---' or '...' line, or make two files");
    }
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark &mark, YAML::anchor_t anchor) override {
        refuse_properties(mark, "", anchor);
        Node node = make(Node::Kind::null, mark);
        // An empty value has no position of its own: yaml-cpp gives that of what follows.
        if (!stack_.empty() && stack_.back().has_key) {
            const Node &key = stack_.back().key;
            node.line = key.line, node.column = key.column, node.width = key.width;
        }
        add(std::move(node), mark);
    }

    void OnAlias(const YAML::Mark &mark, YAML::anchor_t) override {
        throw Refusal(mark, alias_fault);
    }

    void OnScalar(const YAML::Mark &mark, const std::string &tag, YAML::anchor_t anchor,
                  const std::string &value) override {
        refuse_properties(mark, tag, anchor);
        Node node = make(Node::Kind::scalar, mark);
        node.text = single_line(value, mark);
        node.width = scalar_width(lines_.rest(mark.line, mark.column), value);
        add(std::move(node), mark);
    }

    void OnSequenceStart(const YAML::Mark &mark, const std::string &tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        refuse_properties(mark, tag, anchor);
        push(make(Node::Kind::list, mark), mark);
    }
    void OnSequenceEnd() override { pop(); }

    void OnMapStart(const YAML::Mark &mark, const std::string &tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        refuse_properties(mark, tag, anchor);
        push(make(Node::Kind::map, mark), mark);
    }
    void OnMapEnd() override { pop(); }

private:
    struct Frame {
        Node node;
        YAML::Mark mark;
        Node key;
        bool has_key = false;
        std::unordered_map<std::string, int> lines;  // of the map's keys so far
    };

    Node make(Node::Kind kind, const YAML::Mark &mark) {
        feed_.event();
        last = mark;
        if (++nodes_ > node_limit)
            throw Refusal(mark, fmt::format("the file has more than {} values", node_limit),
                          "move long lists of addresses to a file of their own: { file: PATH }");
        Node node;
        node.kind = kind;
        node.line = mark.line + 1;
        node.column = lines_.column(mark.line, mark.column);
        return node;
    }

    void refuse_properties(const YAML::Mark &mark, const std::string &tag, YAML::anchor_t anchor) {
        const std::string_view rest = lines_.rest(mark.line, mark.column);
        if (anchor != 0) throw Refusal(mark, anchor_fault);
        // yaml-cpp gives quoted text the tag "!".
        if (!(tag.empty() || tag == "?" || tag == "!") || rest.starts_with('!'))
            throw Refusal(mark, tag_fault);
    }

    // A block scalar ends in a line feed that the user does not mean. All other texts have none.
    std::string single_line(std::string value, const YAML::Mark &mark) const {
        while (value.ends_with('\n')) value.pop_back();
        for (std::string_view rest = value; !rest.empty();) {
            const CodePoint point = first_code_point(rest);
            if (is_refused(point.value))
                throw Refusal(mark,
                              fmt::format("control character U+{:04X} in a text",
                                          static_cast<unsigned>(point.value)),
                              point.value == '\n' ? "fold the lines with '>' in place of '|'" : "");
            rest.remove_prefix(point.length);
        }
        return value;
    }

    void add(Node node, const YAML::Mark &mark) {
        if (stack_.empty()) {
            root = std::move(node);
            return;
        }
        Frame &frame = stack_.back();
        if (frame.node.kind == Node::Kind::list) {
            frame.node.items.push_back(std::move(node));
        } else if (frame.has_key) {
            frame.node.entries.push_back({std::move(frame.key), std::move(node)});
            frame.has_key = false;
        } else {
            take_key(frame, std::move(node), mark);
        }
    }

    static void take_key(Frame &frame, Node key, const YAML::Mark &mark) {
        if (key.kind != Node::Kind::scalar) throw Refusal(mark, "a key must be a word");
        if (key.text == "<<")
            throw Refusal(mark, "merge keys (<<) are not allowed",
                          "write the values out, or use 'include'");
        const auto [earlier, is_new] = frame.lines.emplace(key.text, key.line);
        if (!is_new)
            throw Refusal(mark, fmt::format("key {} is given twice; it is first given in line {}",
                                            quote(key.text), earlier->second));
        frame.key = std::move(key);
        frame.has_key = true;
    }

    void push(Node node, const YAML::Mark &mark) {
        if (stack_.size() == yaml_depth_limit)
            throw Refusal(
                mark, fmt::format("lists and maps are nested deeper than {}", yaml_depth_limit));
        stack_.emplace_back();
        stack_.back().node = std::move(node);
        stack_.back().mark = mark;
    }

    void pop() {
        Frame frame = std::move(stack_.back());
        stack_.pop_back();
        add(std::move(frame.node), frame.mark);
    }

    Lines &lines_;
    Feed &feed_;
    std::vector<Frame> stack_;
    std::size_t nodes_ = 0;
    int documents_ = 0;
};

// YAML goes on with the text of a line whose blank is none, and stops in a later line. True: there
// is such a blank in the line that it stopped in, or in the one before that has a text.
bool refuse_odd_blank(const std::shared_ptr<const SourceFile> &file, Lines &lines, int stopped,
                      Diagnostics &diagnostics) {
    for (int line = stopped; line >= 0; --line) {
        const std::string_view text = lines.rest(line, 0);
        if (const auto odd = find_odd_blank(text)) {
            const int column = lines.column(line, static_cast<int>(odd->at));
            diagnostics.error({file, line + 1, column, 1},
                              "not valid YAML: " + odd->what + " is no blank", "type a space");
            return true;
        }
        if (line < stopped && text.find_first_not_of(' ') != text.npos) return false;
    }
    return false;
}

}  // namespace

std::optional<Node> parse_yaml(const std::shared_ptr<const SourceFile> &file,
                               Diagnostics &diagnostics) {
    if (!check_characters(file, diagnostics)) return std::nullopt;

    Lines lines(file->text);
    Feed feed(file->text);
    Builder builder(lines, feed);
    const auto refuse = [&](const YAML::Mark &mark, std::string message, std::string hint = {}) {
        const Location where{file, mark.line + 1,
                             mark.is_null() ? 0 : lines.column(mark.line, mark.column), 1};
        diagnostics.error(where, std::move(message), std::move(hint));
    };
    try {
        std::istream stream(&feed);
        YAML::Parser parser(stream);
        bool any = false;
        while (parser.HandleNextDocument(builder)) any = true;
        if (!feed.is_stopped()) {
            if (any && builder.root.kind != Node::Kind::null) return std::move(builder.root);
            diagnostics.error({file}, "the file is empty");
            return std::nullopt;
        }
    } catch (const Refusal &refusal) {
        refuse(refusal.mark, refusal.message, refusal.hint);
        return std::nullopt;
    } catch (const YAML::Exception &error) {
        if (!feed.is_stopped()) {
            if (refuse_odd_blank(file, lines, error.mark.line, diagnostics)) return std::nullopt;
            const YamlFault found = yaml_fault(error.msg);
            refuse(error.mark, found.fault, found.hint);
            return std::nullopt;
        }
    }
    // The parser took the stop of the feed for the end of the file.
    refuse(builder.last,
           fmt::format("a text, a comment or one [...] or {{...}} after this has more than {} KB",
                       Feed::limit >> 10),
           "write long lists one item a line, or as { file: PATH }");
    return std::nullopt;
}

}  // namespace pm

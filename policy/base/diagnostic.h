// SPDX-License-Identifier: Apache-2.0
// Findings about a policy: where, what, and what to do about it. Each step of reading collects all
// that it finds, so that the user sees every fault of a file at once; the command prints them.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pm {

// Why no message quotes a word of a file: not everybody may read it, and who gave it this name, by
// a link or by a second name, may want it shown.
enum class Secret { no, linked, second_name };

// A policy or set file as it was read. It is read once, so that messages cite the text that was
// judged.
struct SourceFile {
    std::string name;  // as shown to the user
    std::string path;  // canonical
    std::string text;
    Secret secret = Secret::no;
};

// A position in a file. Line and column count from 1; line 0: the file as a whole.
struct Location {
    std::shared_ptr<const SourceFile> file;
    int line = 0;
    int column = 0;
    int width = 1;  // characters to underline
};

// A warning should be looked at before the policy is applied; a note explains, and asks for
// nothing.
enum class Severity { error, warning, note };
const char *severity_name(Severity severity);

struct Diagnostic {
    Severity severity = Severity::error;
    Location where;
    std::string message;  // lowercase, no full stop; quotes the value, says the limit
    std::string witness;  // a packet that shows it, or empty
    std::string hint;     // the remedy, or empty
};

class Diagnostics {
public:
    void error(Location where, std::string message, std::string hint = {});
    void warning(Location where, std::string message, std::string witness, std::string hint = {});
    void note(Location where, std::string message, std::string witness, std::string hint = {});
    bool has_errors() const { return count(Severity::error) > 0; }
    int errors() const { return count(Severity::error); }
    int warnings() const { return count(Severity::warning); }
    int notes() const { return count(Severity::note); }
    const std::vector<Diagnostic> &all() const { return all_; }

private:
    int count(Severity severity) const { return counts_[static_cast<std::size_t>(severity)]; }
    void add(Diagnostic one);

    std::vector<Diagnostic> all_;
    std::array<int, 3> counts_ = {};
};

// FILE:LINE:COL: error: FAULT, the line, a caret, the witness, the hint. Ends with a newline.
std::string render(const Diagnostic &diagnostic, bool colour);
std::string render(const Diagnostics &diagnostics, bool colour);  // the first 200

// "FILE:LINE"; "FILE" of the file as a whole, "portmatrix" of no file.
std::string cite(const Location &where);

// The candidate nearest to `word` if it is near enough to be meant, else empty.
std::string nearest(std::string_view word, const std::vector<std::string> &candidates);

// The hint "did you mean 'CANDIDATE'?" of the nearest one; empty where none is near enough.
std::string did_you_mean(std::string_view word, const std::vector<std::string> &candidates);

}  // namespace pm

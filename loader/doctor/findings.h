// SPDX-License-Identifier: Apache-2.0
// `doctor`: what stands in the way of enforcement on this host. Each thing that was examined gives
// a finding, with a remedy where one is needed. The examinations only read. Without root, or with
// nothing attached, they leave out what they cannot see.
//
// Each examination is given the Findings and adds to them; the command sets with about() which
// interface they are of. They are in host.h (kernel, settings, folders, other firewalls), policy.h
// (what is in force) and interface.h (programs and devices).
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace pm {

struct Finding {
    enum class Grade {
        fine,
        note,     // good to know, nothing to do
        warning,  // it stands in the way, or it may later
        wrong,    // something is not filtered, or not as `status` says
    };
    Grade grade;
    std::string interface;  // empty: it is of the host
    std::string check;      // a stable word: "kernel", "jit", "attachment"
    std::string text;
    std::string remedy;  // empty: none is needed
};

class Findings {
public:
    // The interface of the findings that follow; empty: the host.
    void about(std::string interface) { interface_ = std::move(interface); }
    void fine(const char *check, std::string text) {
        add(Finding::Grade::fine, check, std::move(text), "");
    }
    void note(const char *check, std::string text, std::string remedy = "") {
        add(Finding::Grade::note, check, std::move(text), std::move(remedy));
    }
    void warning(const char *check, std::string text, std::string remedy) {
        add(Finding::Grade::warning, check, std::move(text), std::move(remedy));
    }
    void wrong(const char *check, std::string text, std::string remedy) {
        add(Finding::Grade::wrong, check, std::move(text), std::move(remedy));
    }
    const std::vector<Finding> &all() const { return all_; }

private:
    void add(Finding::Grade grade, const char *check, std::string text, std::string remedy) {
        all_.push_back({.grade = grade,
                        .interface = interface_,
                        .check = check,
                        .text = std::move(text),
                        .remedy = std::move(remedy)});
    }

    std::string interface_;
    std::vector<Finding> all_;
};

}  // namespace pm

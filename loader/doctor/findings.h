// SPDX-License-Identifier: Apache-2.0
// `doctor`: what stands in the way of enforcement on this host. Each thing that was examined gives
// a finding, with a remedy where one is needed. The examinations only read. Without root, or with
// nothing attached, they leave out what they cannot see.
//
// Each examination is given the Findings and adds to them; the command sets with about() which
// interface they are of.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "loader/base/paths.h"
#include "loader/host/device.h"
#include "loader/kernel/pins.h"
#include "loader/observe/snapshot.h"

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

// In host.cpp: the kernel and its settings, privileges, folders, routing, other firewalls.
void examine_host(const Paths &paths, Findings &findings);

// In findings.cpp: the policy in force and its flow tables; the interfaces are below. `snapshot` is
// null if what is in force cannot be read.
void examine_policy(const Paths &paths, const Pins &pins, const Snapshot *snapshot,
                    Findings &findings);

// In interface.cpp, as the next: are our programs still attached, and does another program come
// before them?
// `filtered`: the policy in force holds on this interface.
void examine_attachment(const Pins &pins, const Pins::Interface &interface, bool filtered,
                        Findings &findings);

// The device: what it can do and what it does to packets.
void examine_device(const Device &device, pm_attachment ingress, Findings &findings);

// In findings.cpp: those of `ports` that lie within first-last and are not in `reserved`. Ports are
// written as "50000-59999,60999".
std::string unreserved_ports(const std::string &ports, const std::string &reserved, unsigned first,
                             unsigned last);

}  // namespace pm

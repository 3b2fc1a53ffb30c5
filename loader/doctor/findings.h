// SPDX-License-Identifier: Apache-2.0
// What is in the way of enforcement on this host, a finding each, with a remedy. Asks and changes
// nothing; says what it can without root and with nothing attached.
#pragma once

#include <string>
#include <vector>

#include "loader/host/device.h"
#include "loader/kernel/pins.h"
#include "loader/observe/snapshot.h"

namespace pm {

struct Finding {
    enum class Grade {
        fine,
        note,     // to be known
        warning,  // in the way, or will be
        wrong,    // enforcement is not what `status` promises
    };
    Grade grade;
    std::string interface;  // empty: the host's
    std::string check;      // a stable word: "kernel", "jit", "attachment"
    std::string text;
    std::string remedy;  // empty: none is needed
};

class Findings {
public:
    // For what follows.
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
        all_.push_back({grade, interface_, check, std::move(text), std::move(remedy)});
    }

    std::string interface_;
    std::vector<Finding> all_;
};

// The kernel, its settings, the folders, privileges.
void examine_host(const Paths &paths, Findings &findings);

// What is in force, apart from interfaces. `snapshot` may be null: it cannot be read.
void examine_policy(const Paths &paths, const Pins &pins, const Snapshot *snapshot,
                    Findings &findings);

// Is what is attached what was attached, and does anything go past it?
void examine_attachment(const Pins &pins, const Pins::Interface &interface, bool filtered,
                        Findings &findings);

// The device: what it can do and what it does to packets.
void examine_device(const Device &device, pm_attachment ingress, Findings &findings);

// "50000-59999,60999" less what `reserved` (the same form) has, within first-last.
std::string unreserved_ports(const std::string &ports, const std::string &reserved, unsigned first,
                             unsigned last);

}  // namespace pm

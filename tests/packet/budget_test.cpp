// SPDX-License-Identifier: Apache-2.0
// What the kernel side costs, compared with the figures recorded for this kernel in budgets.txt.
// Only what is the same in every run is measured: the instructions and states that the verifier
// looks at, the sizes of the programs, and the memory of the maps at their default sizes.
// PM_UPDATE_BUDGETS=1 records the figures of this run. Those of programs are another compiler's
// too: with one that they were not recorded with, only the memory is compared, and the limits.
#include <sys/utsname.h>

#include <array>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/core.h>
#include <gtest/gtest.h>

#include "loader/kernel/program.h"
#include "portmatrix.skel.h"

namespace pm::test {
namespace {

constexpr const char *file_name = PM_SOURCE_DIR "/tests/packet/budgets.txt";
constexpr const char *recorded_with = "16";
constexpr double tolerance = 0.02;
constexpr double verifier_limit = 1'000'000, memory_limit = 32 << 20;
constexpr double stack_limit = 512, stack_left = 128;  // bytes

using Figures = std::map<std::string, double>;

std::string kernel_release() {
    utsname name = {};
    uname(&name);
    const std::string release = name.release;
    return release.substr(0, release.find_first_not_of("0123456789", release.find('.') + 1));
}

// The version of clang that the programs in the tests come from, by their debug information.
std::string compiler() {
    std::size_t size = 0;
    const void *elf = portmatrix__elf_bytes(&size);
    const std::string_view text(static_cast<const char *>(elf), size);
    constexpr std::string_view before = "clang version ";
    const std::size_t at = text.find(before);
    if (at == text.npos) return "";
    const std::string_view version = text.substr(at + before.size());
    return std::string(version.substr(0, version.find_first_not_of("0123456789")));
}

// Bytes that the kernel says it holds for a map.
double map_memory(int fd) {
    std::ifstream info(fmt::format("/proc/self/fdinfo/{}", fd));
    for (std::string word; info >> word;) {
        double bytes = 0;
        if (word == "memlock:" && info >> bytes) return bytes;
    }
    ADD_FAILURE() << "the kernel does not tell a map's memory";
    return 0;
}

void add_program(Figures &figures, const std::string &name, int fd) {
    bpf_prog_info info = {};
    std::uint32_t size = sizeof(info);
    ASSERT_EQ(bpf_obj_get_info_by_fd(fd, &info, &size), 0) << name;
    figures[name + ".verified-instructions"] = info.verified_insns;
    figures[name + ".translated-bytes"] = info.xlated_prog_len;
    figures[name + ".jit-bytes"] = info.jited_prog_len;
}

// Per-CPU maps grow with the machine, so the memory for one CPU is recorded.
void add_map(Figures &figures, const std::string &name, int fd) {
    auto info = map_info(fd, name);
    ASSERT_TRUE(info) << info.error().message;
    const bool per_cpu =
        info->type == BPF_MAP_TYPE_PERCPU_ARRAY || info->type == BPF_MAP_TYPE_PERCPU_HASH;
    const double bytes = map_memory(fd);
    figures["maps.all-bytes"] += bytes;
    if (per_cpu)
        figures["maps.bytes-a-cpu"] += bytes / libbpf_num_possible_cpus();
    else
        figures["maps.shared-bytes"] += bytes;
}

std::vector<bpf_insn> instructions_of(int fd) {
    bpf_prog_info info = {};
    std::uint32_t size = sizeof(info);
    EXPECT_EQ(bpf_obj_get_info_by_fd(fd, &info, &size), 0);
    std::vector<bpf_insn> program(info.xlated_prog_len / sizeof(bpf_insn));
    bpf_prog_info again = {};
    again.xlated_prog_len = info.xlated_prog_len;
    again.xlated_prog_insns = reinterpret_cast<std::uintptr_t>(program.data());
    EXPECT_EQ(bpf_obj_get_info_by_fd(fd, &again, &size), 0);
    return program;
}

// Where the programs' functions begin, each with those that it calls, by number.
std::map<std::size_t, std::set<std::size_t>> functions_of(const std::vector<bpf_insn> &program) {
    std::map<std::size_t, std::set<std::size_t>> calls = {{0, {}}};
    const auto target = [&](std::size_t at) -> std::optional<std::size_t> {
        const bpf_insn &one = program[at];
        if (one.code != (BPF_JMP | BPF_CALL) || one.src_reg != BPF_PSEUDO_CALL) return std::nullopt;
        return at + 1 +
               static_cast<std::size_t>(one.off);  // once it is compiled, `imm` is its number
    };
    for (std::size_t at = 0; at < program.size(); ++at)
        if (const auto called = target(at)) calls[*called];
    for (std::size_t at = 0; at < program.size(); ++at)
        if (const auto called = target(at))
            std::prev(calls.upper_bound(at))->second.insert(*called);
    return calls;
}

// The stack of the deepest chain of calls, as Linux 6.1 counts it. `depths`: of the functions in
// their order.
double deepest_chain(const std::vector<bpf_insn> &program, const std::vector<double> &depths) {
    const auto functions = functions_of(program);
    EXPECT_EQ(functions.size(), depths.size()) << "functions, and depths that the verifier tells";
    if (functions.size() != depths.size()) return 0;
    std::map<std::size_t, double> depth_of;
    for (const auto &[begin, calls] : functions) depth_of[begin] = depths[depth_of.size()];
    const std::function<double(std::size_t)> chain = [&](std::size_t begin) {
        double deepest = 0;
        for (const std::size_t called : functions.at(begin))
            deepest = std::max(deepest, chain(called));
        return std::ceil(std::max(depth_of[begin], 1.0) / 32) * 32 + deepest;
    };
    return chain(0);
}

std::string messages;  // of libbpf

int keep_message(libbpf_print_level, const char *format, va_list values) {
    std::array<char, 8192> text;
    std::vsnprintf(text.data(), text.size(), format, values);
    messages += text.data();
    return 0;
}

// "prog 'NAME': -- BEGIN PROG LOAD LOG --", some lines, "stack depth N+N+N" of its functions or
// (Linux 7) "stack depth max N" of the deepest chain, some lines, "... total_states N peak_states N
// ...".
void add_log(Figures &figures, const std::map<std::string, int> &fds) {
    const std::regex log(
        "prog '(\\w+)': -- BEGIN PROG LOAD LOG --[^]*?stack depth (max )?([0-9+]+)[^]*?"
        "total_states (\\d+) peak_states (\\d+)");
    int programs = 0;
    for (std::sregex_iterator one(messages.begin(), messages.end(), log), end; one != end; ++one) {
        programs++;
        const std::string name = one->str(1);
        figures[name + ".states"] = std::stod(one->str(4));
        figures[name + ".peak-states"] = std::stod(one->str(5));
        if (one->length(2) > 0) {
            figures[name + ".stack-bytes"] = std::stod(one->str(3));
            continue;
        }
        std::vector<double> depths;
        std::istringstream each(one->str(3));
        for (std::string depth; std::getline(each, depth, '+');) depths.push_back(std::stod(depth));
        figures[name + ".stack-bytes"] = deepest_chain(instructions_of(fds.at(name)), depths);
    }
    EXPECT_EQ(programs, 4) << "the verifier's log has another form: "
                           << messages.substr(
                                  std::min(messages.find("BEGIN PROG LOAD LOG"), messages.size()),
                                  500);
}

Figures measure() {
    Figures figures;
    messages.clear();
    ProgramOptions options;
    options.verifier_log = 4;  // BPF_LOG_STATS
    const auto printed = libbpf_set_print(keep_message);
    auto program = Program::load(options);
    libbpf_set_print(printed);
    if (!program) {
        ADD_FAILURE() << program.error().message;
        return figures;
    }
    const std::map<std::string, int> fds = {{"pm_ingress", program->ingress()},
                                            {"pm_egress", program->egress()},
                                            {"pm_ask_in", program->ask_in()},
                                            {"pm_ask_out", program->ask_out()}};
    add_log(figures, fds);
    for (const auto &[name, fd] : fds) add_program(figures, name, fd);
    for (const auto &[name, fd] : program->maps().all()) add_map(figures, name, fd.get());
    add_map(figures, "rows", program->rows());
    return figures;
}

// A line is KERNEL FIGURE VALUE; '#' begins a comment.
std::map<std::string, Figures> read_budgets(std::string &comment) {
    std::map<std::string, Figures> all;
    std::ifstream file(file_name);
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("#")) {
            comment += line + "\n";
            continue;
        }
        std::string kernel, figure;
        double value = 0;
        if (std::istringstream(line) >> kernel >> figure >> value) all[kernel][figure] = value;
    }
    return all;
}

void record(const Figures &figures) {
    std::string comment;
    auto all = read_budgets(comment);
    all[kernel_release()] = figures;
    all[kernel_release()].erase("maps.all-bytes");
    std::ofstream file(file_name);
    file << comment;
    for (const auto &[kernel, of_kernel] : all)
        for (const auto &[figure, value] : of_kernel)
            file << fmt::format("{} {} {:.0f}\n", kernel, figure, value);
}

// A line for each figure that grew beyond its budget. Figures that shrank are printed, so that they
// can be recorded.
std::string compare(const Figures &now, const Figures &budget) {
    const bool same_compiler = compiler() == recorded_with;
    std::string grown;
    for (const auto &[figure, recorded] : budget) {
        if (!same_compiler && !figure.starts_with("maps.")) continue;
        const auto found = now.find(figure);
        const double value = found == now.end() ? 0 : found->second;
        const double change = value / recorded - 1;
        if (std::abs(change) <= tolerance) continue;
        const std::string line =
            fmt::format("{} {}: recorded {:.0f}, now {:.0f} ({:+.1f} %)\n", kernel_release(),
                        figure, recorded, value, change * 100);
        if (change > 0)
            grown += line;
        else
            std::printf("smaller: %s", line.c_str());
    }
    return grown;
}

TEST(Budget, IsKept) {
    const Figures now = measure();
    ASSERT_NE(compiler(), "");
    if (std::getenv("PM_UPDATE_BUDGETS")) {
        ASSERT_EQ(compiler(), recorded_with) << "budgets are recorded with this clang";
        record(now);
    }
    std::string comment;
    const auto budgets = read_budgets(comment);
    const auto budget = budgets.find(kernel_release());
    std::string shown;
    for (const auto &[figure, value] : now)
        if (figure != "maps.all-bytes")
            shown += fmt::format("{} {} {:.0f}\n", kernel_release(), figure, value);
    if (budget == budgets.end())
        std::printf("no budget is recorded for this kernel; its figures are:\n%s", shown.c_str());
    else
        EXPECT_EQ(compare(now, budget->second), "")
            << "if it is worth it, record it: PM_UPDATE_BUDGETS=1, or these lines:\n"
            << shown;
}

// Limits on any kernel: half of what the verifier is willing to look at (three quarters with any
// compiler), three quarters of the stack (all of it with any compiler), and the memory that a host
// with six rows may take.
TEST(Budget, LeavesRoom) {
    const Figures now = measure();
    const double instructions = verifier_limit * (compiler() == recorded_with ? 0.5 : 0.75);
    for (const auto &[figure, value] : now) {
        if (!figure.ends_with(".verified-instructions")) continue;
        EXPECT_GT(value, 0) << figure;
        EXPECT_LE(value, instructions) << figure << ", clang " << compiler();
    }
    for (const auto &[figure, value] : now)
        if (figure.ends_with(".stack-bytes")) {
            EXPECT_LE(value, compiler() == recorded_with ? stack_limit - stack_left : stack_limit)
                << figure << ", clang " << compiler();
        }
    EXPECT_LE(now.at("maps.shared-bytes") + 2 * now.at("maps.bytes-a-cpu"), memory_limit);
}

}  // namespace
}  // namespace pm::test

// SPDX-License-Identifier: Apache-2.0
#include "loader/show/top_screen.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <utility>

#define NCURSES_NOMACROS  // as macros, erase, scroll and others would change our own names
#include <curses.h>
#include <fmt/core.h>

#include "policy/base/text.h"

namespace pm::show {
namespace {

constexpr int least_lines = 3;  // of a pane, its title included
constexpr int head_lines = 2, foot_lines = 1;
constexpr int page = 10;
constexpr short alarm_colours = 1, title_colours = 2;
constexpr Pane panes[] = {Pane::rows, Pane::drops, Pane::flows};
constexpr int escape = 27, backspace_code = 127;

const char *const help_lines[] = {
    "Tab 1 2 3   the next pane; rows, drops, flows",
    "z Enter     the pane alone, or all of them",
    "s S         sort by the next, the previous column",
    "r           the other way round",
    "/           show only what has this text; Esc: everything",
    "b           sums of flows by peer, prefix, port, row; or each flow",
    "arrows      scroll; also PgUp PgDn Home End j k",
    "+ -         look less, more often",
    "p Space     stand still",
    "h ?         this help",
    "q           quit",
};

// No more than `width` characters; each takes one column.
std::string cut(const std::string &text, int width) {
    std::string result;
    std::size_t at = 0;
    for (int i = 0; i < width && at < text.size(); ++i) {
        const std::size_t size =
            std::max<std::size_t>(1, first_code_point(std::string_view(text).substr(at)).length);
        result += text.substr(at, size);
        at += size;
    }
    return result;
}

void put(int line, const std::string &text, attr_t attributes = A_NORMAL, bool fill = false) {
    if (line < 0 || line >= LINES || COLS <= 0) return;
    attrset(static_cast<int>(attributes));
    mvaddstr(line, 0, cut(printable(text), COLS).c_str());
    if (fill)
        for (int column = getcurx(stdscr); column < COLS && getcury(stdscr) == line; ++column)
            if (addch(' ') == ERR) break;
    attrset(A_NORMAL);
}

std::vector<std::string> lines_of(const std::string &text) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = text.find('\n', at);
        lines.push_back(text.substr(at, end - at));
        at = end == std::string::npos ? text.size() : end + 1;
    }
    return lines;
}

// A key of the filter that the user types.
bool type(int key, TopState &state) {
    std::string &filter = state.view.filter;
    if (key == escape) filter.clear();
    if (key == escape || key == '\n' || key == '\r' || key == KEY_ENTER) {
        state.typing = false;
    } else if (key == KEY_BACKSPACE || key == backspace_code || key == '\b') {
        if (!filter.empty()) filter.pop_back();
    } else if (key > ' ' && key < backspace_code && filter.size() < 64) {
        filter += static_cast<char>(key);
    }
    return true;
}

bool scroll(int key, int &line) {
    switch (key) {
        case KEY_DOWN:
        case 'j':
            line++;
            return true;
        case KEY_UP:
        case 'k':
            line--;
            return true;
        case KEY_NPAGE:
            line += page;
            return true;
        case KEY_PPAGE:
            line -= page;
            return true;
        case KEY_HOME:
            line = 0;
            return true;
        case KEY_END:
            line = 1 << 30;
            return true;
        default:
            return false;
    }
}

}  // namespace

std::vector<Box> layout(int lines, const std::vector<int> &wanted, int focus, bool zoom) {
    const int count = static_cast<int>(wanted.size());
    std::vector<Box> boxes(wanted.size());
    if (lines <= 0) return boxes;
    if (zoom || lines < count * least_lines) {
        boxes[static_cast<std::size_t>(focus)] = {0, lines};
        return boxes;
    }
    for (Box &box : boxes) box.lines = least_lines;
    // One line at a time to each pane that wants it, so that a long one starves no other.
    int left = lines - count * least_lines;
    for (bool given = true; left > 0 && given;) {
        given = false;
        for (std::size_t i = 0; i < boxes.size() && left > 0; ++i) {
            if (boxes[i].lines >= wanted[i]) continue;
            boxes[i].lines++;
            left--;
            given = true;
        }
    }
    boxes.back().lines += left;
    int top = 0;
    for (Box &box : boxes) {
        box.top = top;
        top += box.lines;
    }
    return boxes;
}

namespace {

// Keys that say which lines a pane shows, and in which order.
bool arrange(int key, TopState &state) {
    const int focus = static_cast<int>(state.focus);
    const int sorts = static_cast<int>(sort_names(state.focus, state.view.by).size());
    int &sort = state.view.sort[focus];
    if (scroll(key, state.scroll[focus])) return true;
    switch (key) {
        case 's':
            sort = (sort + 1) % sorts;
            return true;
        case 'S':
            sort = (sort + sorts - 1) % sorts;
            return true;
        case 'r':
            state.view.reverse[focus] = !state.view.reverse[focus];
            return true;
        case '/':
            state.view.filter.clear();
            state.typing = true;
            return true;
        case escape:
            state.view.filter.clear();
            return true;
        default:
            return false;
    }
}

}  // namespace

bool obey(int key, TopState &state) {
    if (state.typing) return type(key, state);
    if (state.help) {
        state.help = false;
        return true;
    }
    if (arrange(key, state)) return true;
    switch (key) {
        case 'q':
        case 'Q':
            state.quit = true;
            return true;
        case '\t':
            state.focus = panes[(static_cast<int>(state.focus) + 1) % pane_count];
            return true;
        case '1':
        case '2':
        case '3':
            state.focus = panes[key - '1'];
            return true;
        case 'z':
        case '\n':
        case '\r':
        case KEY_ENTER:
            state.zoom = !state.zoom;
            return true;
        case 'b':
            state.view.by = next_by(state.view.by);
            state.focus = Pane::flows;
            return true;
        case 'p':
        case ' ':
            state.paused = !state.paused;
            return true;
        case '+':
            state.seconds = std::min(state.seconds + 1, 60u);
            return true;
        case '-':
            state.seconds = std::max(state.seconds - 1, 1u);
            return true;
        case 'h':
        case '?':
            state.help = true;
            return true;
        default:
            return key == KEY_RESIZE;
    }
}

Result<TopScreen> TopScreen::open(bool colour) {
    setlocale(LC_CTYPE, "");
    TopScreen screen;
    screen.unicode_ = std::strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    set_escdelay(25);
    if (!newterm(nullptr, stdout, stdin)) {
        const char *terminal = std::getenv("TERM");
        return fault(fmt::format("cannot draw on the terminal {}",
                                 quote(terminal ? terminal : "(TERM is not set)")),
                     "use --once, or set TERM");
    }
    screen.open_ = true;
    cbreak();
    noecho();
    nonl();
    curs_set(0);
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    screen.colour_ = colour && has_colors();
    if (screen.colour_) {
        start_color();
        use_default_colors();
        init_pair(alarm_colours, COLOR_WHITE, COLOR_RED);
        init_pair(title_colours, COLOR_CYAN, -1);
    }
    return screen;
}

TopScreen::TopScreen(TopScreen &&other) noexcept
    : open_(std::exchange(other.open_, false)), unicode_(other.unicode_), colour_(other.colour_) {}

TopScreen::~TopScreen() {
    if (open_) endwin();
}

int TopScreen::key() {
    return getch();
}

void TopScreen::draw_pane(const TopModel &model, TopState &state, Pane pane, const Box &box) {
    if (box.lines <= 0) return;
    const int number = static_cast<int>(pane);
    const auto lines = lines_of(model.table(pane, state.view).text(0, false));
    const int content = static_cast<int>(lines.size()) - 1, room = box.lines - 1;
    int &scrolled = state.scroll[number];
    scrolled = std::clamp(scrolled, 0, std::max(0, content - room));
    const bool focused = pane == state.focus;
    put(box.top, lines[0], A_REVERSE | (focused ? A_BOLD : A_DIM), true);
    for (int i = 0; i < room && scrolled + i < content; ++i)
        put(box.top + 1 + i,
            lines[1 + static_cast<std::size_t>(scrolled) + static_cast<std::size_t>(i)]);
}

void TopScreen::draw(const TopModel &model, TopState &state) {
    erase();
    const attr_t title = A_BOLD | (colour_ ? COLOR_PAIR(title_colours) : 0);
    const attr_t alarm = A_BOLD | (colour_ ? COLOR_PAIR(alarm_colours) : A_REVERSE);
    put(0,
        fmt::format("{}  every {} s{}", model.title(), state.seconds,
                    state.paused ? "  (stands still)" : ""),
        title);
    put(1, model.totals());
    const std::string alarmed = model.alarm();
    if (!alarmed.empty()) put(1, alarmed, alarm);

    const int lines = LINES - head_lines - foot_lines;
    std::vector<int> wanted;
    for (const Pane pane : panes)
        wanted.push_back(static_cast<int>(model.table(pane, state.view).size()) + 1);
    const auto boxes = layout(lines, wanted, static_cast<int>(state.focus), state.zoom);
    for (const Pane pane : panes) {
        Box box = boxes[static_cast<std::size_t>(pane)];
        box.top += head_lines;
        draw_pane(model, state, pane, box);
    }
    const int focus = static_cast<int>(state.focus);
    const char *sort =
        sort_names(state.focus, state.view.by)[static_cast<std::size_t>(state.view.sort[focus])];
    put(LINES - 1,
        state.typing ? fmt::format("show only: {}_", state.view.filter)
                     : fmt::format("by {}{}{}  Tab pane  s sort  / filter  h help  q quit", sort,
                                   state.view.reverse[focus] ? ", reversed" : "",
                                   state.view.filter.empty() ? "" : "  with " + state.view.filter),
        A_BOLD);
    if (state.help) {
        erase();
        int line = 0;
        for (const char *text : help_lines) put(line++, text);
    }
    refresh();
}

}  // namespace pm::show

// SPDX-License-Identifier: Apache-2.0
// The screen of `top`: where its panes are, what its keys do, and ncurses, which draws it.
#pragma once

#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/show/top_model.h"

namespace pm::show {

// The lines of a pane, counted from below the head of the screen. Lines 0: it is not shown.
struct Box {
    int top = 0, lines = 0;
};
// Divides `lines` among the panes. `wanted`: the lines that each could fill, its title included.
// With `zoom`, or where there is no room for all, the pane in focus gets all lines.
std::vector<Box> layout(int lines, const std::vector<int> &wanted, int focus, bool zoom);

struct TopState {
    TopView view;
    Pane focus = Pane::rows;
    int scroll[pane_count] = {};
    bool zoom = false, paused = false, help = false;
    bool typing = false;   // keys are letters of the filter
    unsigned seconds = 2;  // between two looks
    bool quit = false;
};

// Does what the key says; `key` is as TopScreen::key() gives it. True: the screen must be drawn
// anew.
bool obey(int key, TopState &state);

// While it is open, the terminal belongs to ncurses; its destructor gives the terminal back. What
// was moved from is closed.
class TopScreen {
public:
    static Result<TopScreen> open(bool colour);
    TopScreen(const TopScreen &) = delete;
    TopScreen &operator=(const TopScreen &) = delete;
    TopScreen(TopScreen &&other) noexcept;
    TopScreen &operator=(TopScreen &&) = delete;
    ~TopScreen();

    bool unicode() const { return unicode_; }
    int key();  // the next key that was pressed, as ncurses calls it; -1: none
    void draw(const TopModel &model, TopState &state);

private:
    TopScreen() = default;
    void draw_pane(const TopModel &model, TopState &state, Pane pane, const Box &box);

    bool open_ = false, unicode_ = false, colour_ = false;
};

}  // namespace pm::show

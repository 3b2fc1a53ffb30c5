// SPDX-License-Identifier: Apache-2.0
// The screen of `top`: where things stand, and ncurses, which draws them. The terminal is given
// back when the screen goes.
#pragma once

#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/show/top_model.h"

namespace pm::show {

// Where the panes stand, in lines between top and bottom line: `wanted` are the lines that each
// could fill, its title included. Where there is no room for all, or with `zoom`, the pane in
// focus has everything. Lines 0: it is not shown.
struct Box {
    int top = 0, lines = 0;
};
std::vector<Box> layout(int lines, const std::vector<int> &wanted, int focus, bool zoom);

struct TopState {
    TopView view;
    Pane focus = Pane::rows;
    int scroll[pane_count] = {};
    bool zoom = false, paused = false, help = false;
    bool typing = false;  // the filter
    unsigned seconds = 2;
    bool quit = false;
};

// What a key does. `key` is what ncurses calls it. True: something changed.
bool obey(int key, TopState &state);

class TopScreen {
public:
    static Result<TopScreen> open(bool colour);
    TopScreen(TopScreen &&other) noexcept;
    ~TopScreen();

    bool unicode() const { return unicode_; }
    int key();  // that was pressed; -1: none
    void draw(const TopModel &model, TopState &state);

private:
    TopScreen() = default;
    void draw_pane(const TopModel &model, TopState &state, Pane pane, const Box &box);

    bool open_ = true, unicode_ = false, colour_ = false;
};

}  // namespace pm::show

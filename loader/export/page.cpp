// SPDX-License-Identifier: Apache-2.0
#include "loader/export/page.h"

#include <string_view>

// The bytes of a file of loader/export/page as `extern const char NAME[], NAME_end[]`.
#define PM_EMBED(name, file)                                                                 \
    asm(".section .rodata\n.global " #name ", " #name "_end\n" #name ":\n.incbin \"" PM_PAGE \
        "/" file "\"\n" #name "_end:\n.byte 0\n.previous\n");                                \
    extern "C" const char name[], name##_end[];

PM_EMBED(pm_page_html, "index.html")
PM_EMBED(pm_page_css, "page.css")
PM_EMBED(pm_page_js, "page.js")
PM_EMBED(pm_page_icon, "icon.svg")

namespace pm::exporter {
namespace {

struct File {
    std::string_view path;
    const char *type, *begin, *end;
};

const File files[] = {
    {"/", "text/html; charset=utf-8", pm_page_html, pm_page_html_end},
    {"/page.css", "text/css; charset=utf-8", pm_page_css, pm_page_css_end},
    {"/page.js", "text/javascript; charset=utf-8", pm_page_js, pm_page_js_end},
    {"/icon.svg", "image/svg+xml", pm_page_icon, pm_page_icon_end},
};

}  // namespace

std::optional<Reply> page_file(const std::string &path) {
    for (const File &file : files)
        if (file.path == path) return text_reply(200, {file.begin, file.end}, file.type);
    return std::nullopt;
}

}  // namespace pm::exporter

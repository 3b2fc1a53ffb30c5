// SPDX-License-Identifier: Apache-2.0
// Reading: an image may come from a map that somebody else wrote, or be overwritten while it is
// read. So each part is copied first, and checked before it is used.
#include "policy/image/catalog.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "policy/model/date.h"
#include "policy/model/print.h"
#include "policy/model/transports.h"

namespace pm {
namespace {

constexpr std::size_t sha256_size = sizeof pm_image{}.sha256;

static_assert(static_cast<int>(Check::Payload::none) == PM_CHECK_NONE &&
              static_cast<int>(Check::Payload::tls) == PM_CHECK_TLS &&
              static_cast<int>(Check::Payload::stun) == PM_CHECK_STUN &&
              static_cast<int>(Check::Payload::msturn) == PM_CHECK_MSTURN &&
              static_cast<int>(Check::Payload::rtp) == PM_CHECK_RTP &&
              static_cast<int>(Check::Payload::sip) == PM_CHECK_SIP);

// In the order of enum pm_row_text; read_row() has the same.
std::vector<std::string> row_texts(const Row &row) {
    return {row.id,
            row.role,
            row.protocol,
            transports_text(row, ","),
            to_string(row.port),
            row.port.empty() ? "" : to_string(row.source_port),
            row.source,
            row.destination,
            row.owner,
            row.ticket,
            date_text(row.expires)};
}

// A flow costs at least a microsecond, since 0 means that there is no limit.
std::uint32_t interval(const Limit &limit) {
    if (limit.flows == 0) return 0;
    return std::max<std::uint32_t>(1, 1000000 * limit.per_seconds / limit.flows);
}

pm_row to_row(const Row &row, std::uint16_t slot, std::uint32_t text) {
    pm_row out{};
    unsigned flags = 0;
    if (row.section == Section::failsafe) flags |= PM_ROW_FAILSAFE;
    if (row.direction == Direction::out) flags |= PM_ROW_OUT;
    if (row.check.drop) flags |= PM_ROW_CHECK_DROPS;
    if (row.limit.per_row) flags |= PM_ROW_LIMIT_ROW;
    out.slot = slot;
    out.flags = static_cast<std::uint8_t>(flags);
    out.check = static_cast<std::uint8_t>(row.check.payload);
    out.limit_interval = interval(row.limit);
    out.limit_burst = row.limit.burst;
    out.text = text;
    return out;
}

void append_text(std::string &catalog, const std::string &text) {
    catalog.append(text, 0, text.find('\0'));  // a NUL would end it here too
    catalog.push_back('\0');
}

int hex_digit(char c) {
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

void write_sha256(const std::string &hex, __u8 (&bytes)[sha256_size]) {
    for (std::size_t i = 0; i < sha256_size; ++i)
        bytes[i] =
            static_cast<std::uint8_t>(hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]));
}

}  // namespace

void write_catalog(const Policy &policy, const std::vector<std::uint16_t> &slots, Writer &writer,
                   pm_image &header) {
    std::string catalog;
    std::vector<pm_row> rows;
    append_text(catalog, policy.name);
    for (const InterfaceDef &one : policy.interfaces) append_text(catalog, one.name);
    header.named_zones = static_cast<std::uint32_t>(policy.interfaces.size());
    for (std::size_t i = 0; i < policy.rows.size(); ++i) {
        rows.push_back(
            to_row(policy.rows[i], slots[i], static_cast<std::uint32_t>(catalog.size())));
        for (const std::string &text : row_texts(policy.rows[i])) append_text(catalog, text);
    }
    const std::string document = print(policy);

    header.rows = writer.append(rows);
    header.row_count = static_cast<std::uint32_t>(rows.size());
    header.catalog = writer.append(catalog.data(), catalog.size());
    header.catalog_size = static_cast<std::uint32_t>(catalog.size());
    header.name = header.catalog;
    header.document = writer.append(document.data(), document.size());
    header.document_size = static_cast<std::uint32_t>(document.size());
    write_sha256(digest(policy), header.sha256);
    write_sha256(matrix_digest(policy), header.matrix_sha256);
}

namespace {

// Copies texts out of an image, whose declared size bounds them.
class Reader {
public:
    explicit Reader(pm_view view) : view_(view), size_(pm_field(view, pm_image, size)) {}

    bool is_whole() const { return size_ >= sizeof(pm_image) && size_ - 1 <= view_.mask; }
    std::string sha256(std::size_t at) const {
        std::string hex;
        for (std::size_t i = 0; i < sha256_size; ++i)
            hex += fmt::format("{:02x}", pm_load(view_, static_cast<std::uint32_t>(at + i), 1));
        return hex;
    }
    bool holds(std::uint32_t at, std::uint64_t size) const { return at + size <= size_; }
    // Empty if the image does not hold it.
    std::string copy(std::uint32_t at, std::uint32_t size) const {
        if (!holds(at, size)) return {};
        return {reinterpret_cast<const char *>(view_.base) + at, size};
    }

private:
    pm_view view_;
    std::uint32_t size_;
};

// The NUL-terminated text at `at`, which moves behind it; nothing: it does not end.
std::optional<std::string> take_text(const std::string &catalog, std::size_t &at) {
    const std::size_t end = at < catalog.size() ? catalog.find('\0', at) : catalog.npos;
    if (end == catalog.npos) return std::nullopt;
    std::string text = catalog.substr(at, end - at);
    at = end + 1;
    return text;
}

std::optional<CatalogRow> read_row(const pm_row &row, const std::string &catalog,
                                   std::uint32_t version) {
    if (row.slot < PM_FIRST_ROW_SLOT || row.slot >= PM_ROW_SLOTS || row.check > PM_CHECK_SIP)
        return std::nullopt;
    CatalogRow out;
    std::size_t at = row.text;
    std::string expires;
    std::string *const texts[PM_ROW_TEXTS] = {
        &out.id,     &out.role,        &out.protocol, &out.transport, &out.port, &out.source_port,
        &out.source, &out.destination, &out.owner,    &out.ticket,    &expires};
    for (int i = 0; i < (version == PM_IMAGE_OLDEST ? PM_ROW_TEXTS_4 : PM_ROW_TEXTS); ++i) {
        auto taken = take_text(catalog, at);
        if (!taken) return std::nullopt;
        *texts[i] = std::move(*taken);
    }
    if (!expires.empty()) {
        const auto end = parse_date(expires);
        if (!end) return std::nullopt;
        out.expires = *end;
    }
    out.slot = row.slot;
    out.failsafe = row.flags & PM_ROW_FAILSAFE;
    out.direction = row.flags & PM_ROW_OUT ? Direction::out : Direction::in;
    out.check.payload = static_cast<Check::Payload>(row.check);
    out.check.drop = row.flags & PM_ROW_CHECK_DROPS;
    return out;
}

}  // namespace

tl::expected<Catalog, std::string> read_catalog(pm_view view) {
    const Reader reader(view);
    if (pm_field(view, pm_image, magic) != PM_IMAGE_MAGIC)
        return tl::unexpected(std::string{"it is not a compiled policy"});
    const std::uint32_t version = pm_field(view, pm_image, abi);
    if (version < PM_IMAGE_OLDEST || version > PM_IMAGE_VERSION)
        return tl::unexpected(fmt::format("it has layout {}; this program reads layout {}", version,
                                          PM_IMAGE_VERSION));
    const std::uint32_t rows = pm_field(view, pm_image, row_count);
    const std::uint32_t base = pm_field(view, pm_image, catalog);
    const std::uint32_t catalog_size = pm_field(view, pm_image, catalog_size);
    const std::uint32_t document = pm_field(view, pm_image, document);
    const std::uint32_t document_size = pm_field(view, pm_image, document_size);
    if (!reader.is_whole() || rows > PM_ROWS_MAX || !reader.holds(base, catalog_size) ||
        !reader.holds(document, document_size) ||
        !reader.holds(pm_field(view, pm_image, rows), rows * sizeof(pm_row)))
        return tl::unexpected(
            std::string{"the compiled policy is damaged: its parts exceed its size"});

    Catalog out;
    const std::string catalog = reader.copy(base, catalog_size);
    std::size_t name = pm_field(view, pm_image, name) - std::size_t{base};
    auto policy = take_text(catalog, name);
    if (!policy)
        return tl::unexpected(std::string{"the compiled policy is damaged: it has no name"});
    out.policy = std::move(*policy);
    const std::uint32_t zones = pm_field(view, pm_image, named_zones);
    for (std::uint32_t i = 0; i < zones; ++i) {
        auto interface = i < PM_INTERFACES ? take_text(catalog, name) : std::nullopt;
        if (!interface)
            return tl::unexpected(std::string{"the compiled policy is damaged in its interfaces"});
        out.interfaces.push_back(std::move(*interface));
    }
    for (std::uint32_t i = 0; i < rows; ++i) {
        auto row = read_row(pm_row_at(view, i), catalog, version);
        if (!row) return tl::unexpected(fmt::format("the compiled policy is damaged in row {}", i));
        out.rows.push_back(std::move(*row));
    }
    out.document = reader.copy(document, document_size);
    out.sha256 = reader.sha256(offsetof(pm_image, sha256));
    if (version != PM_IMAGE_OLDEST)
        out.matrix_sha256 = reader.sha256(offsetof(pm_image, matrix_sha256));
    out.generation = pm_load(view, offsetof(pm_image, generation), 8);
    out.applied_at = pm_load(view, offsetof(pm_image, applied_at), 8);
    if (pm_field(view, pm_image, flags) & PM_IMAGE_DATES)
        out.utc = pm_load(view, offsetof(pm_image, utc), 8);
    return out;
}

}  // namespace pm

#include "store/nat_record.hpp"

#include <array>
#include <cstring>

namespace proxip::store::nat {

namespace {

constexpr std::size_t head_size = 8;
constexpr std::size_t checksum_size = 4;
// Of a connection: since, service, three ports, three addresses, the VIP with its port, and at the end its end.
constexpr std::size_t service_at = 8;
constexpr std::size_t ports_at = 12;
constexpr std::size_t addresses_at = 18;
constexpr std::size_t least_connection = addresses_at + 3 * 4;

enum Flags : std::uint8_t { udp = 1, v6 = 2, with_vip = 4 };

constexpr std::array<std::uint32_t, 256> make_crc_table() {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < table.size(); ++i) {
        std::uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) {
            value = (value >> 1) ^ ((value & 1) != 0 ? 0xedb88320U : 0U);
        }
        table[i] = value;
    }
    return table;
}
constexpr auto crc_table = make_crc_table();

std::uint32_t crc32(std::string_view bytes) {
    std::uint32_t value = ~0U;
    for (const char byte : bytes) {
        value = crc_table[(value ^ static_cast<std::uint8_t>(byte)) & 0xff] ^ (value >> 8);
    }
    return ~value;
}

template <typename T>
void put(std::string& out, T value) {
    std::array<char, sizeof value> bytes{};
    std::memcpy(bytes.data(), &value, sizeof value);
    out.append(bytes.data(), bytes.size());
}

template <typename T>
T get(std::string_view bytes, std::size_t at) {
    T value{};
    if (at + sizeof value <= bytes.size()) {
        std::memcpy(&value, bytes.data() + at, sizeof value);
    }
    return value;
}

// One record: its head is filled in when its body is known.
class Writing {
  public:
    Writing(std::string& out, Kind kind, std::uint8_t flags = 0) : out_(out), begin_(out.size()) {
        out_.append(head_size - 2, '\0');
        put(out_, static_cast<std::uint8_t>(kind));
        put(out_, flags);
    }
    Writing(const Writing&) = delete;
    Writing& operator=(const Writing&) = delete;
    ~Writing() {
        const auto length = static_cast<std::uint16_t>(out_.size() - begin_);
        std::memcpy(out_.data() + begin_ + checksum_size, &length, sizeof length);
        const std::uint32_t sum = crc32(std::string_view(out_).substr(begin_ + checksum_size));
        std::memcpy(out_.data() + begin_, &sum, sizeof sum);
    }

  private:
    std::string& out_;
    std::size_t begin_;
};

std::size_t address_size(std::uint8_t flags) {
    return (flags & v6) != 0 ? 16 : 4;
}

void put_address(std::string& out, const Address& address) {
    out.append(reinterpret_cast<const char*>(address.bytes.data()), address.family == Family::v6 ? 16 : 4);
}

Address get_address(const Seen& seen, std::size_t at) {
    Address out{.family = (seen.flags & v6) != 0 ? Family::v6 : Family::v4};
    const std::size_t size = address_size(seen.flags);
    if (at + size <= seen.body.size()) {
        std::memcpy(out.bytes.data(), seen.body.data() + at, size);
    }
    return out;
}

SocketAddress get_end(const Seen& seen, std::size_t index) {
    return {.address = get_address(seen, addresses_at + index * address_size(seen.flags)),
            .port = get<std::uint16_t>(seen.body, ports_at + index * sizeof(std::uint16_t))};
}

bool is_connection(Kind kind) {
    return kind == Kind::opened || kind == Kind::closed;
}

} // namespace

void write_connection(std::string& out, const NatRecord& record, std::uint32_t service) {
    const auto flags =
        static_cast<std::uint8_t>((record.protocol == Protocol::udp ? udp : 0) |
                                  (record.client.address.family == Family::v6 ? v6 : 0) | (record.vip ? with_vip : 0));
    const Writing writing(out, record.opened ? Kind::opened : Kind::closed, flags);
    put(out, record.since_ns);
    put(out, service);
    for (const SocketAddress* end : {&record.client, &record.proxy, &record.backend}) {
        put(out, end->port);
    }
    for (const SocketAddress* end : {&record.client, &record.proxy, &record.backend}) {
        put_address(out, end->address);
    }
    if (record.vip) {
        put_address(out, record.vip->address);
        put(out, record.vip->port);
    }
    if (!record.opened) {
        put(out, record.at_ns);
    }
}

void write_clock(std::string& out, std::int64_t offset_ns) {
    const Writing writing(out, Kind::clock);
    put(out, offset_ns);
}

void write_name(std::string& out, std::uint32_t number, std::string_view name) {
    const Writing writing(out, Kind::name);
    put(out, number);
    out.append(name);
}

void write_begun(std::string& out, Moment at) {
    const Writing writing(out, Kind::begun);
    put(out, std::int64_t{at.time_since_epoch().count()});
}

void write_lost(std::string& out, Moment at, std::uint64_t in_all) {
    const Writing writing(out, Kind::lost);
    put(out, std::int64_t{at.time_since_epoch().count()});
    put(out, in_all);
}

std::optional<Seen> first_record(std::string_view bytes) {
    if (bytes.size() < head_size) {
        return std::nullopt;
    }
    const std::size_t length = get<std::uint16_t>(bytes, checksum_size);
    const auto kind = static_cast<Kind>(bytes[checksum_size + 2]);
    if (length < head_size || length > bytes.size() || (is_connection(kind) && length < head_size + least_connection)) {
        return std::nullopt;
    }
    return Seen{.kind = kind,
                .flags = static_cast<std::uint8_t>(bytes[checksum_size + 3]),
                .body = bytes.substr(head_size, length - head_size),
                .whole = bytes.substr(0, length)};
}

bool is_sound(const Seen& seen) {
    return get<std::uint32_t>(seen.whole, 0) == crc32(seen.whole.substr(checksum_size));
}

bool is_of(const Seen& seen, const SocketAddress& proxy) {
    if (!is_connection(seen.kind) || get<std::uint16_t>(seen.body, ports_at + sizeof(std::uint16_t)) != proxy.port) {
        return false;
    }
    return get_end(seen, 1).address == proxy.address;
}

NatRecord connection_of(const Seen& seen) {
    const std::size_t vip_at = addresses_at + 3 * address_size(seen.flags);
    NatRecord out{.opened = seen.kind == Kind::opened,
                  .protocol = (seen.flags & udp) != 0 ? Protocol::udp : Protocol::tcp,
                  .since_ns = get<std::uint64_t>(seen.body, 0),
                  .at_ns = 0,
                  .client = get_end(seen, 0),
                  .proxy = get_end(seen, 1),
                  .backend = get_end(seen, 2),
                  .vip = {},
                  .service = {}};
    if ((seen.flags & with_vip) != 0) {
        out.vip = {get_address(seen, vip_at), get<std::uint16_t>(seen.body, vip_at + address_size(seen.flags))};
    }
    if (!out.opened && seen.body.size() >= sizeof out.at_ns) {
        out.at_ns = get<std::uint64_t>(seen.body, seen.body.size() - sizeof out.at_ns);
    }
    return out;
}

std::uint32_t service_of(const Seen& seen) {
    return get<std::uint32_t>(seen.body, service_at);
}

std::int64_t number_of(const Seen& seen) {
    return get<std::int64_t>(seen.body, 0);
}

std::uint64_t lost_of(const Seen& seen) {
    return get<std::uint64_t>(seen.body, sizeof(std::int64_t));
}

std::pair<std::uint32_t, std::string_view> name_of(const Seen& seen) {
    return {get<std::uint32_t>(seen.body, 0), seen.body.substr(std::min(seen.body.size(), sizeof(std::uint32_t)))};
}

} // namespace proxip::store::nat

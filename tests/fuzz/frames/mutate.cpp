#include <algorithm>

#include "fuzz/frames/generate.hpp"
#include "fuzz/frames/reading.hpp"

namespace proxip::fuzz {

namespace {

constexpr std::size_t least = 14; // bytes that BPF_PROG_RUN takes
constexpr std::size_t most = 3400;

// Mostly where headers are.
std::size_t place(const Bytes& bytes, Random& random) {
    const std::size_t headers = std::min<std::size_t>(bytes.size(), random.one_in(4) ? bytes.size() : 94);
    return random.below<std::size_t>(headers);
}

void flip(Bytes& bytes, Random& random) {
    bytes[place(bytes, random)] ^= static_cast<std::uint8_t>(1U << random.below(8));
}

void overwrite(Bytes& bytes, Random& random) {
    bytes[place(bytes, random)] = random.of<std::uint8_t>({0, 1, 0x7f, 0x80, 0xff, random.any<std::uint8_t>()});
}

void truncate(Bytes& bytes, Random& random) {
    bytes.resize(std::max(least, random.below<std::size_t>(bytes.size() + 1)));
}

void extend(Bytes& bytes, Random& random) {
    bytes.resize(std::min(most, bytes.size() + 1 + random.below<std::size_t>(random.one_in(10) ? 2000 : 64)),
                 random.any<std::uint8_t>());
}

void nudge(Bytes& bytes, std::size_t at, Random& random) {
    if (at + 2 <= bytes.size()) {
        set16(bytes, at, get16(bytes, at) + random.of<unsigned>({1, 2, 8, 20, 0xffff, 0xfffe, 0xfff8, 0x8000}));
    }
}

// Total length, header length, payload length; of TCP, UDP, and extension headers.
void change_a_length(Bytes& bytes, Random& random) {
    const Reading r = read(bytes, {});
    constexpr std::size_t ip = 14;
    const bool v6 = get16(bytes, 12) == 0x86dd;
    const std::size_t l4 = r.l4 != 0 ? r.l4 : ip + (v6 ? 40U : 20U);
    switch (random.below(4)) {
    case 0: nudge(bytes, ip + (v6 ? 4U : 2U), random); break;
    case 1: bytes[ip < bytes.size() ? ip : 0] = random.any<std::uint8_t>(); break;
    case 2: nudge(bytes, l4 + 4, random); break;
    default: {
        const std::size_t at = l4 + (v6 && random.one_in(2) ? 1U : 12U);
        if (at < bytes.size()) {
            bytes[at] = random.any<std::uint8_t>();
        }
    }
    }
}

// Pieces of IPv4, or next headers: what decides how the rest is read.
void change_a_kind(Bytes& bytes, Random& random) {
    const bool v6 = bytes.size() > least && get16(bytes, 12) == 0x86dd;
    if (!v6 && random.one_in(2)) {
        nudge(bytes, 20, random);
        return;
    }
    const std::size_t at = v6 ? random.of<std::size_t>({20, 54, 62}) : 23;
    if (at < bytes.size()) {
        bytes[at] = random.of<std::uint8_t>({0, 1, 6, 17, 43, 44, 50, 51, 58, 59, 60, 135});
    }
}

// Two stretches of the same size change places.
void swap_stretches(Bytes& bytes, Random& random) {
    const auto size = random.of<std::size_t>({2, 4, 8, 16, 20, 40});
    if (bytes.size() < least + 2 * size) {
        return;
    }
    const std::size_t near = std::min<std::size_t>(bytes.size() - least - 2 * size, 120);
    const std::size_t a = least + random.below<std::size_t>(near + 1);
    const std::size_t b = a + size + random.below<std::size_t>(bytes.size() - a - 2 * size + 1);
    const auto at = [&](std::size_t offset) { return bytes.begin() + static_cast<std::ptrdiff_t>(offset); };
    std::swap_ranges(at(a), at(a + size), at(b));
}

// A stretch comes twice: headers in headers.
void repeat_a_stretch(Bytes& bytes, Random& random) {
    const auto size = random.of<std::size_t>({4, 8, 20, 40});
    if (bytes.size() < least + size || bytes.size() + size > most) {
        return;
    }
    const auto from = static_cast<std::ptrdiff_t>(least + random.below<std::size_t>(bytes.size() - least - size + 1));
    const Bytes again(bytes.begin() + from, bytes.begin() + from + static_cast<std::ptrdiff_t>(size));
    bytes.insert(bytes.begin() + from, again.begin(), again.end());
}

void change(Bytes& bytes, Random& random) {
    switch (random.below(9)) {
    case 0:
    case 1: flip(bytes, random); break;
    case 2: overwrite(bytes, random); break;
    case 3: truncate(bytes, random); break;
    case 4: extend(bytes, random); break;
    case 5: change_a_length(bytes, random); break;
    case 6: change_a_kind(bytes, random); break;
    case 7: swap_stretches(bytes, random); break;
    default: repeat_a_stretch(bytes, random);
    }
}

// Lies with right sums go further.
void repair(Bytes& bytes, const Mac& own) {
    const Reading r = read(bytes, own);
    if (r.has_addresses && !r.v6 && r.l4 >= r.ip + 20 && r.l4 <= bytes.size()) {
        set16(bytes, r.ip + 10, get16(bytes, r.ip + 10) + 0xffffU - header_excess(bytes, r));
    }
    if (r.kind != Kind::icmp && r.kind != Kind::flow) {
        return;
    }
    const Reading q = read_quote(bytes, r.l4 + 8, r.l4 + r.l4_bytes, r.v6);
    if (r.kind == Kind::icmp && !r.v6 && q.kind == Kind::flow) {
        set16(bytes, q.ip + 10, (get16(bytes, q.ip + 10) + 0xffffU - header_excess(bytes, q)) % 0xffff);
    }
    const std::size_t at = r.l4_checksum();
    set16(bytes, at, (get16(bytes, at) + 0xffffU - l4_excess(bytes, r, r.l4_bytes)) % 0xffff);
}

} // namespace

void mutate(Arriving& arriving, Random& random) {
    Bytes& bytes = arriving.frame.bytes;
    if (random.one_in(3)) {
        return;
    }
    for (auto left = random.of({1, 1, 1, 2, 3, 5}); left > 0; --left) {
        change(bytes, random);
    }
    if (random.one_in(2)) {
        repair(bytes, mac_of(arriving.side));
    }
    if (random.one_in(50)) {
        arriving.side = arriving.side == Side::front ? Side::back : Side::front;
    }
}

} // namespace proxip::fuzz

#include "model/tcp_flags.hpp"

#include <algorithm>
#include <array>

#include "model/text.hpp"

namespace proxip {

namespace {

struct Flag {
    std::string_view name;
    std::uint8_t bit;
};

constexpr auto flags =
    std::to_array<Flag>({{"fin", 0x01}, {"syn", 0x02}, {"rst", 0x04}, {"psh", 0x08}, {"ack", 0x10}, {"urg", 0x20}});
constexpr std::string_view no_flags = "none";

} // namespace

Result<TcpFlags> TcpFlags::parse(std::string_view text) {
    TcpFlags out;
    if (text == no_flags) {
        return out;
    }
    for (std::string_view rest = text;;) {
        const auto comma = rest.find(',');
        const auto* flag = std::ranges::find(flags, rest.substr(0, comma), &Flag::name);
        if (flag == flags.end() || (out.bits & flag->bit) != 0) {
            return unfit(quote(text),
                         "TCP flags, each once: fin, syn, rst, psh, ack, urg, with a comma between; or none");
        }
        out.bits = static_cast<std::uint8_t>(out.bits | flag->bit);
        if (comma == std::string_view::npos) {
            return out;
        }
        rest.remove_prefix(comma + 1);
    }
}

std::string TcpFlags::text() const {
    std::string out;
    for (const Flag& flag : flags) {
        if ((bits & flag.bit) != 0) {
            out.append(out.empty() ? "" : ",").append(flag.name);
        }
    }
    return out.empty() ? std::string(no_flags) : out;
}

} // namespace proxip

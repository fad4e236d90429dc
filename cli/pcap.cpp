#include "cli/pcap.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <ostream>

#include <fmt/format.h>

#include "api/base64.hpp"
#include "api/version.hpp"
#include "cli/render_follow.hpp"

namespace proxip::cli {
namespace {

// Block types and options, by their names there.
constexpr std::uint32_t section_header = 0x0a0d0d0a;
constexpr std::uint32_t interface_description = 1;
constexpr std::uint32_t enhanced_packet = 6;
constexpr std::uint32_t byte_order_magic = 0x1a2b3c4d; // in this host's order: a reader finds it out
constexpr std::uint16_t opt_endofopt = 0;
constexpr std::uint16_t opt_comment = 1;
constexpr std::uint16_t shb_userappl = 4;
constexpr std::uint16_t if_name = 2;
constexpr std::uint16_t if_tsresol = 9;
constexpr std::uint16_t epb_flags = 2;
constexpr std::uint16_t linktype_ethernet = 1;
constexpr std::uint8_t nanoseconds = 9; // if_tsresol: a power of ten

template <typename T>
void put(std::string& body, T value) {
    const auto bytes = std::bit_cast<std::array<char, sizeof(T)>>(value);
    body.append(bytes.data(), bytes.size());
}

void pad(std::string& body) { // to 32 bits
    body.append((4 - body.size() % 4) % 4, '\0');
}

void put_option(std::string& body, std::uint16_t code, std::string_view value) {
    constexpr std::size_t longest = 0xfff0;
    value = value.substr(0, longest);
    put(body, code);
    put(body, static_cast<std::uint16_t>(value.size()));
    body += value;
    pad(body);
}

void end_options(std::string& body) {
    put_option(body, opt_endofopt, {});
}

} // namespace

PcapWriter::PcapWriter(std::ostream& out, std::uint32_t snaplen) : out_(out), snaplen_(snaplen) {
    std::string body;
    put(body, byte_order_magic);
    put(body, std::uint16_t{1}); // version 1.0
    put(body, std::uint16_t{0});
    put(body, ~std::uint64_t{0}); // the section's length: not known
    put_option(body, shb_userappl, fmt::format("lbctl {}", api::version()));
    end_options(body);
    put_block(section_header, body);
}

Result<void> PcapWriter::write(const api::Packet& packet) {
    const auto in = api::from_base64(packet.frame.value_or(""));
    const auto out = api::from_base64(packet.out_frame.value_or(""));
    if (!in || !out) {
        return fail(ErrorCode::failed, "the agent sent a frame that is not base64");
    }
    if (!in->empty()) {
        put_frame({.nanos = packet.nanos,
                   .interface = interface_of(packet.interface),
                   .length = packet.length,
                   .direction = Direction::in,
                   .bytes = *in},
                  verdict_text(packet));
    }
    if (!out->empty()) {
        const std::string& leaves = packet.next_hop ? packet.next_hop->interface : packet.interface;
        put_frame({.nanos = packet.nanos,
                   .interface = interface_of(leaves),
                   .length = packet.out_length,
                   .direction = Direction::out,
                   .bytes = *out},
                  verdict_text(packet));
    }
    return {};
}

std::uint32_t PcapWriter::interface_of(const std::string& name) {
    const auto [known, added] = interfaces_.try_emplace(name, static_cast<std::uint32_t>(interfaces_.size()));
    if (added) {
        std::string body;
        put(body, linktype_ethernet);
        put(body, std::uint16_t{0});
        put(body, snaplen_);
        put_option(body, if_name, name);
        put_option(body, if_tsresol, std::string_view(reinterpret_cast<const char*>(&nanoseconds), 1));
        end_options(body);
        put_block(interface_description, body);
    }
    return known->second;
}

void PcapWriter::put_frame(const Frame& frame, std::string_view comment) {
    std::string body;
    put(body, frame.interface);
    put(body, static_cast<std::uint32_t>(frame.nanos >> 32));
    put(body, static_cast<std::uint32_t>(frame.nanos));
    put(body, static_cast<std::uint32_t>(frame.bytes.size()));
    put(body, std::max(frame.length, static_cast<std::uint32_t>(frame.bytes.size())));
    body.append(reinterpret_cast<const char*>(frame.bytes.data()), frame.bytes.size());
    pad(body);
    std::string flags;
    put(flags, static_cast<std::uint32_t>(frame.direction));
    put_option(body, epb_flags, flags);
    put_option(body, opt_comment, comment);
    end_options(body);
    put_block(enhanced_packet, body);
}

void PcapWriter::put_block(std::uint32_t type, const std::string& body) {
    constexpr std::size_t around = 12; // type, and the length before and behind
    const auto length = static_cast<std::uint32_t>(body.size() + around);
    std::string block;
    put(block, type);
    put(block, length);
    block += body;
    put(block, length);
    out_.write(block.data(), static_cast<std::streamsize>(block.size()));
}

} // namespace proxip::cli

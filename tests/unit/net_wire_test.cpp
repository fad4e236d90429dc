#include <catch2/catch.hpp>

#include "net/ndp.hpp"
#include "net_scene.hpp"

using namespace std::chrono_literals;
using namespace proxip::net::test;
using proxip::Address;
using proxip::Family;
using proxip::net::announcement;
using proxip::net::Frame;
using proxip::net::probe;
using proxip::net::Wire;

namespace {

Frame frame_with(Frame frame, std::size_t offset, std::uint8_t byte) {
    frame.at(offset) = byte;
    return frame;
}

} // namespace

TEST_CASE("an IPv6 wire brings probes and advertisements, and nothing else from the kernel", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    Scene scene(Family::v6);
    std::vector<Frame> heard;
    std::shared_ptr<Wire> wire;
    {
        const Inside near(scene.pair.near);
        wire = Wire::open(scene.loop, scene.vip().link, Family::v6, [&heard](std::span<const std::uint8_t> frame) {
                   if (frame[11] == far_mac[5] && frame[62] == 0x20) { // not of a link-local address
                       heard.emplace_back(frame.begin(), frame.end());
                   }
               }).value();
    }
    const Frame probed = probe(far_mac, scene.address());
    const Frame announced = announcement(far_mac, scene.address());
    for (const std::size_t offset : {22U, 26U, 30U, 34U}) { // a question: some part of its source is not zero
        REQUIRE(scene.far_wire->send(frame_with(probed, offset, 1)));
    }
    REQUIRE(scene.far_wire->send(frame_with(probed, 20, 17)));
    REQUIRE(scene.far_wire->send(frame_with(probed, 54, 133)));
    REQUIRE(scene.far_wire->send(frame_with(announced, 21, 254)));
    REQUIRE(scene.far_wire->send(frame_with(announced, 55, 1)));
    REQUIRE(scene.far_wire->send(probed));
    REQUIRE(scene.far_wire->send(announced));
    REQUIRE(scene.until([&] { return heard.size() >= 2; }));
    CHECK(heard == std::vector{probed, announced});
    wire->stop();
}

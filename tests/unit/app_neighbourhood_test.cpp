// Next hops and claims as the kernel's routing has them, with a data plane that only remembers what it is told.

#include <fstream>
#include <functional>
#include <map>
#include <sstream>

#include <catch2/catch.hpp>

#include "app/neighbourhood.hpp"
#include "net/statement.hpp"
#include "net/wire.hpp"
#include "net_namespace.hpp"
#include "policy/image.hpp"

using namespace std::chrono_literals;
using namespace proxip::net::test;
using proxip::Address;
using proxip::AddressRange;
using proxip::Config;
using proxip::Result;
using proxip::Service;
using proxip::ServiceAddress;
using proxip::SocketAddress;
using proxip::XdpMode;
using proxip::app::Neighbourhood;
using proxip::dataplane::Attachment;
using proxip::dataplane::Local;
using proxip::dataplane::Mac;
using proxip::dataplane::Path;
namespace abi = proxip::abi;
namespace dataplane = proxip::dataplane;
namespace policy = proxip::policy;

namespace {

constexpr Mac gateway_mac{0x02, 0, 0, 0, 0, 0x02};

class Memory final : public dataplane::Dataplane {
  public:
    std::map<policy::Id, Path> paths;
    std::map<Address, Local> locals;
    std::function<void()> before_locals = [] {};

    [[nodiscard]] std::uint64_t generation() const override { return 0; }
    [[nodiscard]] std::uint32_t max_connections() const override { return 0; }
    [[nodiscard]] Result<policy::Identities> identities() const override { return policy::Identities{}; }
    [[nodiscard]] policy::References open_references() const override { return {}; }
    [[nodiscard]] Result<void> install(const policy::Image&, std::uint64_t) override { return {}; }
    void clear(const policy::References&) override {}
    [[nodiscard]] Result<void> set_link(const dataplane::Link&) override { return {}; }
    void forget_link(std::uint32_t) override {}
    void set_path(policy::Id endpoint, const Path& path) override { paths[endpoint] = path; }
    [[nodiscard]] Result<void> set_locals(const std::map<Address, Local>& all) override {
        before_locals();
        locals = all;
        return {};
    }
    void probe_redirect(std::uint32_t) override {}
    [[nodiscard]] bool takes_redirects(std::uint32_t) const override { return true; }
    [[nodiscard]] Result<XdpMode> attach(std::uint32_t index, XdpMode) override {
        std::erase_if(attached_, [index](const Attachment& one) { return one.index == index; });
        attached_.push_back({.index = index, .mode = XdpMode::native});
        return XdpMode::native;
    }
    void detach(std::uint32_t index) override {
        std::erase_if(attached_, [index](const Attachment& one) { return one.index == index; });
    }
    [[nodiscard]] std::vector<Attachment> attachments() const override { return attached_; }
    std::size_t end_connections(const std::function<bool(const dataplane::Connection&)>&) override { return 0; }
    bool go_on_ending() override { return false; }
    void await_endings(std::chrono::milliseconds) const override {}
    void tell_nat(bool) override {}
    [[nodiscard]] bool tells_nat() const override { return false; }
    void read_nat_events(const std::function<void(const dataplane::NatEvent&)>&) override {}
    [[nodiscard]] std::uint64_t nat_events_lost() const override { return 0; }
    [[nodiscard]] std::uint64_t nat_buffer() const override { return 0; }
    [[nodiscard]] std::map<std::string, std::uint64_t> drops() const override { return {}; }
    [[nodiscard]] std::map<std::string, std::uint64_t> events() const override { return {}; }
    [[nodiscard]] std::uint64_t live_connections() const override { return 0; }
    void each_connection(const std::function<bool(const dataplane::Connection&)>&) const override {}
    void each_unanswered(const std::function<bool(const dataplane::Connection&)>&) const override {}
    [[nodiscard]] double seconds_since_sweep() const override { return 0; }
    std::uint32_t sample_connections(std::uint32_t,
                                     const std::function<void(const dataplane::Connection&)>&) const override {
        return 1;
    }
    [[nodiscard]] dataplane::BindingCounts counts(policy::Id) const override { return {}; }
    [[nodiscard]] bool is_down(policy::Id) const override { return false; }
    [[nodiscard]] std::vector<dataplane::RingUse> ring_use(const std::vector<policy::Id>&) const override { return {}; }
    [[nodiscard]] Result<dataplane::Decision> explain(const dataplane::Question&) const override {
        return dataplane::Decision{};
    }
    [[nodiscard]] Result<std::unique_ptr<dataplane::Tracer>> trace(const dataplane::TraceOrder&) override {
        return proxip::fail(proxip::ErrorCode::refused, "nothing passes here");
    }
    [[nodiscard]] std::uint32_t link_of(const abi::abi_hop&) const override { return 0; }

  private:
    std::vector<Attachment> attached_;
};

// "near" and "far" with the links of one more pair, "near2" and "far2"; all is done in "near".
struct Town {
    Pair pair;
    boost::asio::io_context loop;
    Memory memory;
    proxip::app::Events events;
    Config config;
    policy::Identities ids;
    std::unique_ptr<Inside> inside;
    std::unique_ptr<Neighbourhood> neighbourhood;

    Town() {
        pair.near.run(fmt::format("ip link add near2 type veth peer name far2 netns {} && ip link set near2 up && "
                                  "ip addr add 2001:db8::1/64 dev near nodad && ip addr add 10.1.0.1/24 dev near && "
                                  "ip addr add 2001:db8:2::1/64 dev near2 nodad",
                                  pair.far.path()));
        pair.far.run("ip link set far2 up && ip addr add fe80::2/64 dev far nodad && "
                     "ip addr add 2001:db8::11/64 dev far nodad");
        inside = std::make_unique<Inside>(pair.near);
        neighbourhood = Neighbourhood::start(loop, memory, events).value();
        config.agent.interfaces = {{.name = "near", .xdp_mode = {}}, {.name = "near2", .xdp_mode = {}}};
    }

    void serve(const char* vip, const char* backend) {
        Service service;
        service.name = fmt::format("s{}", config.services.size());
        service.address = ServiceAddress::parse(vip).value();
        service.snat = proxip::Snat::never;
        service.backends = {{.address = SocketAddress::parse(backend).value(), .enabled = {}}};
        config.services.push_back(std::move(service));
    }
    void follow(bool ours_already = true) {
        REQUIRE(policy::compile(config, [](const auto&, const auto&) { return true; }, ids, 1));
        REQUIRE(neighbourhood->attach(config.agent, {}));
        neighbourhood->follow(config, ids, ours_already);
    }
    [[nodiscard]] std::optional<Path::Hop> hop(const char* backend) {
        const auto id = ids.endpoints.find({.address = SocketAddress::parse(backend).value()});
        return memory.paths.at(id.value()).hop;
    }
    [[nodiscard]] std::uint32_t index(const char* name) const { return neighbourhood->link_named(name).value(); }
    [[nodiscard]] const Local& local(const char* address) { return memory.locals.at(Address::parse(address).value()); }
    template <typename Done>
    [[nodiscard]] bool until(const Done& done) {
        const auto end = std::chrono::steady_clock::now() + 10s;
        while (!done() && std::chrono::steady_clock::now() < end) {
            neighbourhood->refresh();
            loop.restart();
            loop.run_for(20ms);
        }
        return done();
    }
    [[nodiscard]] static bool is_member(const char* link, const char* group) {
        std::ifstream table("/proc/thread-self/net/igmp6");
        for (std::string line; std::getline(table, line);) {
            std::istringstream words(line);
            std::string number;
            std::string name;
            std::string address;
            words >> number >> name >> address;
            if (name == link && address == group) {
                return true;
            }
        }
        return false;
    }
};

} // namespace

TEST_CASE("next hops of IPv6, on the link and by way of link-local gateways", "[app][root]") {
    if (!may_unshare()) {
        return;
    }
    Town town;
    town.pair.near.run("ip route add 2001:db8:9::/64 via fe80::2 dev near && "
                       "ip route add 10.9.0.0/16 via inet6 fe80::2 dev near"); // RFC 5549
    town.serve("tcp://[2001:db8::80]:80", "[2001:db8::11]:80");
    town.serve("tcp://[2001:db8::80]:81", "[2001:db8:9::11]:80");
    town.serve("tcp://10.1.0.80:80", "10.9.0.11:80");
    town.follow();
    for (const char* backend : {"[2001:db8::11]:80", "[2001:db8:9::11]:80", "10.9.0.11:80"}) {
        INFO(backend);
        REQUIRE(town.until([&] { return town.hop(backend).has_value(); }));
        CHECK(town.hop(backend) == Path::Hop{.link = town.index("near"), .mac = gateway_mac});
    }
}

TEST_CASE("the same link-local gateway on two links is two neighbours", "[app][root]") {
    if (!may_unshare()) {
        return;
    }
    Town town;
    town.pair.far.run("ip addr add fe80::2/64 dev far2 nodad && ip link set far2 address 02:00:00:00:00:22");
    town.pair.near.run("ip route add 2001:db8:9::/64 via fe80::2 dev near && "
                       "ip route add 2001:db8:a::/64 via fe80::2 dev near2");
    town.serve("tcp://[2001:db8::80]:80", "[2001:db8:9::11]:80");
    town.serve("tcp://[2001:db8::80]:81", "[2001:db8:a::11]:80");
    town.follow();
    REQUIRE(town.until([&] { return town.hop("[2001:db8:9::11]:80") && town.hop("[2001:db8:a::11]:80"); }));
    CHECK(town.hop("[2001:db8:9::11]:80") == Path::Hop{.link = town.index("near"), .mac = gateway_mac});
    CHECK(town.hop("[2001:db8:a::11]:80") == Path::Hop{.link = town.index("near2"), .mac = {0x02, 0, 0, 0, 0, 0x22}});
}

TEST_CASE("an IPv6 address is claimed where it is on-link, any other everywhere", "[app][root]") {
    if (!may_unshare()) {
        return;
    }
    Town town;
    town.serve("tcp://[2001:db8::80]:80", "[2001:db8::11]:80");
    town.serve("tcp://[2001:db8:7::70]:80", "[2001:db8::11]:80");
    town.config.pools.push_back(
        {.name = "default",
         .addresses = {AddressRange::parse("2001:db8:2::fe").value(), AddressRange::parse("2001:db8::1").value()},
         .exclude_ports = {}});
    town.follow();
    CHECK(town.local("2001:db8::80") == Local{.vip = true, .answer = true, .only_link = town.index("near")});
    CHECK(town.local("2001:db8:2::fe") == Local{.proxy = true, .answer = true, .only_link = town.index("near2")});
    CHECK(town.local("2001:db8:7::70").only_link == 0);
    CHECK(town.local("2001:db8::1").host);

    constexpr const char* on_near = "ff0200000000000000000001ff000080";
    REQUIRE(town.until([&] { return Town::is_member("near", on_near); }));
    REQUIRE(town.until([&] { return Town::is_member("near2", "ff0200000000000000000001ff000070"); }));
    CHECK(Town::is_member("near", "ff0200000000000000000001ff000070"));
    CHECK(Town::is_member("near2", "ff0200000000000000000001ff0000fe"));
    CHECK_FALSE(Town::is_member("near2", on_near));
    CHECK_FALSE(Town::is_member("near", "ff0200000000000000000001ff0000fe"));

    SECTION("again after the link's MTU was too small for IPv6") {
        town.pair.near.run("ip link set near mtu 1200");
        town.neighbourhood->refresh();
        CHECK_FALSE(Town::is_member("near", on_near));
        town.pair.near.run("ip link set near mtu 1500 && ip addr add 2001:db8::1/64 dev near nodad");
        town.neighbourhood->refresh();
        CHECK(Town::is_member("near", on_near));
    }
}

// Whoever hears the announcement may ask, or ping, at once.
TEST_CASE("an address is answered for before it is announced", "[app][root]") {
    if (!may_unshare()) {
        return;
    }
    Town town;
    const auto family = GENERATE(proxip::Family::v4, proxip::Family::v6);
    const bool v4 = family == proxip::Family::v4;
    const char* const vip = v4 ? "10.1.0.80" : "2001:db8::80";
    town.serve(v4 ? "tcp://10.1.0.80:80" : "tcp://[2001:db8::80]:80", v4 ? "10.1.0.11:80" : "[2001:db8::11]:80");

    boost::asio::io_context far_loop;
    bool announced = false;
    std::shared_ptr<proxip::net::Wire> far_wire;
    {
        const Inside far(town.pair.far);
        const auto index = proxip::net::Netlink::open().value()->link("far").value().value().index;
        far_wire = proxip::net::Wire::open(far_loop, index, family, [&](std::span<const std::uint8_t> frame) {
                       const auto said = proxip::net::read_statement(family, frame);
                       announced = announced || (said && !said->probe && said->address.text() == vip);
                   }).value();
    }
    const auto hear = [&] {
        far_loop.restart();
        far_loop.poll();
        return announced;
    };
    std::optional<bool> heard_first;
    town.memory.before_locals = [&] {
        const auto local = town.memory.locals.find(Address::parse(vip).value());
        if (local == town.memory.locals.end() || !local->second.answer) {
            heard_first = hear();
        }
    };
    town.follow(false);
    REQUIRE(town.until([&] { return hear() && town.local(vip).answer; }));
    REQUIRE(heard_first);
    CHECK_FALSE(*heard_first);
}

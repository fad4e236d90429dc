#pragma once

// What comes after the answer to a request that follows: one frame an item, until one side closes. On the wire an item
// is {"event": {...}} or {"packet": {...}}, {"lost": N} where the reader was too slow for N of them, or {"error":
// {...}}, which is the last one.

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "api/messages.hpp"

namespace proxip::api {

[[nodiscard]] bool is_following(const Request& request);

// Something that happened, for people and for scripts.
struct Event {
    std::string time = {};                             // RFC 3339, UTC; set by whoever publishes it
    std::string type;                                  // one of event_types()
    std::string state;                                 // what is so now: "up", "down", "high", "taken", ...
    std::string message;                               // the line that the agent's log has
    std::uint64_t generation = 0;                      // that runs
    std::optional<std::string> service = std::nullopt; // and whichever of these it is about
    std::optional<std::string> backend = std::nullopt;
    std::optional<std::string> interface = std::nullopt;
    std::optional<std::string> address = std::nullopt;
    std::optional<std::string> reason = std::nullopt; // why
    std::optional<std::string> by = std::nullopt;     // "hand", "apply", "reload", "start", "rollback", "timeout"
    std::optional<std::string> caller = std::nullopt; // "uid 0, pid 4711", where somebody asked for it
    std::vector<Change> changes = {};
};

struct EventType {
    std::string_view name;
    std::string_view help;
};
[[nodiscard]] const std::vector<EventType>& event_types();
[[nodiscard]] Result<void> check_event_type(std::string_view name); // the error lists them

// A packet that the data plane had, with what it did with it.
struct Packet {
    struct Tuple {
        std::string source; // with its port, where the protocol has ports
        std::string destination;
    };
    std::string time;        // RFC 3339, UTC, nanoseconds
    std::uint64_t nanos = 0; // the same, since 1970
    std::string interface;   // where it came in
    std::string protocol;    // "tcp", "udp", "icmp", "arp", or its number
    Tuple in;
    std::optional<Tuple> out = std::nullopt; // as it left, or what it was answered with
    std::uint32_t length = 0;                // of the frame as it came
    std::uint32_t out_length = 0;
    std::string flags;   // TCP: "S", "SA", "PA", "FA", "R"
    std::string verdict; // "forward" | "answer" | "drop" | "pass"; "left": no packet of its own,
                         // but the frame that one left as, with `out` alone
    std::string reason;  // a drop reason's name, "connection", "new", ...
    std::optional<std::string> answer = std::nullopt; // as in Explain
    std::optional<std::string> service = std::nullopt;
    std::optional<std::string> direction = std::nullopt; // of the connection: "in" from the client, "out" to it
    std::optional<Explain::NextHop> next_hop = std::nullopt;
    std::optional<std::string> frame = std::nullopt; // base64, of so much as was kept
    std::optional<std::string> out_frame = std::nullopt;
};

struct Lost {
    std::uint64_t count = 0;
};

using Item = std::variant<Event, Packet, Lost, Error>;

[[nodiscard]] nlohmann::json encode(const Item& item);
[[nodiscard]] std::string item_body(const Item& item);
[[nodiscard]] Result<Item> parse_item(std::string_view body);

// What one reader has still to be sent. Bounded, and never waits for the reader: what does not fit is counted, and told
// where it is missing. Belongs to one thread.
class Backlog {
  public:
    struct Limits {
        std::size_t items = 4096;
        std::size_t bytes = 8U << 20;
    };

    Backlog() = default;
    explicit Backlog(Limits limits) : limits_(limits) {}

    void put(std::string body);
    void lose(std::uint64_t count); // lost before they came here
    void end();                     // nothing comes after what is here
    void end(const Error& error);   // and this is why

    // The next body; none: there is nothing now.
    [[nodiscard]] std::optional<std::string> take();
    [[nodiscard]] bool ended() const { return ended_ && bodies_.empty() && lost_ == 0; }
    // Called when there is something to take after there was nothing.
    void when_ready(std::function<void()> ready) { ready_ = std::move(ready); }

  private:
    void push(std::string body);

    Limits limits_;
    std::deque<std::string> bodies_;
    std::size_t bytes_ = 0;
    std::uint64_t lost_ = 0; // since the last body that is here
    bool ended_ = false;
    std::function<void()> ready_;
};

} // namespace proxip::api

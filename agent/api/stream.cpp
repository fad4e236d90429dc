#include "api/stream.hpp"

#include <algorithm>
#include <utility>

#include "api/stream_shapes.hpp"
#include "api/wire.hpp"
#include "model/text.hpp"

namespace proxip::api {
namespace {

template <typename T>
Result<Item> item_from(const Json& value) {
    auto item = from_value<T>(value, Keys::growing);
    if (!item) {
        return std::unexpected(std::move(item.error()));
    }
    return Item{std::move(*item)};
}

} // namespace

bool is_following(const Request& request) {
    return std::holds_alternative<MonitorRequest>(request) || std::holds_alternative<TraceRequest>(request);
}

const std::vector<EventType>& event_types() {
    static const std::vector<EventType> types{
        {"backend", "a backend went up or down, and why"},
        {"service", "who takes a service's new connections: the checks decide, or they do not any more"},
        {"admin", "a backend was drained, disabled or enabled"},
        {"generation", "another configuration runs, by whom, and what it changed"},
        {"leaving", "a removed backend has connections still, or has none any more"},
        {"pressure", "the connection table or the proxy ports towards an endpoint are filling up, or have room again"},
        {"file", "the configuration file was applied or refused"},
        {"interface", "attached, detached, or packets leave it another way"},
        {"next_hop", "the way to a backend: found, moved or lost"},
        {"address", "somebody else has an address of ours, or has it no more"},
        {"agent", "the agent started, with a new data plane or with the one that ran"},
    };
    return types;
}

Result<void> check_event_type(std::string_view name) {
    std::vector<std::string_view> names;
    for (const EventType& type : event_types()) {
        if (type.name == name) {
            return {};
        }
        names.push_back(type.name);
    }
    return unfit(name, alternatives(names));
}

// Absent keys are not written: an event has few of those that it may have.
Json encode(const Item& item) {
    const Writer writer(Nulls::omit);
    return std::visit(
        [&writer](const auto& it) -> Json {
            using T = std::decay_t<decltype(it)>;
            if constexpr (std::same_as<T, Event>) {
                Json value = writer.to_value(it);
                if (it.changes.empty()) {
                    value.erase("changes");
                }
                return Json{{"event", std::move(value)}};
            } else if constexpr (std::same_as<T, Packet>) {
                return Json{{"packet", writer.to_value(it)}};
            } else if constexpr (std::same_as<T, Lost>) {
                return Json{{"lost", it.count}};
            } else {
                return Json{{"error", encode(it)}};
            }
        },
        item);
}

std::string item_body(const Item& item) {
    return encode(item).dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Item> parse_item(std::string_view body) {
    const auto value = parse_json(body);
    if (!value || !value->is_object()) {
        return fail(ErrorCode::failed, "the agent sent what is " + (value ? "not an object" : value.error().message));
    }
    Result<Item> item = fail(ErrorCode::failed, "the agent sent an item of a kind that is not known here");
    if (const auto event = value->find("event"); event != value->end()) {
        item = item_from<Event>(*event);
    } else if (const auto packet = value->find("packet"); packet != value->end()) {
        item = item_from<Packet>(*packet);
    } else if (const auto lost = value->find("lost"); lost != value->end()) {
        const auto count = from_value<std::uint64_t>(*lost, Keys::growing);
        item = count ? Result<Item>(Lost{*count}) : std::unexpected(count.error());
    } else if (const auto error = value->find("error"); error != value->end()) {
        return Item{error_from(*error)};
    }
    if (!item) {
        item.error().code = ErrorCode::failed;
    }
    return item;
}

void Backlog::push(std::string body) {
    const bool was_empty = bodies_.empty();
    bytes_ += body.size();
    bodies_.push_back(std::move(body));
    if (was_empty && ready_) {
        ready_();
    }
}

void Backlog::put(std::string body) {
    if (ended_) {
        return;
    }
    if (bodies_.size() >= limits_.items || bytes_ + body.size() > limits_.bytes) {
        ++lost_;
        return;
    }
    if (lost_ > 0) { // where they are missing
        push(item_body(Lost{std::exchange(lost_, 0)}));
    }
    push(std::move(body));
}

void Backlog::lose(std::uint64_t count) {
    if (ended_ || count == 0) {
        return;
    }
    const bool idle = bodies_.empty() && lost_ == 0;
    lost_ += count;
    if (idle && ready_) {
        ready_();
    }
}

void Backlog::end() {
    ended_ = true;
    if (ready_) {
        ready_();
    }
}

void Backlog::end(const Error& error) {
    if (!ended_) {
        push(item_body(error)); // above the limit: it is one, and the last
    }
    end();
}

std::optional<std::string> Backlog::take() {
    if (!bodies_.empty()) {
        std::string body = std::move(bodies_.front());
        bodies_.pop_front();
        bytes_ -= body.size();
        return body;
    }
    if (lost_ > 0) {
        return item_body(Lost{std::exchange(lost_, 0)});
    }
    return std::nullopt;
}

} // namespace proxip::api

#include "app/silence_watch.hpp"

#include <algorithm>

namespace proxip::app {

namespace {

constexpr int rest = 50; // looking takes a fiftieth of the time at most
constexpr std::chrono::minutes memory{10};
constexpr std::size_t most_calls = 64; // of one backend: more make it no clearer
constexpr double patience_seconds = 2; // a SYN is sent again after one; a server that is slow has answered by then

std::chrono::steady_clock::duration seconds(double count) {
    return std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::duration<double>(count));
}

} // namespace

void SilenceWatch::tick() {
    const auto start = Clock::now();
    if (start < next_) {
        return;
    }
    look();
    next_ = Clock::now() + rest * (Clock::now() - start);
}

void SilenceWatch::look() {
    const auto now = Clock::now();
    follow();
    forget(now);
    const auto services = keeping_clients();
    if (services.empty()) {
        return;
    }
    dataplane_.each_unanswered([&](const dataplane::Connection& connection) {
        if (const auto service = services.find(connection.service); service != services.end()) {
            note(*service->second, connection, now);
        }
        return true;
    });
}

// What was seen before an operator changed the service's snat tells nothing of how it is now.
void SilenceWatch::follow() {
    const auto now = Clock::now();
    std::map<std::string, Mode> modes;
    for (const Service& service : controller_.running().services) {
        const auto known = modes_.find(service.name);
        if (known == modes_.end()) {
            modes[service.name] = {.snat = service.snat, .since = std::nullopt};
        } else if (known->second.snat != service.snat) {
            modes[service.name] = {.snat = service.snat, .since = now};
            std::erase_if(evidence_, [&](const auto& one) { return one.first.first == service.name; });
        } else {
            modes[service.name] = known->second;
        }
    }
    modes_ = std::move(modes);
}

void SilenceWatch::forget(Clock::time_point now) {
    for (auto& [key, evidence] : evidence_) {
        std::erase_if(evidence.calls, [now](const auto& call) { return call.second.last_packet + memory < now; });
    }
    std::erase_if(evidence_, [](const auto& one) { return one.second.calls.empty(); });
}

std::map<policy::Id, const Service*> SilenceWatch::keeping_clients() const {
    std::map<policy::Id, const Service*> out;
    for (const Service& service : controller_.running().services) {
        if (service.snat == Snat::always || service.address.protocol != Protocol::tcp) {
            continue;
        }
        if (const auto id = controller_.identities().services.find(service.address)) {
            out.emplace(*id, &service);
        }
    }
    return out;
}

// A call that was repeated; or one of a neighbour, whom the backend can answer without us.
void SilenceWatch::note(const Service& service, const dataplane::Connection& connection, Clock::time_point now) {
    const auto since = modes_.at(service.name).since;
    if (connection.age_seconds < patience_seconds || (since && now - seconds(connection.age_seconds) < *since)) {
        return;
    }
    const bool neighbour = neighbourhood_.on_one_segment(connection.client.address, connection.backend.address);
    if (connection.in.packets < 2 && !neighbour) {
        return;
    }
    const auto* backend = service.find(connection.backend);
    const SocketAddress address =
        backend != nullptr ? backend->address : SocketAddress{.address = connection.backend.address, .port = 0};
    const Key key(service.name, address); // one without a port has that of the VIP
    const auto [evidence, first] = evidence_.try_emplace(key);
    if (first) {
        evidence->second.answers = answers_of(key);
    }
    auto& calls = evidence->second.calls;
    const Call call{.last_packet = now - seconds(connection.idle_seconds), .neighbour = neighbour};
    if (calls.size() < most_calls || calls.contains(connection.client)) {
        calls[connection.client] = call;
    }
}

std::uint64_t SilenceWatch::answers_of(const Key& key) const {
    const Service* service = controller_.running().service(key.first);
    const auto binding =
        service != nullptr ? controller_.identities().binding(service->address, key.second) : std::nullopt;
    return binding ? dataplane_.counts(*binding).out.packets : 0;
}

std::vector<SilenceWatch::Silence> SilenceWatch::silences() const {
    std::vector<Silence> out;
    for (const auto& [key, evidence] : evidence_) {
        const Service* service = controller_.running().service(key.first);
        const Backend* backend = service != nullptr ? service->find(key.second) : nullptr;
        if (backend == nullptr || controller_.admin(*service, *backend) != Admin::enabled) {
            continue;
        }
        Silence one{.service = key.first,
                    .backend = key.second,
                    .connections = static_cast<std::uint32_t>(evidence.calls.size()),
                    .neighbours = 0,
                    .client = evidence.calls.begin()->first.address,
                    .answers_others = answers_of(key) > evidence.answers};
        for (const auto& [client, call] : evidence.calls) {
            if (call.neighbour && one.neighbours++ == 0) {
                one.client = client.address;
            }
        }
        out.push_back(std::move(one));
    }
    return out;
}

} // namespace proxip::app

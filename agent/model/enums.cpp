// The names of every enum, once, for both directions.

#include <array>

#include "model/codec.hpp"
#include "model/text.hpp"

namespace proxip {

namespace {

template <typename Enum>
struct Named {
    Enum value;
    std::string_view name;
};

// One table per enum, found by its type; the order is the one in which an error lists them.
template <typename Enum>
constexpr std::array<Named<Enum>, 0> names{};
template <>
constexpr std::array names<XdpMode>{Named{XdpMode::automatic, "auto"}, Named{XdpMode::native, "native"},
                                    Named{XdpMode::generic, "generic"}};
template <>
constexpr std::array names<Scheduler>{Named{Scheduler::maglev, "maglev"}, Named{Scheduler::round_robin, "round-robin"},
                                      Named{Scheduler::least_connections, "least-connections"},
                                      Named{Scheduler::source_hash, "source-hash"}};
template <>
constexpr std::array names<Snat>{Named{Snat::always, "always"}, Named{Snat::automatic, "auto"},
                                 Named{Snat::never, "never"}};
template <>
constexpr std::array names<OnFailure>{Named{OnFailure::reset, "reset"}, Named{OnFailure::drop, "drop"}};
template <>
constexpr std::array names<OnIdle>{Named{OnIdle::silent, "silent"}, Named{OnIdle::reset, "reset"}};
template <>
constexpr std::array names<CheckType>{Named{CheckType::none, "none"}, Named{CheckType::tcp, "tcp"}};
template <>
constexpr std::array names<Admin>{Named{Admin::enabled, "enabled"}, Named{Admin::drain, "drain"},
                                  Named{Admin::disabled, "disabled"}};
template <>
constexpr std::array names<Protocol>{Named{Protocol::tcp, "tcp"}, Named{Protocol::udp, "udp"}};

} // namespace

template <typename Enum>
std::string_view enum_name(Enum value) {
    for (const auto& row : names<Enum>) {
        if (row.value == value) {
            return row.name;
        }
    }
    return "unknown";
}

template <typename Enum>
Result<Enum> parse_enum(std::string_view text) {
    std::vector<std::string_view> allowed;
    for (const auto& row : names<Enum>) {
        if (row.name == text) {
            return row.value;
        }
        allowed.push_back(row.name);
    }
    return unfit(text, alternatives(allowed));
}

template std::string_view enum_name(XdpMode);
template std::string_view enum_name(Scheduler);
template std::string_view enum_name(Snat);
template std::string_view enum_name(OnFailure);
template std::string_view enum_name(OnIdle);
template std::string_view enum_name(CheckType);
template std::string_view enum_name(Admin);
template std::string_view enum_name(Protocol);
template Result<XdpMode> parse_enum(std::string_view);
template Result<Scheduler> parse_enum(std::string_view);
template Result<Snat> parse_enum(std::string_view);
template Result<OnFailure> parse_enum(std::string_view);
template Result<OnIdle> parse_enum(std::string_view);
template Result<CheckType> parse_enum(std::string_view);
template Result<Admin> parse_enum(std::string_view);
template Result<Protocol> parse_enum(std::string_view);

} // namespace proxip

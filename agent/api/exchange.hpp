#pragma once

// Each request's name on the wire and the type of its answer: the table that encode and decode walk.

#include <string_view>

#include "api/messages.hpp"

namespace proxip::api {

template <typename Request>
struct Exchange;

#define PROXIP_EXCHANGE(REQUEST, NAME, REPLY)                                                                          \
    template <>                                                                                                        \
    struct Exchange<REQUEST> {                                                                                         \
        static constexpr std::string_view name = NAME;                                                                 \
        using Reply = REPLY;                                                                                           \
    };

PROXIP_EXCHANGE(StatusRequest, "status", Status)
PROXIP_EXCHANGE(VersionRequest, "version", Version)
PROXIP_EXCHANGE(DropsRequest, "drops", Drops)
PROXIP_EXCHANGE(StatsRequest, "stats", std::vector<StatsView>)
PROXIP_EXCHANGE(ServiceShow, "service.show", std::vector<ServiceView>)
PROXIP_EXCHANGE(BackendShow, "backend.show", std::vector<BackendView>)
PROXIP_EXCHANGE(PoolShow, "pool.show", std::vector<PoolView>)
PROXIP_EXCHANGE(ConnShow, "conn.show", std::vector<ConnView>)
PROXIP_EXCHANGE(ConnCountRequest, "conn.count", ConnCount)
PROXIP_EXCHANGE(ConnDel, "conn.del", Ended)
PROXIP_EXCHANGE(WhoisRequest, "whois", std::vector<WhoisView>)
PROXIP_EXCHANGE(ExplainRequest, "explain", Explain)
PROXIP_EXCHANGE(DoctorRequest, "doctor", Doctor)
PROXIP_EXCHANGE(DumpRequest, "dump", Dump)
PROXIP_EXCHANGE(TopRequest, "top", Top)
PROXIP_EXCHANGE(MonitorRequest, "monitor", Following)
PROXIP_EXCHANGE(TraceRequest, "trace", Following)
PROXIP_EXCHANGE(ServiceAdd, "service.add", Plan)
PROXIP_EXCHANGE(ServiceSet, "service.set", Plan)
PROXIP_EXCHANGE(ServiceDel, "service.del", Plan)
PROXIP_EXCHANGE(BackendAdd, "backend.add", Plan)
PROXIP_EXCHANGE(BackendSet, "backend.set", Plan)
PROXIP_EXCHANGE(BackendDel, "backend.del", Plan)
PROXIP_EXCHANGE(BackendAdmin, "backend.admin", Plan)
PROXIP_EXCHANGE(ServerAdmin, "server.admin", Plan)
PROXIP_EXCHANGE(PoolAdd, "pool.add", Plan)
PROXIP_EXCHANGE(PoolSet, "pool.set", Plan)
PROXIP_EXCHANGE(PoolDel, "pool.del", Plan)
PROXIP_EXCHANGE(Batch, "batch", Plan)
PROXIP_EXCHANGE(ValidateRequest, "validate", Plan)
PROXIP_EXCHANGE(DiffRequest, "diff", Plan)
PROXIP_EXCHANGE(ApplyRequest, "apply", Plan)
PROXIP_EXCHANGE(ConfirmRequest, "confirm", Plan)
PROXIP_EXCHANGE(RollbackRequest, "rollback", Plan)

#undef PROXIP_EXCHANGE

} // namespace proxip::api

// What comes in on the control socket: any bytes become a request or an error, and a request survives being written
// again.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "api/wire.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view body(reinterpret_cast<const char*>(data), size);
    if (const auto request = proxip::api::parse_request(body)) {
        const auto again = proxip::api::request_body(*request);
        const auto back = proxip::api::parse_request(again);
        if (!back || proxip::api::request_body(*back) != again) {
            std::abort();
        }
    }
    return 0;
}

#include "api/version.hpp"

namespace proxip::api {

std::string_view version() {
    return PROXIP_VERSION;
}

} // namespace proxip::api

#pragma once

namespace proxip::app {

// Each health check under way holds a descriptor: as many as the hard limit allows (RLIMIT_NOFILE).
void raise_descriptor_limit();

} // namespace proxip::app

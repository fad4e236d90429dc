#pragma once

// The log on stderr: with the time for people and files; for systemd's journal, which has the time, with a priority.

namespace proxip::app {

void start_log(bool verbose);

} // namespace proxip::app

#pragma once

// Breaks the tables on purpose, to show that the audit can fail.

#include "race/course.hpp"

namespace proxip::race {

// Does the audit find each of them? Says so on the standard output. Wants a course with at least one live connection.
[[nodiscard]] bool audit_finds_sabotage(const Course& course);

} // namespace proxip::race

// Typed errors; bindings.cpp maps them to Python exceptions of the same names.
#pragma once

#include <stdexcept>

namespace kodek {

// The payload is damaged, truncated or does not match the tables and indexes it is decoded with.
struct StreamError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The integer tables break a rule (sums, sizes, ranges).
struct TableError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace kodek

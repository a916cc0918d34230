// Stand-alone fuzz driver: writes valid payloads, checks that they come back, then decodes mutations of them.
// A mutation may give other symbols or a StreamError; a crash, a sanitizer report or any other exception is a
// failure.
//
//   fuzz [mutations = 10000] [seed = 1]
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "crc32c.hpp"
#include "decoder.hpp"
#include "encoder.hpp"

namespace {

using Random = std::mt19937_64;

std::size_t below(Random& random, std::size_t limit) { return random() % limit; }

// Arguments of a Tables constructor.
struct TableArrays {
  std::vector<std::uint32_t> freqs;
  std::vector<std::int32_t> sizes, offsets;
  std::vector<std::uint8_t> shifts;
  int bits;
  bool escape;

  std::shared_ptr<const kodek::Tables> make() const {
    return std::make_shared<const kodek::Tables>(freqs, sizes, offsets, shifts, bits, escape);
  }
};

TableArrays random_tables(Random& random, int max_bits) {
  TableArrays arrays;
  arrays.bits = random() % 2 ? max_bits : 1 + static_cast<int>(below(random, static_cast<std::size_t>(max_bits)));
  arrays.escape = random() % 4 != 0;
  const std::size_t total = std::size_t{1} << arrays.bits;
  const std::size_t count = 1 + below(random, 8);
  for (std::size_t t = 0; t < count; ++t) {
    const std::size_t smallest = arrays.escape ? 2 : 1;
    const std::size_t largest = std::min<std::size_t>(total, random() % 8 ? 40 : 300);
    const std::size_t size = smallest + below(random, largest - smallest + 1);
    std::vector<std::uint32_t> freqs(size, 1);
    for (std::size_t left = total - size; left != 0;) {
      const std::size_t part = 1 + below(random, left);
      freqs[below(random, size)] += static_cast<std::uint32_t>(part);
      left -= part;
    }
    arrays.freqs.insert(arrays.freqs.end(), freqs.begin(), freqs.end());
    arrays.sizes.push_back(static_cast<std::int32_t>(size));
    arrays.offsets.push_back(-static_cast<std::int32_t>(below(random, size)));
    arrays.shifts.push_back(static_cast<std::uint8_t>(random() % 3 ? 0 : below(random, 7)));
  }
  return arrays;
}

// One push and what it takes to repeat it as a pop.
struct Step {
  enum Kind { kSymbols, kBits, kAdaptive, kWeighted } kind;
  std::vector<std::int16_t> symbols;
  std::vector<std::uint16_t> index;   // of tables, or contexts
  std::vector<std::uint32_t> values;  // raw bits, or weights
  int bits = 0;
};

struct Case {
  int profile;
  std::shared_ptr<const kodek::Tables> tables;
  std::size_t alphabet, contexts;
  std::vector<Step> steps;

  kodek::AdaptiveModel model() const { return {alphabet, contexts, 24, 16384}; }
};

Step random_step(Random& random, const Case& c) {
  Step step;
  step.kind = static_cast<Step::Kind>(below(random, 4));
  const std::size_t n = random() % 4 ? below(random, 200) : below(random, 20000);
  if (step.kind == Step::kBits) {
    step.bits = static_cast<int>(below(random, 33));
    for (std::size_t i = 0; i < n; ++i) {
      step.values.push_back(static_cast<std::uint32_t>(random() & ((std::uint64_t{1} << step.bits) - 1)));
    }
  } else if (step.kind == Step::kAdaptive) {
    for (std::size_t i = 0; i < n; ++i) {
      step.symbols.push_back(static_cast<std::int16_t>(below(random, 1 + below(random, c.alphabet))));
      step.index.push_back(static_cast<std::uint16_t>(below(random, c.contexts)));
    }
  } else if (step.kind == Step::kWeighted) {
    for (std::size_t i = 0; i < n / 16; ++i) {
      const std::size_t first = step.values.size();
      for (std::size_t s = 0; s < c.alphabet; ++s) {
        step.values.push_back(random() % 8 ? static_cast<std::uint32_t>(random()) >> below(random, 32) : 0);
      }
      step.values[first + below(random, c.alphabet)] = 1 + static_cast<std::uint32_t>(below(random, 0xffffffff));
      step.symbols.push_back(static_cast<std::int16_t>(below(random, c.alphabet)));
    }
  } else {
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t t = below(random, c.tables->count());
      const kodek::Row& row = c.tables->rows()[t];
      std::int32_t value = (row.offset + static_cast<std::int32_t>(below(random, row.regular))) * (1 << row.shift);
      if (c.tables->escape() && random() % 16 == 0) value = static_cast<std::int16_t>(random());
      step.symbols.push_back(static_cast<std::int16_t>(value));
      step.index.push_back(static_cast<std::uint16_t>(t));
    }
  }
  return step;
}

std::vector<std::uint8_t> encode(const Case& c) {
  kodek::Encoder encoder(c.profile);
  kodek::AdaptiveModel model = c.model();
  for (const Step& step : c.steps) {
    if (step.kind == Step::kBits) {
      encoder.push_bits(step.values, step.bits);
    } else if (step.kind == Step::kAdaptive) {
      const std::vector<std::uint16_t> symbols(step.symbols.begin(), step.symbols.end());
      encoder.push_adaptive(symbols, model, step.index);
    } else if (step.kind == Step::kWeighted) {
      encoder.push_weighted(step.symbols, step.values, c.alphabet);
    } else {
      encoder.push<std::uint16_t>(step.symbols, step.index, c.tables);
    }
  }
  return encoder.finish();
}

// Whether the payload holds exactly the case's symbols; throws StreamError where it is inconsistent.
bool decodes(const Case& c, const std::vector<std::uint8_t>& payload, bool portable) {
  kodek::Decoder decoder(payload, c.profile, portable);
  kodek::AdaptiveModel model = c.model();
  bool same = true;
  for (const Step& step : c.steps) {
    std::vector<std::int16_t> symbols(step.symbols.size());
    if (step.kind == Step::kBits) {
      std::vector<std::uint32_t> values(step.values.size());
      decoder.pop_bits(values.size(), step.bits, values.data());
      same = same && values == step.values;
    } else if (step.kind == Step::kAdaptive) {
      decoder.pop_adaptive(symbols.size(), model, step.index, symbols.data());
    } else if (step.kind == Step::kWeighted) {
      decoder.pop_weighted(step.values, c.alphabet, symbols.size(), symbols.data());
    } else {
      decoder.pop<std::uint16_t>(step.index, *c.tables, symbols.data());
    }
    same = same && symbols == step.symbols;
  }
  decoder.finish();
  return same;
}

void mutate(Random& random, std::vector<std::uint8_t>& payload) {
  for (std::size_t edits = 1 + below(random, 4); edits != 0; --edits) {
    const std::size_t at = below(random, payload.size() + 1);
    switch (random() % 5) {
      case 0:
        payload.resize(at);
        break;
      case 1:
        payload.insert(payload.begin() + static_cast<std::ptrdiff_t>(at), static_cast<std::uint8_t>(random()));
        break;
      case 2:
        for (std::size_t i = at; i < payload.size() && i < at + 8; ++i) payload[i] = 0xff;
        break;
      default:
        if (at < payload.size()) payload[at] ^= static_cast<std::uint8_t>(1 + below(random, 255));
    }
  }
}

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "fuzz: %s\n", what);
  std::exit(1);
}

void check_tables(Random& random, TableArrays arrays) {
  switch (random() % 5) {
    case 0:
      arrays.freqs[below(random, arrays.freqs.size())] += static_cast<std::uint32_t>(random());
      break;
    case 1:
      arrays.sizes[below(random, arrays.sizes.size())] = static_cast<std::int32_t>(random());
      break;
    case 2:
      arrays.offsets[below(random, arrays.offsets.size())] = static_cast<std::int32_t>(random());
      break;
    case 3:
      arrays.shifts[below(random, arrays.shifts.size())] = static_cast<std::uint8_t>(random());
      break;
    default:
      arrays.bits = static_cast<int>(random());
  }
  try {
    arrays.make();
  } catch (const kodek::TableError&) {
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t mutations = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 10000;
  Random random(argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1);
  std::size_t refused = 0, changed = 0, silent = 0;
  for (std::size_t done = 0; done < mutations;) {
    Case c{static_cast<int>(below(random, 3)), nullptr, 1 + below(random, 300), 1 + below(random, 3), {}};
    const TableArrays arrays = random_tables(random, kodek::kProfiles[c.profile].table_bits);
    c.tables = arrays.make();
    check_tables(random, arrays);
    for (std::size_t steps = below(random, 6); steps != 0; --steps) c.steps.push_back(random_step(random, c));
    const std::vector<std::uint8_t> payload = encode(c);
    require(decodes(c, payload, false) && decodes(c, payload, true), "a payload does not give its symbols back");
    require(
        kodek::crc32c(payload.data(), payload.size(), 0) == kodek::crc32c_portable(payload.data(), payload.size(), 0),
        "the two CRC-32C differ");
    for (int i = 0; i < 20; ++i, ++done) {
      std::vector<std::uint8_t> damaged = payload;
      mutate(random, damaged);
      if (damaged == payload) continue;
      try {
        ++(decodes(c, damaged, random() % 2 == 0) ? silent : changed);
      } catch (const kodek::StreamError&) {
        ++refused;
      }
    }
  }
  std::printf("%zu mutations: %zu refused, %zu with other symbols, %zu harmless\n", mutations, refused, changed,
              silent);
}

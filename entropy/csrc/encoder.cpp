#include "encoder.hpp"

#include <array>
#include <stdexcept>
#include <utility>

#include "rans.hpp"

namespace kodek {
namespace {

constexpr std::size_t kBlock = 1024;  // symbols between two checks of the output's room

void append_varint(std::vector<std::uint8_t>& out, std::uint64_t value) {
  for (; value >= 128; value >>= 7) out.push_back(static_cast<std::uint8_t>(value | 128));
  out.push_back(static_cast<std::uint8_t>(value));
}

std::uint32_t pack(std::uint32_t start, std::uint32_t freq) { return start | (freq - 1) << 16; }
Interval unpack(std::uint32_t item) { return {item & 0xffff, (item >> 16) + 1}; }

// From the last symbol to the first, lane = position mod Lanes; `step` encodes one item.
template <int Lanes, class Step>
void encode_backwards(std::uint32_t* lanes, const std::uint32_t* items, std::size_t first, std::size_t count,
                      ReverseBuffer<std::uint16_t>& words, Step step) {
  std::size_t i = count;
  const auto single_steps = [&](std::size_t until) {
    std::uint16_t*& out = words.reserve(i - until + 1);
    while (i != until) {
      --i;
      std::uint32_t& lane = lanes[(first + i) % Lanes];
      lane = step(lane, items[i], out);
    }
  };
  single_steps(count - std::min(count, (first + count) % Lanes));
  while (i >= Lanes) {
    const std::size_t until = i - std::min(i, kBlock) / Lanes * Lanes;
    std::uint16_t*& cursor = words.reserve(kBlock + 1);
    std::uint16_t* out = cursor;
    std::array<std::uint32_t, Lanes> x;  // a local copy, so that four lanes stay in registers
    std::copy_n(lanes, Lanes, x.begin());
    while (i != until) {
      i -= Lanes;
      for (int l = Lanes - 1; l >= 0; --l) x[l] = step(x[l], items[i + l], out);
    }
    std::copy_n(x.begin(), Lanes, lanes);
    cursor = out;
  }
  single_steps(0);
}

template <int Lanes, int Bits>
void encode_entries(std::uint32_t* lanes, const std::uint32_t* items, std::size_t first, std::size_t count,
                    const Tables& tables, ReverseBuffer<std::uint16_t>& words) {
  const EncodeEntry* entries = tables.encode_entries();
  const int bits = Bits != 0 ? Bits : tables.bits();  // a constant for the profile's own precision
  encode_backwards<Lanes>(lanes, items, first, count, words,
                          [=](std::uint32_t x, std::uint32_t item, std::uint16_t*& out) {
                            return encode_entry(x, entries[item], bits, out);
                          });
}

}  // namespace

Encoder::Encoder(int profile) : profile_(profile) { profile_at(profile); }

std::uint32_t* Encoder::start_run(std::shared_ptr<const Tables> tables, std::size_t count, int bits) {
  runs_.push_back({std::move(tables), items_.size(), count, bits});
  return items_.extend(count);
}

void Encoder::drop_last_run() {
  items_.shrink(runs_.back().first);
  runs_.pop_back();
}

template <class Index>
void Encoder::push(std::span<const std::int16_t> symbols, std::span<const Index> index,
                   const std::shared_ptr<const Tables>& tables) {
  if (symbols.size() != index.size()) throw std::invalid_argument("symbols and index differ in length");
  if (tables->bits() > kProfiles[profile_].table_bits) {
    throw std::invalid_argument("the tables have more bits than the profile allows");
  }
  check_index(index, tables->count());
  check_index(index, tables->count());
  const BitWriter::Mark mark = side_.mark();
  std::uint32_t* items = start_run(tables, symbols.size(), tables->bits());
  const Row* rows = tables->rows();
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    const Row& row = rows[index[i]];
    auto entry = static_cast<std::uint32_t>(symbols[i] - row.offset);
    if (entry >= row.plain) [[unlikely]] {
      entry = push_side_bits(symbols[i], row, tables->escape());
      if (entry > row.regular) {
        side_.rewind(mark);
        drop_last_run();
        throw std::invalid_argument("a symbol is outside its table, which has no escape");
      }
    }
    items[i] = row.base + entry;
  }
}

// Sends what the table does not say: the value of an escape, then raw low bits. Returns the symbol's entry,
// or one behind the last when it has none.
std::uint32_t Encoder::push_side_bits(std::int16_t symbol, const Row& row, bool escape) {
  const std::int32_t value = symbol >> row.shift;
  auto entry = static_cast<std::uint32_t>(value - row.offset);
  if (entry >= row.regular) {
    if (!escape) return row.regular + std::uint32_t{1};
    entry = row.regular;
    side_.put_exp_golomb(escape_excess(value, row));
  }
  side_.put(static_cast<std::uint32_t>(symbol) & ((std::uint32_t{1} << row.shift) - 1), row.shift);
  return entry;
}

template void Encoder::push(std::span<const std::int16_t>, std::span<const std::uint8_t>,
                            const std::shared_ptr<const Tables>&);
template void Encoder::push(std::span<const std::int16_t>, std::span<const std::uint16_t>,
                            const std::shared_ptr<const Tables>&);

void Encoder::push_intervals(std::span<const std::uint32_t> starts, std::span<const std::uint32_t> freqs, int bits) {
  if (starts.size() != freqs.size()) throw std::invalid_argument("starts and freqs differ in length");
  if (bits < 1 || bits > kProfiles[profile_].interval_bits) {
    throw std::invalid_argument("bits must be between 1 and the profile's interval bits");
  }
  const std::uint32_t total = std::uint32_t{1} << bits;
  std::uint32_t* items = start_run(nullptr, starts.size(), bits);
  for (std::size_t i = 0; i < starts.size(); ++i) {
    if (freqs[i] == 0 || freqs[i] > total || starts[i] > total - freqs[i]) {
      drop_last_run();
      throw std::invalid_argument("an interval is empty or leaves [0, 2^bits)");
    }
    items[i] = pack(starts[i], freqs[i]);
  }
}

void Encoder::push_bits(std::span<const std::uint32_t> values, int count) {
  if (count < 0 || count > 32) throw std::invalid_argument("nbits must be 0 to 32");
  for (const std::uint32_t value : values) {
    if (std::uint64_t{value} >> count != 0) throw std::invalid_argument("a value does not fit in nbits");
  }
  for (const std::uint32_t value : values) side_.put(value, static_cast<unsigned>(count));
}

void Encoder::push_adaptive(std::span<const std::uint16_t> symbols, AdaptiveModel& model,
                            std::span<const std::uint16_t> context) {
  if (!context.empty() && context.size() != symbols.size()) {
    throw std::invalid_argument("symbols and context differ in length");
  }
  for (const std::uint16_t symbol : symbols) {
    if (symbol >= model.alphabet()) throw std::invalid_argument("a symbol is outside the model's alphabet");
  }
  for (const std::uint16_t c : context) {
    if (c >= model.contexts()) throw std::invalid_argument("a context is out of range");
  }
  const int bits = kProfiles[profile_].interval_bits;
  std::uint32_t* items = start_run(nullptr, symbols.size(), bits);
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    const std::size_t c = context.empty() ? 0 : context[i];
    const Interval interval = model.interval(c, symbols[i], bits);
    items[i] = pack(interval.start, interval.freq);
    model.update(c, symbols[i]);
  }
}

void Encoder::push_weighted(std::span<const std::int16_t> symbols, std::span<const std::uint32_t> weights,
                            std::size_t alphabet) {
  check_weights(weights, symbols.size(), alphabet);
  for (const std::int16_t symbol : symbols) {
    if (symbol < 0 || static_cast<std::size_t>(symbol) >= alphabet) {
      throw std::invalid_argument("a symbol is outside its weights' alphabet");
    }
  }
  const int bits = kProfiles[profile_].interval_bits;
  std::uint32_t* items = start_run(nullptr, symbols.size(), bits);
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    const auto symbol = static_cast<std::size_t>(symbols[i]);
    const auto row = weights.subspan(i * alphabet, alphabet);
    const std::uint64_t below = sum_of(row.first(symbol));
    const std::uint64_t upto = below + row[symbol];
    const Interval interval =
        weighted_interval(symbol, alphabet, below, upto, upto + sum_of(row.subspan(symbol + 1)), bits);
    items[i] = pack(interval.start, interval.freq);
  }
}

// Profile 0. The state starts at 0, below the usual interval: a decoder reads a unit only while there are
// some, so the last symbols cost no more than the state has grown. Empty streams take no byte at all.
std::vector<std::uint8_t> Encoder::encode_single() const {
  std::uint64_t x = 0;
  ReverseBuffer<std::uint32_t> units;
  for (auto run = runs_.rbegin(); run != runs_.rend(); ++run) {
    const Entry* entries = run->tables ? run->tables->entries() : nullptr;
    for (std::size_t i = run->count; i-- != 0;) {
      const std::uint32_t item = items_.data()[run->first + i];
      const Interval interval = entries ? Interval{entries[item].start, entries[item].freq()} : unpack(item);
      encode_interval64(x, interval, run->bits, units);
    }
  }
  if (x >> 56 != 0) emit_unit(x, units);  // so that 4 to 7 state bytes precede the units
  std::vector<std::uint8_t> out;
  for (; x != 0; x >>= 8) out.push_back(static_cast<std::uint8_t>(x));
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(units.data());
  out.insert(out.end(), bytes, bytes + units.size() * sizeof(std::uint32_t));
  return out;
}

template <int Lanes>
std::vector<std::uint8_t> Encoder::encode_lanes() const {
  if (items_.size() == 0) return {};
  std::array<std::uint32_t, Lanes> x;
  x.fill(kLow32);
  ReverseBuffer<std::uint16_t> words;
  for (auto run = runs_.rbegin(); run != runs_.rend(); ++run) {
    const std::uint32_t* items = items_.data() + run->first;
    if (!run->tables) {
      encode_backwards<Lanes>(x.data(), items, run->first, run->count, words,
                              [bits = run->bits](std::uint32_t state, std::uint32_t item, std::uint16_t*& out) {
                                return encode_interval(state, unpack(item), bits, out);
                              });
    } else if (run->bits == (Lanes == 4 ? 14 : 12)) {
      encode_entries<Lanes, Lanes == 4 ? 14 : 12>(x.data(), items, run->first, run->count, *run->tables, words);
    } else {
      encode_entries<Lanes, 0>(x.data(), items, run->first, run->count, *run->tables, words);
    }
  }
  std::vector<std::uint8_t> out(sizeof x + words.size() * sizeof(std::uint16_t));
  std::memcpy(out.data(), x.data(), sizeof x);
  if (words.size() != 0) std::memcpy(out.data() + sizeof x, words.data(), words.size() * sizeof(std::uint16_t));
  return out;
}

std::vector<std::uint8_t> Encoder::finish() {
  const std::vector<std::uint8_t> coded = profile_ == 0   ? encode_single()
                                          : profile_ == 1 ? encode_lanes<4>()
                                                          : encode_lanes<32>();
  const std::vector<std::uint8_t> side = side_.bytes();
  std::vector<std::uint8_t> payload;
  payload.reserve(coded.size() + side.size() + 10);
  append_varint(payload, side.size());
  payload.insert(payload.end(), coded.begin(), coded.end());
  payload.insert(payload.end(), side.begin(), side.end());
  items_.shrink(0);
  runs_.clear();
  side_.rewind({0, 0, 0});
  return payload;
}

}  // namespace kodek

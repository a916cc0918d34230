// Python bindings. Arrays cross as NumPy buffers; the GIL is released around all coding work.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <vector>

#include "adaptive.hpp"
#include "crc32c.hpp"
#include "decoder.hpp"
#include "encoder.hpp"
#include "errors.hpp"
#include "tables.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

template <class T>
using In = nb::ndarray<const T, nb::ndim<1>, nb::device::cpu>;
template <class T>
using Rows = nb::ndarray<const T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Weights = Rows<std::uint32_t>;
template <class T>
using Out = nb::ndarray<nb::numpy, T, nb::ndim<1>>;

// The array's values as T; strided or narrower arrays are copied first.
template <class T>
class Contiguous {
 public:
  template <class From>
  explicit Contiguous(const In<From>& array) {
    if constexpr (std::is_same_v<T, From>) {
      if (array.stride(0) == 1 || array.size() <= 1) {
        view_ = {array.data(), array.size()};
        return;
      }
    }
    copy_.resize(array.size());
    for (std::size_t i = 0; i < copy_.size(); ++i) {
      copy_[i] = static_cast<T>(array.data()[static_cast<std::int64_t>(i) * array.stride(0)]);
    }
    view_ = copy_;
  }
  std::span<const T> view() const { return view_; }

 private:
  std::vector<T> copy_;
  std::span<const T> view_;
};

template <class T>
struct OutArray {
  explicit OutArray(std::size_t n) : values(std::make_unique_for_overwrite<T[]>(n)), size(n) {}
  template <class... Sides>
  auto release(Sides... sides) {
    T* data = values.release();
    nb::capsule owner(data, [](void* p) noexcept { delete[] static_cast<T*>(p); });
    if constexpr (sizeof...(sides) == 0) {
      return Out<T>(data, {size}, owner);
    } else {
      return nb::ndarray<nb::numpy, T, nb::ndim<sizeof...(sides)>>(data, {sides...}, owner);
    }
  }
  std::unique_ptr<T[]> values;
  std::size_t size;
};

template <class T, class From>
Out<T> copy_out(std::size_t n, From value_at) {
  OutArray<T> out(n);
  for (std::size_t i = 0; i < n; ++i) out.values[i] = value_at(i);
  return out.release();
}

nb::bytes to_bytes(const std::vector<std::uint8_t>& data) { return nb::bytes(data.data(), data.size()); }

// KODEK_PORTABLE=1 switches every SIMD path off, to test that it changes no byte.
bool portable_forced() {
  const char* value = std::getenv("KODEK_PORTABLE");
  return value != nullptr && *value != '\0' && std::strcmp(value, "0") != 0;
}

// Coders are stateful: a lock makes calls from several threads take turns instead of racing.
struct PyEncoder {
  kodek::Encoder coder;
  std::mutex mutex;
};
struct PyDecoder {
  kodek::Decoder coder;
  std::mutex mutex;
};
struct PyTables {
  std::shared_ptr<const kodek::Tables> tables;
};

template <class F>
PyTables make_tables(const In<F>& freqs, const In<std::int32_t>& sizes, const In<std::int32_t>& offsets,
                     const In<std::uint8_t>& shifts, int bits, bool escape) {
  return {std::make_shared<const kodek::Tables>(
      Contiguous<std::uint32_t>(freqs).view(), Contiguous<std::int32_t>(sizes).view(),
      Contiguous<std::int32_t>(offsets).view(), Contiguous<std::uint8_t>(shifts).view(), bits, escape)};
}

auto freqs_of(const PyTables& self) {
  return copy_out<std::uint32_t>(self.tables->entry_count(),
                                 [&](std::size_t i) { return self.tables->entries()[i].freq(); });
}
auto sizes_of(const PyTables& self) {
  const std::uint32_t escapes = self.tables->escape() ? 1 : 0;
  return copy_out<std::int32_t>(self.tables->count(), [&](std::size_t t) {
    return static_cast<std::int32_t>(self.tables->rows()[t].regular + escapes);
  });
}
auto offsets_of(const PyTables& self) {
  return copy_out<std::int32_t>(self.tables->count(), [&](std::size_t t) { return self.tables->rows()[t].offset; });
}
auto shifts_of(const PyTables& self) {
  return copy_out<std::uint8_t>(self.tables->count(),
                                [&](std::size_t t) { return static_cast<std::uint8_t>(self.tables->rows()[t].shift); });
}

// BLAKE2b over the defining integers, all as 32-bit little endian words.
nb::object hash_of(const PyTables& self) {
  const kodek::Tables& tables = *self.tables;
  std::vector<std::uint32_t> words = {static_cast<std::uint32_t>(tables.bits()), tables.escape() ? 1u : 0u,
                                      static_cast<std::uint32_t>(tables.count())};
  for (std::size_t t = 0; t < tables.count(); ++t) {
    const kodek::Row& row = tables.rows()[t];
    words.insert(words.end(), {row.regular, static_cast<std::uint32_t>(row.offset), row.shift});
  }
  for (std::size_t e = 0; e < tables.entry_count(); ++e) {
    words.push_back(tables.entries()[e].freq());
  }
  const nb::bytes content(words.data(), words.size() * sizeof(std::uint32_t));
  return nb::module_::import_("hashlib").attr("blake2b")(content, "digest_size"_a = 8).attr("digest")();
}

template <class I>
double cost(const PyTables& self, const In<std::int16_t>& symbols, const In<I>& index) {
  const Contiguous<std::int16_t> s(symbols);
  const Contiguous<I> t(index);
  if (s.view().size() != t.view().size()) throw std::invalid_argument("symbols and index differ in length");
  nb::gil_scoped_release unlocked;
  return self.tables->cost(s.view(), t.view());
}

template <class I>
void push(PyEncoder& self, const In<std::int16_t>& symbols, const In<I>& index, const PyTables& tables) {
  const Contiguous<std::int16_t> s(symbols);
  const Contiguous<I> t(index);
  nb::gil_scoped_release unlocked;
  const std::scoped_lock lock(self.mutex);
  self.coder.push(s.view(), t.view(), tables.tables);
}

template <class T>
void push_intervals(PyEncoder& self, const In<T>& starts, const In<T>& freqs, int bits) {
  const Contiguous<std::uint32_t> s(starts);
  const Contiguous<std::uint32_t> f(freqs);
  nb::gil_scoped_release unlocked;
  const std::scoped_lock lock(self.mutex);
  self.coder.push_intervals(s.view(), f.view(), bits);
}

void push_bits(PyEncoder& self, const In<std::uint32_t>& values, int nbits) {
  const Contiguous<std::uint32_t> v(values);
  nb::gil_scoped_release unlocked;
  const std::scoped_lock lock(self.mutex);
  self.coder.push_bits(v.view(), nbits);
}

// An absent context is context 0 throughout.
using Context = std::optional<In<std::uint16_t>>;

std::optional<Contiguous<std::uint16_t>> contiguous(const Context& context) {
  if (!context) return std::nullopt;
  return Contiguous<std::uint16_t>(*context);
}

template <class S>
void push_adaptive(PyEncoder& self, const In<S>& symbols, kodek::AdaptiveModel& model, const Context& context) {
  const Contiguous<std::uint16_t> s(symbols);  // negative symbols wrap to values outside every alphabet
  const auto c = contiguous(context);
  if (c && c->view().size() != s.view().size()) {
    throw std::invalid_argument("symbols and context differ in length");
  }
  nb::gil_scoped_release unlocked;
  const std::scoped_lock lock(self.mutex, model.mutex());
  self.coder.push_adaptive(s.view(), model, c ? c->view() : std::span<const std::uint16_t>());
}

std::span<const std::uint32_t> values_of(const Weights& weights) { return {weights.data(), weights.size()}; }

void push_weighted(PyEncoder& self, const In<std::int16_t>& symbols, const Weights& weights) {
  const Contiguous<std::int16_t> s(symbols);
  nb::gil_scoped_release unlocked;
  const std::scoped_lock lock(self.mutex);
  self.coder.push_weighted(s.view(), values_of(weights), weights.shape(1));
}

nb::bytes finish_encoder(PyEncoder& self) {
  std::vector<std::uint8_t> payload;
  {
    nb::gil_scoped_release unlocked;
    const std::scoped_lock lock(self.mutex);
    payload = self.coder.finish();
  }
  return to_bytes(payload);
}

template <class I>
Out<std::int16_t> pop(PyDecoder& self, const In<I>& index, const PyTables& tables) {
  const Contiguous<I> t(index);
  OutArray<std::int16_t> symbols(t.view().size());
  {
    nb::gil_scoped_release unlocked;
    const std::scoped_lock lock(self.mutex);
    self.coder.pop(t.view(), *tables.tables, symbols.values.get());
  }
  return symbols.release();
}

Out<std::uint32_t> pop_bits(PyDecoder& self, std::size_t n, int nbits) {
  std::unique_ptr<OutArray<std::uint32_t>> values;
  {
    nb::gil_scoped_release unlocked;
    const std::scoped_lock lock(self.mutex);
    self.coder.check_bits(n, nbits);  // before the allocation: a hostile count must not take memory
    values = std::make_unique<OutArray<std::uint32_t>>(n);
    self.coder.pop_bits(n, nbits, values->values.get());
  }
  return values->release();
}

Out<std::int16_t> pop_adaptive(PyDecoder& self, std::size_t n, kodek::AdaptiveModel& model, const Context& context) {
  const auto c = contiguous(context);
  if (c && c->view().size() != n) throw std::invalid_argument("n and the context's length differ");
  OutArray<std::int16_t> symbols(n);
  {
    nb::gil_scoped_release unlocked;
    const std::scoped_lock lock(self.mutex, model.mutex());
    self.coder.pop_adaptive(n, model, c ? c->view() : std::span<const std::uint16_t>(), symbols.values.get());
  }
  return symbols.release();
}

Out<std::int16_t> pop_weighted(PyDecoder& self, const Weights& weights) {
  OutArray<std::int16_t> symbols(weights.shape(0));
  {
    nb::gil_scoped_release unlocked;
    const std::scoped_lock lock(self.mutex);
    self.coder.pop_weighted(values_of(weights), weights.shape(1), weights.shape(0), symbols.values.get());
  }
  return symbols.release();
}

std::uint32_t crc32c_bytes(const nb::bytes& data, std::uint32_t value) {
  const auto* bytes = static_cast<const std::uint8_t*>(data.data());
  nb::gil_scoped_release unlocked;
  return kodek::crc32c(bytes, data.size(), value);
}

std::uint32_t symbol_hash(const In<std::int16_t>& symbols, std::uint32_t value) {
  const Contiguous<std::int16_t> s(symbols);
  nb::gil_scoped_release unlocked;
  return kodek::crc32c(reinterpret_cast<const std::uint8_t*>(s.view().data()), s.view().size_bytes(), value);
}

auto exp2_weights(const Rows<double>& logits, int bits, const In<std::uint32_t>& table) {
  const Contiguous<std::uint32_t> t(table);
  OutArray<std::uint32_t> weights(logits.size());
  {
    nb::gil_scoped_release unlocked;
    kodek::exp2_weights({logits.data(), logits.size()}, logits.shape(1), bits - 8, t.view(), weights.values.get());
  }
  return weights.release(logits.shape(0), logits.shape(1));
}

void bind_tables(nb::module_& m) {
  const auto freqs = nb::arg("freqs").noconvert();
  const auto sizes = nb::arg("sizes").noconvert();
  const auto offsets = nb::arg("offsets").noconvert();
  const auto shifts = nb::arg("shifts").noconvert();
  nb::class_<PyTables>(m, "Tables")
      .def(nb::new_(&make_tables<std::uint16_t>), freqs, sizes, offsets, shifts, "bits"_a, "escape"_a)
      .def(nb::new_(&make_tables<std::uint32_t>), freqs, sizes, offsets, shifts, "bits"_a, "escape"_a)
      .def_prop_ro("bits", [](const PyTables& self) { return self.tables->bits(); })
      .def_prop_ro("count", [](const PyTables& self) { return self.tables->count(); })
      .def_prop_ro("escape", [](const PyTables& self) { return self.tables->escape(); })
      .def_prop_ro("freqs", &freqs_of, nb::rv_policy::automatic)
      .def_prop_ro("sizes", &sizes_of, nb::rv_policy::automatic)
      .def_prop_ro("offsets", &offsets_of, nb::rv_policy::automatic)
      .def_prop_ro("shifts", &shifts_of, nb::rv_policy::automatic)
      .def_prop_ro("hash", &hash_of)
      .def("cost", &cost<std::uint8_t>, "symbols"_a.noconvert(), "index"_a.noconvert())
      .def("cost", &cost<std::uint16_t>, "symbols"_a.noconvert(), "index"_a.noconvert())
      .def("__reduce__", [](const nb::object& self) {
        return nb::make_tuple(self.type(), nb::make_tuple(self.attr("freqs"), self.attr("sizes"), self.attr("offsets"),
                                                          self.attr("shifts"), self.attr("bits"), self.attr("escape")));
      });
}

void bind_encoder(nb::module_& m) {
  const auto symbols = nb::arg("symbols").noconvert();
  const auto index = nb::arg("index").noconvert();
  const auto starts = nb::arg("starts").noconvert();
  const auto freqs = nb::arg("freqs").noconvert();
  const auto context = nb::arg("context").noconvert().none() = nb::none();
  nb::class_<PyEncoder>(m, "Encoder")
      .def(
          "__init__", [](PyEncoder* self, int profile) { new (self) PyEncoder{kodek::Encoder(profile), {}}; },
          "profile"_a)
      .def("push", &push<std::uint8_t>, symbols, index, "tables"_a)
      .def("push", &push<std::uint16_t>, symbols, index, "tables"_a)
      .def("push_intervals", &push_intervals<std::uint16_t>, starts, freqs, "bits"_a)
      .def("push_intervals", &push_intervals<std::uint32_t>, starts, freqs, "bits"_a)
      .def("push_bits", &push_bits, "values"_a.noconvert(), "nbits"_a)
      .def("push_adaptive", &push_adaptive<std::int16_t>, symbols, "model"_a, context)
      .def("push_adaptive", &push_adaptive<std::uint16_t>, symbols, "model"_a, context)
      .def("push_weighted", &push_weighted, symbols, "weights"_a.noconvert())
      .def("finish", &finish_encoder);
}

void bind_decoder(nb::module_& m) {
  nb::class_<PyDecoder>(m, "Decoder")
      .def(
          "__init__",
          [](PyDecoder* self, const nb::bytes& data, int profile, bool portable) {
            const std::span payload(static_cast<const std::uint8_t*>(data.data()), data.size());
            new (self) PyDecoder{kodek::Decoder(payload, profile, portable || portable_forced()), {}};
          },
          "data"_a, "profile"_a, nb::kw_only(), "portable"_a = false)
      .def("pop", &pop<std::uint8_t>, "index"_a.noconvert(), "tables"_a)
      .def("pop", &pop<std::uint16_t>, "index"_a.noconvert(), "tables"_a)
      .def("pop_bits", &pop_bits, "n"_a, "nbits"_a)
      .def("pop_adaptive", &pop_adaptive, "n"_a, "model"_a, nb::arg("context").noconvert().none() = nb::none())
      .def("pop_weighted", &pop_weighted, "weights"_a.noconvert())
      .def(
          "peek",
          [](PyDecoder& self, int bits) {
            const std::scoped_lock lock(self.mutex);
            return self.coder.peek(bits);
          },
          "bits"_a)
      .def(
          "advance",
          [](PyDecoder& self, std::uint32_t start, std::uint32_t freq, int bits) {
            const std::scoped_lock lock(self.mutex);
            self.coder.advance(start, freq, bits);
          },
          "start"_a, "freq"_a, "bits"_a)
      .def("finish", [](PyDecoder& self) {
        const std::scoped_lock lock(self.mutex);
        self.coder.finish();
      });
}

// PROFILES: what each profile number means, for programs that choose one.
void bind_profiles(nb::module_& m) {
  nb::class_<kodek::Profile>(m, "Profile")
      .def_ro("lanes", &kodek::Profile::lanes)
      .def_ro("table_bits", &kodek::Profile::table_bits)
      .def_ro("interval_bits", &kodek::Profile::interval_bits)
      .def("__repr__", [](const kodek::Profile& self) {
        return nb::str("Profile(lanes={}, table_bits={}, interval_bits={})")
            .format(self.lanes, self.table_bits, self.interval_bits);
      });
  m.attr("PROFILES") = nb::make_tuple(kodek::kProfiles[0], kodek::kProfiles[1], kodek::kProfiles[2]);
}

void bind_adaptive_model(nb::module_& m) {
  nb::class_<kodek::AdaptiveModel>(m, "AdaptiveModel")
      .def(nb::init<std::size_t, std::size_t, std::uint32_t, std::uint32_t>(), "alphabet"_a, "contexts"_a = 1,
           nb::kw_only(), "increment"_a = 32, "limit"_a = 1 << 16)
      .def_prop_ro("alphabet", &kodek::AdaptiveModel::alphabet)
      .def_prop_ro("contexts", &kodek::AdaptiveModel::contexts)
      .def("reset", [](kodek::AdaptiveModel& self) {
        const std::scoped_lock lock(self.mutex());
        self.reset();
      });
}

}  // namespace

NB_MODULE(_rans, m) {
  // Codecs are kept in caches of modules, which live until the interpreter ends: no leak to warn users of.
  nb::set_leak_warnings(false);
  nb::exception<kodek::StreamError>(m, "StreamError", PyExc_ValueError);
  nb::exception<kodek::TableError>(m, "TableError", PyExc_ValueError);
  bind_tables(m);
  bind_encoder(m);
  bind_decoder(m);
  bind_adaptive_model(m);
  bind_profiles(m);
  m.def("exp2_weights", &exp2_weights, "logits"_a.noconvert(), "bits"_a, "table"_a.noconvert());
  m.def("crc32c", &crc32c_bytes, "data"_a, "value"_a = 0);
  m.def("symbol_hash", &symbol_hash, "symbols"_a.noconvert(), "value"_a = 0);
}

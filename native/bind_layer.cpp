// Bindings of the recurrent layers: sizes and addresses of tensors in, checked in order.
//
// A tensor comes as the number that its data_ptr() is, 0 for none; reading a dozen of them as arrays
// would take longer than a short sequence. Who calls keeps the tensors alive, contiguous and of the
// sizes that native/layer.h names: clew/kernels/native.py does.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "bind.h"
#include "kernels.h"
#include "memory.h"
#include "schedule.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using Address = std::uintptr_t;
using Addresses = std::vector<Address>;

constexpr std::size_t weight_fields = 9, mask_fields = 3;  // of Parameters, of Noise

// `count` values of T at an address; null is for none, which only no values may be.
template <class T>
T* pointer(Address address, const char* name, std::ptrdiff_t count, std::size_t align = alignof(T)) {
  if (address == 0 && count > 0) throw std::invalid_argument(std::string(name) + " is missing");
  if (address % align != 0) throw std::invalid_argument(std::string(name) + " is not aligned");
  return reinterpret_cast<T*>(address);
}

template <class T>
T* optional(Address address, const char* name) {
  return pointer<T>(address, name, 0);
}

void check_count(const Addresses& given, std::size_t each, int directions, const char* name) {
  const std::size_t wanted = each * static_cast<std::size_t>(directions);
  if (given.size() != wanted)
    throw std::invalid_argument(std::to_string(given.size()) + " addresses of " + name +
                                " where " + std::to_string(wanted) + " are needed");
}

void done(bool there) {
  if (!there) throw std::bad_alloc();
}

// A layer's arithmetic and sizes, and the sequences of one call; the tensors come with each call.
// Backward runs on the target that forward ran on: the record is in its order.
struct Call {
  const clew::Kernels& kernels;
  bool is_double;
  clew::Mode mode;
  std::ptrdiff_t D, H, P;
  int directions;
  bool layer_norm;
  double hold_h, hold_c;
  std::shared_ptr<const clew::Sequences> sequences;

  std::ptrdiff_t gates() const {
    return mode == clew::Mode::lstm ? 4 : mode == clew::Mode::gru ? 3 : 1;
  }

  template <class T>
  clew::Layer<T> layer() const {
    clew::Layer<T> layer{};
    layer.mode = mode;
    layer.D = D;
    layer.H = H;
    layer.P = P;
    layer.directions = directions;
    layer.schedule = sequences->schedule();
    static const T there{};  // which weights there are counts for sizes, not what they are
    for (clew::Parameters<const T>& weights : layer.weights) {
      weights.w_hr = P == H ? nullptr : &there;
      weights.ln_ih = layer_norm ? &there : nullptr;
    }
    for (clew::Noise<T>& noise : layer.noise) {
      noise.hold_h = static_cast<T>(hold_h);
      noise.hold_c = static_cast<T>(hold_c);
    }
    return layer;
  }
};

// Those of one direction, in the order of clew.kernels.Weights. `like` are the weights that
// gradients belong to: they have to be there for each of those, and only for those.
template <class P>
clew::Parameters<P> parameters(const Call& call, const Addresses& given, int direction,
                               const Addresses* like = nullptr) {
  const Address* at = given.data() + weight_fields * static_cast<std::size_t>(direction);
  if (like) {
    const Address* theirs = like->data() + (at - given.data());
    for (std::size_t k = 0; k < weight_fields; ++k)
      if ((at[k] == 0) != (theirs[k] == 0))
        throw std::invalid_argument("gradients of other weights than the layer has");
  }
  const std::ptrdiff_t rows = call.gates() * call.H;
  clew::Parameters<P> w{};
  w.w_ih = pointer<P>(at[0], "w_ih", rows * call.D);
  w.w_hh = pointer<P>(at[1], "w_hh", rows * call.P);
  w.b_ih = optional<P>(at[2], "b_ih");
  w.b_hh = optional<P>(at[3], "b_hh");
  w.w_hr = optional<P>(at[4], "w_hr");
  w.ln_ih = optional<P>(at[5], "ln_ih");
  w.ln_hh = optional<P>(at[6], "ln_hh");
  w.ln_c_weight = optional<P>(at[7], "ln_c_weight");
  w.ln_c_bias = optional<P>(at[8], "ln_c_bias");
  if (!w.b_ih != !w.b_hh && rows > 0) throw std::invalid_argument("one bias without the other");
  if (!w.w_hr && call.P != call.H) throw std::invalid_argument("w_hr is missing");
  const bool lstm = call.mode == clew::Mode::lstm, apart = lstm || call.mode == clew::Mode::gru;
  if (!w.ln_ih != !call.layer_norm || !w.ln_hh != !(call.layer_norm && apart) ||
      !w.ln_c_weight != !(call.layer_norm && lstm) || !w.ln_c_bias != !w.ln_c_weight)
    throw std::invalid_argument("other gains than layer_norm asks for");
  return w;
}

template <class T>
void set_inputs(const Call& call, clew::Layer<T>& layer, Address x, Address h_0, Address c_0,
                const Addresses& weights, const Addresses& masks) {
  layer.x = pointer<const T>(x, "x", layer.schedule.total * call.D);
  layer.h_0 = optional<const T>(h_0, "h_0");
  layer.c_0 = optional<const T>(c_0, "c_0");
  check_count(weights, weight_fields, call.directions, "weights");
  check_count(masks, mask_fields, call.directions, "masks");
  for (int d = 0; d < call.directions; ++d) {
    layer.weights[d] = parameters<const T>(call, weights, d);
    const Address* at = masks.data() + mask_fields * static_cast<std::size_t>(d);
    layer.noise[d].recurrent = optional<const T>(at[0], "the mask of recurrent dropout");
    layer.noise[d].zone_h = optional<const T>(at[1], "the mask of zoneout");
    layer.noise[d].zone_c = optional<const T>(at[2], "the mask of zoneout");
  }
}

template <class T>
T* record_of(const Call& call, const clew::Layer<T>& layer, Address record) {
  const std::size_t size = call.kernels.layers(T()).record_size(layer);
  return pointer<T>(record, "record", static_cast<std::ptrdiff_t>(size), 64);
}

template <class T>
void forward(const Call& call, Address x, Address h_0, Address c_0, const Addresses& weights,
             const Addresses& masks, Address y, Address h_n, Address c_n, Address record,
             int threads) {
  clew::Layer<T> layer = call.layer<T>();
  const std::ptrdiff_t batch = layer.schedule.batch, steps = layer.schedule.steps;
  const std::ptrdiff_t states = call.directions * batch;
  set_inputs<T>(call, layer, x, h_0, c_0, weights, masks);
  layer.y = pointer<T>(y, "y", steps * states * call.P);
  layer.h_n = pointer<T>(h_n, "h_n", states * call.P);
  layer.c_n = pointer<T>(c_n, "c_n", call.mode == clew::Mode::lstm ? states * call.H : 0);
  layer.record = record ? record_of<T>(call, layer, record) : nullptr;
  const nb::gil_scoped_release unlocked;
  done(call.kernels.layers(T()).forward(layer, threads));
}

template <class T>
void backward(const Call& call, Address x, Address h_0, Address c_0, const Addresses& weights,
              const Addresses& masks, Address y, Address record, Address grad_y, Address grad_h_n,
              Address grad_c_n, Address grad_x, Address grad_h_0, Address grad_c_0,
              const Addresses& grad_weights, int threads) {
  clew::Layer<T> layer = call.layer<T>();
  const std::ptrdiff_t states = call.directions * layer.schedule.batch;
  set_inputs<T>(call, layer, x, h_0, c_0, weights, masks);
  layer.y = pointer<T>(y, "y", layer.schedule.steps * states * call.P);
  layer.record = record_of<T>(call, layer, record);
  clew::Gradients<T> gradients{};
  gradients.y = optional<const T>(grad_y, "the gradient of y");
  gradients.h_n = optional<const T>(grad_h_n, "the gradient of h_n");
  gradients.c_n = optional<const T>(grad_c_n, "the gradient of c_n");
  gradients.x = optional<T>(grad_x, "the gradient of x");
  gradients.h_0 = optional<T>(grad_h_0, "the gradient of h_0");
  gradients.c_0 = optional<T>(grad_c_0, "the gradient of c_0");
  check_count(grad_weights, weight_fields, call.directions, "gradients of weights");
  for (int d = 0; d < call.directions; ++d)
    gradients.weights[d] = parameters<T>(call, grad_weights, d, &weights);
  const nb::gil_scoped_release unlocked;
  done(call.kernels.layers(T()).backward(layer, gradients, threads));
}

template <class T>
void trace(const Call& call, const Addresses& weights, Address record, const Addresses& out) {
  clew::Layer<T> layer = call.layer<T>();
  check_count(weights, weight_fields, call.directions, "weights");
  for (int d = 0; d < call.directions; ++d)
    layer.weights[d] = parameters<const T>(call, weights, d);
  layer.record = record_of<T>(call, layer, record);
  const std::size_t each =
      call.mode == clew::Mode::lstm ? 5 : call.mode == clew::Mode::gru ? 3 : 0;
  check_count(out, each, call.directions, "a trace");
  const std::ptrdiff_t count = layer.schedule.steps * layer.schedule.batch * call.H;
  std::vector<T*> to;
  for (const Address address : out) to.push_back(pointer<T>(address, "a trace", count));
  const nb::gil_scoped_release unlocked;
  done(call.kernels.layers(T()).trace(layer, to.data()));
}

template <class T>
std::size_t record_size(const Call& call) {
  return call.kernels.layers(T()).record_size(call.layer<T>());
}

// Room for a record, as a tensor: large ones are borrowed (native/memory.h).
template <class T>
using Room = nb::ndarray<nb::pytorch, T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

template <class T>
Room<T> record_room(const Call& call) {
  const std::size_t size = record_size<T>(call);
  const clew::Block block = clew::borrow(size * sizeof(T));
  if (!block.memory) throw std::bad_alloc();
  auto* const lent = new clew::Block(block);
  const nb::capsule owner(lent, [](void* held) noexcept {
    const std::unique_ptr<clew::Block> block(static_cast<clew::Block*>(held));
    clew::give_back(*block);
  });
  return Room<T>(block.memory, {size}, owner);
}

Call* new_call(Call* place, bool is_double, int mode, std::ptrdiff_t D, std::ptrdiff_t H,
               std::ptrdiff_t P, int directions, bool layer_norm, double hold_h, double hold_c,
               std::shared_ptr<const clew::Sequences> sequences) {
  if (mode < 0 || mode > 3) throw std::invalid_argument("mode must be 0 to 3");
  if (D < 0 || H < 0 || P < 0) throw std::invalid_argument("a negative size");
  if (directions != 1 && directions != 2) throw std::invalid_argument("directions must be 1 or 2");
  if (!(hold_h >= 0 && hold_h <= 1 && hold_c >= 0 && hold_c <= 1))
    throw std::invalid_argument("zoneout must be in [0, 1]");
  return new (place) Call{clew::choose(), is_double, static_cast<clew::Mode>(mode), D, H, P,
                          directions, layer_norm, hold_h, hold_c, std::move(sequences)};
}

}  // namespace

void bind_layers(nb::module_& module) {
  nb::class_<clew::Sequences>(module, "Sequences")
      .def(
          "__init__",
          [](clew::Sequences* place, std::ptrdiff_t steps, std::ptrdiff_t batch, Address lengths,
             Address reset) {
            new (place) clew::Sequences(steps, batch,
                                        optional<const std::int64_t>(lengths, "lengths"),
                                        optional<const std::uint8_t>(reset, "reset"));
          },
          "steps"_a, "batch"_a, "lengths"_a = 0, "reset"_a = 0);

  nb::class_<Call>(module, "Layer")
      .def("__init__", &new_call, "is_double"_a, "mode"_a, "D"_a, "H"_a, "P"_a, "directions"_a,
           "layer_norm"_a, "hold_h"_a, "hold_c"_a, "sequences"_a)
      .def("record_size",
           [](const Call& call) {
             return call.is_double ? record_size<double>(call) : record_size<float>(call);
           })
      .def("record",
           [](const Call& call) {
             return call.is_double ? nb::cast(record_room<double>(call))
                                   : nb::cast(record_room<float>(call));
           })
      .def(
          "forward",
          [](const Call& call, Address x, Address h_0, Address c_0, const Addresses& weights,
             const Addresses& masks, Address y, Address h_n, Address c_n, Address record,
             int threads) {
            (call.is_double ? forward<double> : forward<float>)(call, x, h_0, c_0, weights, masks,
                                                                y, h_n, c_n, record, threads);
          },
          "x"_a, "h_0"_a, "c_0"_a, "weights"_a, "masks"_a, "y"_a, "h_n"_a, "c_n"_a, "record"_a,
          "threads"_a)
      .def(
          "backward",
          [](const Call& call, Address x, Address h_0, Address c_0, const Addresses& weights,
             const Addresses& masks, Address y, Address record, Address grad_y, Address grad_h_n,
             Address grad_c_n, Address grad_x, Address grad_h_0, Address grad_c_0,
             const Addresses& grad_weights, int threads) {
            (call.is_double ? backward<double> : backward<float>)(
                call, x, h_0, c_0, weights, masks, y, record, grad_y, grad_h_n, grad_c_n, grad_x,
                grad_h_0, grad_c_0, grad_weights, threads);
          },
          "x"_a, "h_0"_a, "c_0"_a, "weights"_a, "masks"_a, "y"_a, "record"_a, "grad_y"_a,
          "grad_h_n"_a, "grad_c_n"_a, "grad_x"_a, "grad_h_0"_a, "grad_c_0"_a, "grad_weights"_a,
          "threads"_a)
      .def(
          "trace",
          [](const Call& call, const Addresses& weights, Address record, const Addresses& out) {
            (call.is_double ? trace<double> : trace<float>)(call, weights, record, out);
          },
          "weights"_a, "record"_a, "out"_a);
}

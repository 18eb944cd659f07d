// Bindings of streams: a push takes what Python has at hand and gives a NumPy array.
//
// A push takes a microsecond or two, so this does by hand what costs time where it is done in
// general: it reads the buffer of what it is given, and what it returns is a copy that NumPy makes
// of an array over the stream's own memory. What is not at once fit to be read (another type, NaN,
// a wrong shape) gives None, the state untouched: clew/nn/stream.py converts it, or says why not.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <vector>

#include "bind.h"
#include "kernels.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using Address = std::uintptr_t;

// Pushes with more products than this let other Python threads run meanwhile.
constexpr double large = 4e5;

template <class T>
T* at(Address address) {
  return reinterpret_cast<T*>(address);
}

// What was read with the buffer protocol, given back at the end.
class Buffer {
 public:
  explicit Buffer(nb::handle of) {
    there_ = PyObject_GetBuffer(of.ptr(), &view_, PyBUF_FORMAT | PyBUF_C_CONTIGUOUS) == 0;
    if (!there_) PyErr_Clear();
  }
  ~Buffer() {
    if (there_) PyBuffer_Release(&view_);
  }
  Buffer(const Buffer&) = delete;
  explicit operator bool() const { return there_; }
  const Py_buffer* operator->() const { return &view_; }
  bool is(char format) const {
    return view_.format && view_.format[0] == format && !view_.format[1];
  }

 private:
  Py_buffer view_;
  bool there_;
};

// x converted to T; false where not all of it is finite.
template <class T, class From>
bool copy_finite(const void* from, std::ptrdiff_t count, T* to) {
  const From* const x = static_cast<const From*>(from);
  T rest = 0;  // NaN as soon as anything is not finite
  for (std::ptrdiff_t k = 0; k < count; ++k) {
    to[k] = static_cast<T>(x[k]);
    rest += to[k] * T(0);
  }
  return rest == T(0);
}

template <class T>
class Pushed {
 public:
  Pushed(const clew::Network<T>& network, std::ptrdiff_t batch)
      : calls_(clew::choose().streams(T())), stream_(calls_.make(network, batch)) {
    if (!stream_) throw std::bad_alloc();
    std::memset(stream_->out, 0, sizeof(T) * stream_->batch * stream_->outputs);
    large_ = stream_->work > large;
    copy_ = nb::steal(PyUnicode_InternFromString("copy"));
    const auto view = [this](std::size_t axes) {
      const std::size_t shape[2] = {static_cast<std::size_t>(stream_->batch),
                                    static_cast<std::size_t>(stream_->outputs)};
      nb::ndarray<nb::numpy, T> array(stream_->out, axes, shape + 2 - axes);
      return nb::cast(array, nb::rv_policy::reference);
    };
    all_ = view(2);
    if (batch == 1) one_ = view(1);
  }
  ~Pushed() { calls_.end(stream_); }
  Pushed(const Pushed&) = delete;

  nb::object push(nb::handle x, nb::handle moves) {
    // A large push is done without the interpreter's lock, which NumPy too lets go of while it
    // copies a large answer: another thread may come meanwhile.
    std::unique_lock<std::mutex> alone(mutex_, std::defer_lock);
    lock(alone);
    bool single = false;
    if (!(stream_->vocabulary ? read_ids(x, single) : read_features(x, single)))
      return nb::none();
    if (moves.is_none()) {
      run(nullptr);
    } else {
      const Buffer mask(moves);
      if (!mask || !mask.is('?') || mask->ndim != 1 || mask->shape[0] != stream_->batch)
        return nb::none();
      run(static_cast<const std::uint8_t*>(mask->buf));
    }
    PyObject* const out[2] = {nullptr, (single ? one_ : all_).ptr()};
    PyObject* const made = PyObject_VectorcallMethod(
        copy_.ptr(), out + 1, 1 | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr);
    if (!made) throw nb::python_error();
    return nb::steal(made);
  }

  void states(std::size_t layer, Address h, Address c, bool set) {
    std::unique_lock<std::mutex> alone(mutex_, std::defer_lock);
    lock(alone);
    if (layer >= static_cast<std::size_t>(stream_->layers)) throw nb::index_error("layer");
    const clew::Carried<T>& carried = stream_->carried[layer];
    exchange(carried.h[carried.now], carried.h_ld, carried.P, at<T>(h), set);
    if (carried.H) exchange(carried.c, carried.c_ld, carried.H, at<T>(c), set);
  }

  void pooled(Address values, Address steps, bool set) {
    std::unique_lock<std::mutex> alone(mutex_, std::defer_lock);
    lock(alone);
    if (!stream_->pooled) throw std::invalid_argument("nothing is pooled");
    exchange(stream_->pooled, stream_->pooled_size, stream_->pooled_size, at<T>(values), set);
    const std::size_t bytes = sizeof(std::int64_t) * static_cast<std::size_t>(stream_->batch);
    std::int64_t* const given = at<std::int64_t>(steps);
    std::memcpy(set ? stream_->steps : given, set ? given : stream_->steps, bytes);
  }

  void reset(nb::handle which) {
    std::unique_lock<std::mutex> alone(mutex_, std::defer_lock);
    lock(alone);
    const Buffer mask(which);
    const std::uint8_t* chosen = mask ? static_cast<const std::uint8_t*>(mask->buf) : nullptr;
    if (mask && (!mask.is('?') || mask->ndim != 1 || mask->shape[0] != stream_->batch))
      throw std::invalid_argument("a mask of another shape or type");
    for (std::ptrdiff_t b = 0; b < stream_->batch; ++b) {
      if (chosen && !chosen[b]) continue;
      for (int k = 0; k < stream_->layers; ++k) {
        const clew::Carried<T>& layer = stream_->carried[k];
        std::memset(layer.h[layer.now] + b * layer.h_ld, 0, sizeof(T) * layer.h_ld);
        if (layer.H) std::memset(layer.c + b * layer.c_ld, 0, sizeof(T) * layer.c_ld);
      }
      stream_->steps[b] = 0;
      if (stream_->pooled)
        std::memset(stream_->pooled + b * stream_->pooled_size, 0,
                    sizeof(T) * stream_->pooled_size);
    }
  }

 private:
  void lock(std::unique_lock<std::mutex>& alone) {
    if (alone.try_lock()) return;
    const nb::gil_scoped_release unlocked;
    alone.lock();
  }

  void run(const std::uint8_t* moves) {
    if (!large_) return calls_.push(*stream_, moves);
    const nb::gil_scoped_release unlocked;
    calls_.push(*stream_, moves);
  }

  bool read_features(nb::handle x, bool& single) {
    if (!PyObject_CheckBuffer(x.ptr())) return false;
    const Buffer given(x);
    if (!given) return false;
    const std::ptrdiff_t B = stream_->batch, D = stream_->inputs;
    single = given->ndim == 1 && B == 1;
    const bool fits = single ? given->shape[0] == D
                             : given->ndim == 2 && given->shape[0] == B && given->shape[1] == D;
    if (!fits) return false;
    if (given.is('f')) return copy_finite<T, float>(given->buf, B * D, stream_->x);
    if (given.is('d')) return copy_finite<T, double>(given->buf, B * D, stream_->x);
    return false;
  }

  bool read_ids(nb::handle x, bool& single) {
    const std::ptrdiff_t B = stream_->batch;
    if (B == 1 && PyLong_CheckExact(x.ptr())) {
      single = true;
      const long long id = PyLong_AsLongLong(x.ptr());
      if (id == -1 && PyErr_Occurred()) PyErr_Clear();
      stream_->ids[0] = id;
    } else {
      if (!PyObject_CheckBuffer(x.ptr())) return false;
      const Buffer given(x);
      if (!given || given->itemsize != 8 || !(given.is('l') || given.is('q'))) return false;
      if (given->ndim != 1 || given->shape[0] != B) return false;
      std::memcpy(stream_->ids, given->buf, sizeof(std::int64_t) * static_cast<std::size_t>(B));
    }
    for (std::ptrdiff_t b = 0; b < B; ++b)
      if (stream_->ids[b] < 0 || stream_->ids[b] >= stream_->vocabulary) return false;
    return true;
  }

  // Rows (B, width) between the stream's memory and an array without gaps.
  void exchange(T* own, std::ptrdiff_t ld, std::ptrdiff_t width, T* given, bool set) const {
    const std::size_t bytes = sizeof(T) * static_cast<std::size_t>(width);
    for (std::ptrdiff_t b = 0; b < stream_->batch; ++b)
      std::memcpy(set ? own + b * ld : given + b * width, set ? given + b * width : own + b * ld,
                  bytes);
  }

  const clew::Streams<T>& calls_;
  clew::Stream<T>* stream_;
  nb::object all_, one_, copy_;
  bool large_;
  std::mutex mutex_;
};


// Of (mode, D, H, P, hold_h, hold_c, residual, addresses of the weights in Parameters' order).
template <class T>
clew::Storey<T> storey(nb::tuple given) {
  clew::Storey<T> made{};
  clew::Layer<T>& layer = made.layer;
  const int mode = nb::cast<int>(given[0]);
  if (mode < 0 || mode > 3) throw std::invalid_argument("mode must be 0 to 3");
  layer.mode = static_cast<clew::Mode>(mode);
  layer.D = nb::cast<std::ptrdiff_t>(given[1]);
  layer.H = nb::cast<std::ptrdiff_t>(given[2]);
  layer.P = nb::cast<std::ptrdiff_t>(given[3]);
  if (layer.D < 1 || layer.H < 1 || layer.P < 1)
    throw std::invalid_argument("sizes must be 1 or more");
  layer.noise[0].hold_h = static_cast<T>(nb::cast<double>(given[4]));
  layer.noise[0].hold_c = static_cast<T>(nb::cast<double>(given[5]));
  made.residual = nb::cast<bool>(given[6]);
  const auto weights = nb::cast<std::vector<Address>>(given[7]);
  if (weights.size() != 9) throw std::invalid_argument("9 addresses of weights are needed");
  clew::Parameters<const T>& w = layer.weights[0];
  const T** const fields[9] = {&w.w_ih,  &w.w_hh,  &w.b_ih,        &w.b_hh,     &w.w_hr,
                               &w.ln_ih, &w.ln_hh, &w.ln_c_weight, &w.ln_c_bias};
  for (int k = 0; k < 9; ++k) *fields[k] = at<const T>(weights[static_cast<std::size_t>(k)]);
  if (!w.w_ih || !w.w_hh || (!w.w_hr && layer.P != layer.H))
    throw std::invalid_argument("a weight is missing");
  return made;
}

template <class T>
void bind_stream(nb::module_& module, const char* name) {
  using Self = Pushed<T>;
  nb::class_<Self>(module, name)
      .def(
          "__init__",
          [](Self* place, const nb::list& storeys, std::ptrdiff_t batch, bool half, Address table,
             std::ptrdiff_t ids, int pool, Address w_out, Address b_out, std::ptrdiff_t outputs,
             int ending, int threads) {
            if (batch < 1 || threads < 1)
              throw std::invalid_argument("batch and threads must be 1 or more");
            if (half && sizeof(T) != 4) throw std::invalid_argument("halves are of float32");
            std::vector<clew::Storey<T>> made;
            for (nb::handle given : storeys) made.push_back(storey<T>(nb::cast<nb::tuple>(given)));
            if (made.empty()) throw std::invalid_argument("no layers");
            for (std::size_t k = 1; k < made.size(); ++k)
              if (made[k].layer.D != made[k - 1].layer.P)
                throw std::invalid_argument("a layer reads another size than that below it says");
            const clew::Network<T> network{
                at<const T>(table), ids, made.data(), static_cast<int>(made.size()),
                static_cast<clew::Pool>(pool), at<const T>(w_out), at<const T>(b_out), outputs,
                static_cast<clew::Ending>(ending), half, threads};
            new (place) Self(network, batch);
          },
          "storeys"_a, "batch"_a, "half"_a = false, "table"_a = 0, "ids"_a = 0, "pool"_a = 0,
          "w_out"_a = 0, "b_out"_a = 0, "outputs"_a = 0, "ending"_a = 0, "threads"_a = 1)
      .def("push", &Self::push, nb::arg("x").none(), nb::arg("moves").none() = nb::none())
      .def("states", &Self::states, "layer"_a, "h"_a, "c"_a, "store"_a)
      .def("pooled", &Self::pooled, "values"_a, "steps"_a, "store"_a)
      .def("reset", &Self::reset, nb::arg("which").none());
}

}  // namespace

void bind_streams(nb::module_& module) {
  bind_stream<float>(module, "Stream32");
  bind_stream<double>(module, "Stream64");
}

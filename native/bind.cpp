// The module, and every binding that has no file of its own (bind_*.cpp); nothing else knows Python.
// Arguments are checked here, in order; the kernels run with the interpreter's lock released.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <stdexcept>

#include "bind.h"
#include "draw.h"
#include "kernels.h"
#include "memory.h"
#include "pool.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

template <class T>
using In = nb::ndarray<const T, nb::c_contig, nb::device::cpu>;
template <class T>
using Out = nb::ndarray<T, nb::c_contig, nb::device::cpu>;

template <class T>
void check_pair(const In<T>& x, const Out<T>& out) {
  bool equal = x.ndim() == out.ndim();
  for (std::size_t axis = 0; equal && axis < x.ndim(); ++axis)
    equal = x.shape(axis) == out.shape(axis);
  if (!equal) throw std::invalid_argument("x and out differ in shape");
  const T *from = x.data(), *to = out.data();
  const auto size = static_cast<std::ptrdiff_t>(x.size());
  if (from != to && from < to + size && to < from + size)
    throw std::invalid_argument("x and out overlap without being the same array");
}

template <class T, clew::Map<T> clew::Maps<T>::* function>
void bind_map(nb::module_& module, const char* name) {
  module.def(
      name,
      [](const In<T>& x, const Out<T>& out, const std::string& target) {
        check_pair<T>(x, out);
        const clew::Kernels& kernels = clew::choose(target);
        const nb::gil_scoped_release unlocked;
        (kernels.maps(T()).*function)(x.data(), out.data(), static_cast<std::ptrdiff_t>(x.size()));
      },
      "x"_a.noconvert(), "out"_a.noconvert(), "target"_a = "");
}

template <class T>
void bind_maps(nb::module_& module) {
  bind_map<T, &clew::Maps<T>::exp>(module, "exp");
  bind_map<T, &clew::Maps<T>::sigmoid>(module, "sigmoid");
  bind_map<T, &clew::Maps<T>::tanh>(module, "tanh");
}

void check_measurement(int threads, double seconds) {
  if (threads < 1 || threads > 1024) throw std::invalid_argument("threads must be 1 to 1024");
  if (!(seconds > 0 && seconds <= 60)) throw std::invalid_argument("seconds must be in (0, 60]");
}

// `out` is an address, as in bind_layer.cpp.
void draw(bool is_double, std::uint64_t seed, double chance, std::uintptr_t out,
          std::ptrdiff_t count, int threads) {
  if (!(chance >= 0 && chance <= 1)) throw std::invalid_argument("chance must be in [0, 1]");
  if (count < 0 || (count > 0 && out == 0)) throw std::invalid_argument("out is missing");
  const nb::gil_scoped_release unlocked;
  if (is_double)
    clew::draw(seed, chance, reinterpret_cast<double*>(out), count, threads);
  else
    clew::draw(seed, chance, reinterpret_cast<float*>(out), count, threads);
}

void bind_pool(nb::module_& module) {
  module.def("use_openmp", &clew::use_openmp, "path"_a);
  module.def("thread_source", &clew::thread_source);
  module.def("parallel_probe", &clew::parallel_probe, "threads"_a, "rounds"_a = 1000,
             nb::call_guard<nb::gil_scoped_release>());
}

}  // namespace

NB_MODULE(_native, module) {
  module.attr("__doc__") = "Clew's native kernels; clew.kernels is the way to use them.";
  // What a graph of torch's still holds when Python ends is never given back: no fault of ours.
  nb::set_leak_warnings(false);

  module.def("targets", &clew::supported_targets);
  module.def("target", [] { return std::string(clew::choose().target); });
  module.def("vector_bytes", [](const std::string& target) {
    return clew::choose(target).vector_bytes;
  }, "target"_a = "");

  module.attr("exp_ulps") = clew::exp_ulps;
  module.attr("sigmoid_ulps") = clew::sigmoid_ulps;
  module.attr("tanh_ulps") = clew::tanh_ulps;
  bind_maps<float>(module);
  bind_maps<double>(module);
  bind_pool(module);
  module.def("draw", &draw, "is_double"_a, "seed"_a, "chance"_a, "out"_a, "count"_a, "threads"_a);
  bind_layers(module);
  bind_losses(module);
  bind_products(module);
  bind_streams(module);

  module.def("multiply_add_gflops",
             [](bool is_double, int threads, double seconds) {
               check_measurement(threads, seconds);
               const clew::Kernels& kernels = clew::choose();
               const nb::gil_scoped_release unlocked;
               return clew::multiply_add_gflops(kernels, is_double, threads, seconds);
             },
             "is_double"_a, "threads"_a, "seconds"_a);
  module.def("read_gigabytes",
             [](std::size_t size, int threads, double seconds) {
               check_measurement(threads, seconds);
               const clew::Kernels& kernels = clew::choose();
               const nb::gil_scoped_release unlocked;
               return clew::read_gigabytes(kernels, size, threads, seconds);
             },
             "size"_a, "threads"_a, "seconds"_a);
  module.def("cache_bytes", &clew::cache_bytes, "level"_a);
  module.def("kept_bytes", &clew::kept_bytes);
}

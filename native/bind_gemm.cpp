// The binding of the large product of gemm.h, for the tests: layers call it within their backward.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>
#include <tuple>

#include "bind.h"
#include "kernels.h"
#include "pool.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

template <class T>
using Matrix = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using There = nb::ndarray<const bool, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Bands = std::vector<std::tuple<std::ptrdiff_t, std::ptrdiff_t, bool, bool>>;

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};

template <class T>
std::vector<const T*> rows(const Matrix<const T>& matrix, const There* there) {
  std::vector<const T*> found(matrix.shape(0));
  for (std::size_t r = 0; r < found.size(); ++r)
    found[r] = !there || there->data()[r] ? matrix.data() + r * matrix.shape(1) : nullptr;
  return found;
}

template <class T>
void gradient(const Matrix<const T>& a, const Matrix<const T>& x, const Matrix<const T>& h,
              const There& has_h, const Matrix<const T>& scale, const There& has_scale,
              const Bands& wanted, const Matrix<T>& out, int threads, const std::string& target) {
  const std::size_t n = a.shape(0), m = a.shape(1), D = x.shape(1), P = h.shape(1);
  if (x.shape(0) != n || h.shape(0) != n || has_h.shape(0) != n || has_scale.shape(0) != n ||
      scale.shape(0) != n || scale.shape(1) != P)
    throw std::invalid_argument("a, x, h and scale differ in rows");
  if (out.shape(0) != m || out.shape(1) < D + P + 1)
    throw std::invalid_argument("out is not (m, D + P + 1 or more)");
  std::vector<clew::Band> bands;
  std::ptrdiff_t last = 0;
  for (const auto& [begin, end, uses_x, uses_h] : wanted) {
    if (begin < last || end < begin || end > static_cast<std::ptrdiff_t>(m))
      throw std::invalid_argument("bands overlap or do not lie within m");
    bands.push_back({begin, end, uses_x, uses_h});
    last = end;
  }
  if (threads < 1 || threads > clew::most_threads)
    throw std::invalid_argument("threads must be 1 to 64");

  const auto x_rows = rows<T>(x, nullptr), h_rows = rows<T>(h, &has_h);
  const auto h_scale = rows<T>(scale, &has_scale);
  const auto size = [](std::size_t value) { return static_cast<std::ptrdiff_t>(value); };
  const clew::GradientTerms<T> terms = {
      a.data(), size(m), size(n), size(m), x_rows.data(), size(D), h_rows.data(), h_scale.data(),
      size(P), bands.data(), static_cast<int>(bands.size()), out.data(), size(out.shape(1))};
  const clew::Products<T>& products = clew::choose(target).products(T());
  const std::size_t each = (products.gradient_scratch(terms) * sizeof(T) + 127) / 64 * 64;
  const std::unique_ptr<void, Free> scratch(std::aligned_alloc(64, each * threads));
  if (!scratch) throw std::bad_alloc();
  const nb::gil_scoped_release unlocked;
  clew::parallel(threads, [&](int index, int count) {
    char* own = static_cast<char*>(scratch.get()) + each * index;
    products.gradient(terms, reinterpret_cast<T*>(own), index, count);
  });
}

template <class T>
void bind_gradient(nb::module_& module, const char* name) {
  module.def(name, &gradient<T>, "a"_a.noconvert(), "x"_a.noconvert(), "h"_a.noconvert(),
             "has_h"_a.noconvert(), "scale"_a.noconvert(), "has_scale"_a.noconvert(), "bands"_a,
             "out"_a.noconvert(), "threads"_a = 1, "target"_a = "");
}

}  // namespace

void bind_products(nb::module_& module) {
  bind_gradient<float>(module, "gradient");
  bind_gradient<double>(module, "gradient");
}

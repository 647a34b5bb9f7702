// The Python module of native CPU kernels.
#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_cube_reader(nb::module_& m);

NB_MODULE(_cpu, m) { bind_cube_reader(m); }

// Kernels in portable C++, for processors without a file of their own.
#include "cpu_bytes.h"
#include "cpu_floats.h"

namespace sshbench {
namespace {
bool available() { return true; }
}  // namespace
const Kernels kPlain = {"plain", available, bytes_span, floats};
}  // namespace sshbench

// The Python module `_cube`. It reads and writes the rows of numbers of a .cube file. sshbench/lut/cube_rows.py
// documents the syntax of a row; it does the same work in Python, and describes the fault of an invalid row.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/tuple.h>

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string>
#include <tuple>
#if !defined(__cpp_lib_to_chars)
#include <locale.h>
#include <stdlib.h>
#if defined(__APPLE__)
#include <xlocale.h>
#endif
#endif

namespace nb = nanobind;

namespace {

constexpr ptrdiff_t kMaxLine = 65536;  // MAX_LINE of cube_rows.py

constexpr double kTens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7, 1e8,
                            1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16};
constexpr uint64_t kTensInt[] = {1,     10,     100,     1000,    10000,
                                 100000, 1000000, 10000000, 100000000};
constexpr float kTensF[] = {1e0f, 1e1f, 1e2f, 1e3f, 1e4f, 1e5f, 1e6f, 1e7f, 1e8f, 1e9f, 1e10f};

inline bool is_digit(char c) { return static_cast<unsigned char>(c - '0') < 10; }
inline bool is_blank(char c) { return c == ' ' || c == '\t'; }
inline bool is_newline(char c) { return c == '\n' || c == '\r'; }

// Convert the decimal number in [first, last) to the nearest float. The caller has checked its syntax, and it does not
// start with '+'. `exponent` is the decimal exponent of its first nonzero digit, which distinguishes numbers that are
// too large from numbers that are too small. Return whether the number fits a float.
bool nearest_float(const char* first, const char* last, [[maybe_unused]] long exponent, float& out) {
#if defined(__cpp_lib_to_chars)
  if (std::from_chars(first, last, out).ec == std::errc()) return std::isfinite(out);
  out = *first == '-' ? -0.0f : 0.0f;
  return exponent < 0;
#else
  const std::string copy(first, last);
#if defined(_WIN32)
  static const _locale_t c_locale = _create_locale(LC_ALL, "C");
  out = _strtof_l(copy.c_str(), nullptr, c_locale);
#else
  static const locale_t c_locale = newlocale(LC_ALL_MASK, "C", nullptr);
  out = strtof_l(copy.c_str(), nullptr, c_locale);
#endif
  return std::isfinite(out);
#endif
}

// Read one decimal number of any length: [+-] digits [. digits] [e [+-] digits]. At least one digit must stand before or
// after the point.
bool read_number(const char*& p, const char* end, float& out) {
  const char* q = p;
  if (q != end && (*q == '+' || *q == '-')) ++q;
  const char* const first = (q != p && *p == '-') ? p : q;
  const char* const whole = q;
  while (q != end && is_digit(*q)) ++q;
  long digits = q - whole;
  const char* nonzero = whole;
  while (nonzero != q && *nonzero == '0') ++nonzero;
  long magnitude = static_cast<long>(q - nonzero) - 1;  // exponent of the first nonzero digit
  if (q != end && *q == '.') {
    const char* const fraction = ++q;
    while (q != end && is_digit(*q)) ++q;
    digits += q - fraction;
    if (magnitude < 0) {
      nonzero = fraction;
      while (nonzero != q && *nonzero == '0') ++nonzero;
      magnitude = -1 - static_cast<long>(nonzero - fraction);
    }
  }
  if (digits == 0) return false;
  if (q != end && (*q == 'e' || *q == 'E')) {
    ++q;
    const bool negative = q != end && *q == '-';
    if (q != end && (*q == '+' || *q == '-')) ++q;
    if (q == end || !is_digit(*q)) return false;
    long exponent = 0;
    for (; q != end && is_digit(*q); ++q) {
      if (exponent < (1L << 27)) exponent = exponent * 10 + (*q - '0');
    }
    magnitude += negative ? -exponent : exponent;
  }
  if (!nearest_float(first, q, magnitude, out)) return false;
  p = q;
  return true;
}

#if defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
constexpr bool kFast = true;

inline uint64_t load8(const char* p) {
  uint64_t word;
  std::memcpy(&word, p, 8);
  return word ^ 0x3030303030303030u;  // the characters '0'..'9' become 0..9
}

// Return the number of digits before the first other character, 0..8.
inline int leading_digits(uint64_t word) {
  const uint64_t others = ((word + 0x7676767676767676u) | word) & 0x8080808080808080u;
  return others ? __builtin_ctzll(others) >> 3 : 8;
}

// Return the value of the first n characters (1..8), all of which are digits. The digits are combined to pairs, then
// to fours, then to eight.
inline uint32_t digits_value(uint64_t word, int n) {
  word <<= 64 - 8 * n;
  word = word * 10 + (word >> 8);
  return static_cast<uint32_t>(((word & 0x000000FF000000FFu) * 0x000F424000000064u +
                                ((word >> 16) & 0x000000FF000000FFu) * 0x0000271000000001u) >> 32);
}

// Read a number of the form d or d.ddd with at most 16 decimals. At least 32 characters from p on must be readable.
// Return false for all other numbers and for those that might be rounded twice; read_number reads these.
inline bool read_short_number(const char*& p, float& out) {
  const char* q = p;
  const bool negative = *q == '-';
  q += negative;
  if (!is_digit(*q)) return false;
  uint64_t mantissa = static_cast<uint64_t>(*q++ - '0');
  int decimals = 0;
  if (*q == '.') {
    ++q;
    uint64_t word = load8(q);
    decimals = leading_digits(word);
    if (decimals == 0) return false;
    mantissa = mantissa * kTensInt[decimals] + digits_value(word, decimals);
    q += decimals;
    if (decimals == 8) {
      word = load8(q);
      const int more = leading_digits(word);
      if (more != 0) {
        mantissa = mantissa * kTensInt[more] + digits_value(word, more);
        decimals += more;
        q += more;
      }
    }
  }
  if (!is_blank(*q) && !is_newline(*q)) return false;
  float value;
  if (mantissa <= (1u << 24) && decimals <= 10) {
    value = static_cast<float>(mantissa) / kTensF[decimals];  // both are exact, so only the division rounds
  } else {
    if (mantissa > (1ull << 53)) return false;
    const double wide = static_cast<double>(mantissa) / kTens[decimals];
    uint64_t bits;
    std::memcpy(&bits, &wide, 8);
    if ((bits & 0x1FFFFFFF) == 0x10000000) return false;  // halfway between two floats, perhaps only due to rounding
    value = static_cast<float>(wide);
  }
  out = negative ? -value : value;
  p = q;
  return true;
}
#else
constexpr bool kFast = false;
inline bool read_short_number(const char*&, float&) { return false; }
#endif

// Read three numbers with one blank between them and the end of the line directly after them. The end of the line is
// not consumed.
inline bool read_short_row(const char*& p, const char* end, float* row) {
  if (!kFast || end - p < 128) return false;
  const char* q = p;
  if (!read_short_number(q, row[0]) || !is_blank(*q)) return false;
  ++q;
  if (!read_short_number(q, row[1]) || !is_blank(*q)) return false;
  ++q;
  if (!read_short_number(q, row[2]) || !is_newline(*q)) return false;
  p = q;
  return true;
}

bool read_row(const char*& p, const char* end, float* row) {
  for (int channel = 0; channel < 3; ++channel) {
    const char* const start = p;
    while (p != end && is_blank(*p)) ++p;
    if (channel > 0 && p == start) return false;
    if (!read_number(p, end, row[channel])) return false;
  }
  return true;
}

// Return whether `hash` belongs to a number such as "1.#INF" or "-1.#IND", as old Microsoft libraries print them, and
// does not start a comment.
bool is_microsoft_nan(const char* hash, const char* end) {
  for (const char* name : {"inf", "ind", "nan", "qnan", "snan"}) {
    const char* p = hash + 1;
    while (*name != '\0' && p != end && (*p | 0x20) == *name) ++p, ++name;
    if (*name == '\0') return true;
  }
  return false;
}

// Skip blanks and a comment, which may follow the numbers of a row or form a line of their own. Return whether the end
// of the line was reached.
bool skip_rest_of_line(const char*& p, const char* end, bool after_number) {
  const char* const start = p;
  while (p != end && is_blank(*p)) ++p;
  if (p != end && *p == '#' && !(after_number && p == start && is_microsoft_nan(p, end))) {
    while (p != end && !is_newline(*p)) ++p;
  }
  return p == end || is_newline(*p);
}

void skip_newline(const char*& p, const char* end) {
  if (p == end) return;
  if (*p++ == '\r' && p != end && *p == '\n') ++p;
}

using Rows = nb::ndarray<float, nb::shape<-1, 3>, nb::c_contig, nb::device::cpu>;
using ConstRows = nb::ndarray<const float, nb::shape<-1, 3>, nb::c_contig, nb::device::cpu>;

// Read rows from `offset` on into `out`. Stop at the end of the data, or at the start of the first line that is not a
// row or does not fit into `out`. Return the number of rows read, the offset of the stop, and the number of lines passed.
std::tuple<size_t, size_t, size_t> parse_rows(nb::bytes data, size_t offset, Rows out) {
  const char* const begin = data.c_str();
  const char* const end = begin + data.size();
  const size_t capacity = out.shape(0);
  float* const values = out.data();
  size_t rows = 0;
  size_t lines = 0;
  if (offset > data.size()) throw nb::value_error("the offset lies behind the data");
  nb::gil_scoped_release release;
  const char* p = begin + offset;
  while (p != end) {
    const char* const line = p;
    bool is_row = rows < capacity && (read_short_row(p, end, values + 3 * rows) || read_row(p, end, values + 3 * rows));
    if (!is_row) p = line;
    if (!skip_rest_of_line(p, end, is_row) || p - line > kMaxLine) {
      return {rows, static_cast<size_t>(line - begin), lines};
    }
    skip_newline(p, end);
    rows += is_row;
    ++lines;
  }
  return {rows, data.size(), lines};
}

#if defined(__cpp_lib_to_chars)
char* write_number(char* p, float value) {
  const float size = std::fabs(value);
  const bool plain = size == 0.0f || (size >= 1e-5f && size < 1e7f);
  return std::to_chars(p, p + 24, value, plain ? std::chars_format::fixed : std::chars_format::scientific).ptr;
}

// Format rows as text. Each number has the fewest digits from which the same float32 can be read.
nb::bytes format_rows(ConstRows values) {
  std::string text;
  {
    nb::gil_scoped_release release;
    const size_t rows = values.shape(0);
    text.resize(rows * 3 * 24);
    char* p = text.data();
    for (size_t i = 0; i < rows * 3; ++i) {
      p = write_number(p, values.data()[i]);
      *p++ = i % 3 == 2 ? '\n' : ' ';
    }
    text.resize(static_cast<size_t>(p - text.data()));
  }
  return nb::bytes(text.data(), text.size());
}
#endif

}  // namespace

NB_MODULE(_cube, m) {
  m.def("parse_rows", &parse_rows, nb::arg("data"), nb::arg("offset"), nb::arg("out").noconvert());
#if defined(__cpp_lib_to_chars)
  m.def("format_rows", &format_rows, nb::arg("values").noconvert());
#endif
}

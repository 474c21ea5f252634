#include "bench/harness/plot.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

namespace kanmon::bench {
namespace {

constexpr double kWidth = 860, kHeight = 480, kLeft = 70, kTop = 44, kBottom = 60, kLegend = 230;
// Told apart also by those who do not see red and green as different.
constexpr const char* kColours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                    "#e69f00", "#56b4e9", "#000000", "#999933"};

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else {
      out += c;
    }
  }
  return out;
}

bool drawable(const Plot& plot, const std::pair<double, double>& p) {
  return std::isfinite(p.first) && std::isfinite(p.second) && (!plot.log_x || p.first > 0);
}

// From values to places on the page.
class Axes {
 public:
  explicit Axes(const Plot& plot) : log_(plot.log_x) {
    for (const Series& s : plot.series)
      for (const auto& p : s.points)
        if (drawable(plot, p)) {
          xs_.insert(p.first);
          top_ = std::max(top_, p.second);
        }
    if (xs_.empty()) xs_ = {1};
    y_ticks_ = ticks(top_, 8);
    top_ = y_ticks_.back();
  }
  double x(double value) const {
    const double low = scale(*xs_.begin()), high = scale(*xs_.rbegin());
    const double part = high > low ? (scale(value) - low) / (high - low) : 0.5;
    return kLeft + part * (kWidth - kLeft - kLegend);
  }
  double y(double value) const {
    return kHeight - kBottom - value / top_ * (kHeight - kTop - kBottom);
  }
  const std::set<double>& xs() const { return xs_; }
  const std::vector<double>& y_ticks() const { return y_ticks_; }

 private:
  double scale(double v) const { return log_ ? std::log2(v) : v; }
  bool log_;
  std::set<double> xs_;
  double top_ = 0;
  std::vector<double> y_ticks_;
};

std::string text_at(double x, double y, const char* anchor, const std::string& text) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y, anchor,
                     escaped(text));
}

std::string line_at(double x1, double y1, double x2, double y2, const char* colour) {
  return fmt::format(
      "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\"/>\n", x1, y1, x2,
      y2, colour);
}

std::string frame(const Plot& plot, const Axes& axes) {
  std::string out = text_at((kLeft + kWidth - kLegend) / 2, kTop - 18, "middle", plot.title);
  for (const double tick : axes.y_ticks()) {
    out += line_at(kLeft, axes.y(tick), kWidth - kLegend, axes.y(tick), "#dddddd");
    out += text_at(kLeft - 8, axes.y(tick) + 4, "end", fmt::format("{:g}", tick));
  }
  double last = -100;
  for (const double x : axes.xs()) {
    out += line_at(axes.x(x), kHeight - kBottom, axes.x(x), kHeight - kBottom + 5, "#000000");
    if (axes.x(x) - last < 34) continue;  // labels must not touch
    last = axes.x(x);
    out += text_at(last, kHeight - kBottom + 20, "middle", fmt::format("{:g}", x));
  }
  out += text_at((kLeft + kWidth - kLegend) / 2, kHeight - 16, "middle", plot.x_label);
  out += fmt::format("<g transform=\"rotate(-90 18 {0:.1f})\">{1}</g>\n", kHeight / 2,
                     text_at(18, kHeight / 2, "middle", plot.y_label));
  return out;
}

std::string curve(const Plot& plot, const Axes& axes, const Series& s, std::size_t index) {
  const char* colour = kColours[index % std::size(kColours)];
  const char* dash = s.reference ? " stroke-dasharray=\"6 4\"" : "";
  std::string places, marks;
  for (const auto& p : s.points) {
    if (!drawable(plot, p)) continue;
    places += fmt::format("{:.1f},{:.1f} ", axes.x(p.first), axes.y(p.second));
    marks += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"/>\n",
                         axes.x(p.first), axes.y(p.second), colour);
  }
  const double y = kTop + 16 + 20 * static_cast<double>(index), x = kWidth - kLegend + 16;
  return fmt::format(
             "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"{}/>\n"
             "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\" "
             "stroke-width=\"2\"{}/>\n",
             places, colour, dash, x, y - 4, x + 24, y - 4, colour, dash) +
         marks + text_at(x + 30, y, "start", s.name);
}

}  // namespace

std::vector<double> ticks(double max, unsigned count) {
  if (!(max > 0) || count == 0) return {0, 1};
  double step = std::pow(10, std::floor(std::log10(max / count)));
  for (const double times : {1.0, 2.0, 5.0, 10.0})
    if (step * times * count >= max) {
      step *= times;
      break;
    }
  std::vector<double> out{0};
  while (out.back() < max) out.push_back(step * static_cast<double>(out.size()));
  return out;
}

std::string svg(const Plot& plot) {
  const Axes axes(plot);
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\" font-family=\"sans-serif\" font-size=\"12\">\n"
      "<rect width=\"{0}\" height=\"{1}\" fill=\"#ffffff\"/>\n",
      kWidth, kHeight);
  out += frame(plot, axes);
  for (std::size_t i = 0; i < plot.series.size(); ++i) out += curve(plot, axes, plot.series[i], i);
  return out + "</svg>\n";
}

}  // namespace kanmon::bench

// SPDX-License-Identifier: MIT
// Writes the page: its parts are HTML, its curves come from gnuplot, its pictures are data URIs.
#include "report.hpp"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <turbojpeg.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/algorithm/string/replace.hpp>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <memory>
#include <numeric>
#include <span>
#include <string_view>
#include <system_error>

#include "confusion_text.hpp"
#include "frostline/core/error.hpp"
#include "frostline/io/files/file_in_progress.hpp"
#include "frostline/io/images/resize.hpp"

namespace examples {
namespace {

constexpr std::string_view style = R"(
:root{color-scheme:light dark;--page:#f3f6f9;--card:#fff;--ink:#14202b;--soft:#566573;
--line:#dfe6ec;
--accent:#0b76a0;--quiet:#8795a3;--right:12 120 130;--wrong:205 70 20;--wrong-ink:#b23a0c;
--right-ink:#0a6a73;--on-strong:#fff;
--shade:0 1px 2px rgb(20 32 43/.06),0 4px 16px rgb(20 32 43/.05)}
@media screen and (prefers-color-scheme:dark){:root{--page:#0c1218;--card:#141c24;--ink:#e4ebf1;
--soft:#98a7b5;
--line:#263340;--accent:#57c1ea;--quiet:#8696a6;--right:45 200 205;--wrong:255 140 80;
--wrong-ink:#ffa26b;--right-ink:#4fd3d6;--on-strong:#071116;--shade:none}}
*{box-sizing:border-box}
body{margin:0;print-color-adjust:exact;-webkit-print-color-adjust:exact;background:var(--page);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",
Roboto,"Helvetica Neue","Liberation Sans",sans-serif;-webkit-text-size-adjust:100%}
main{max-width:68rem;margin:0 auto;padding:2rem 1rem 3rem;display:grid;gap:1.25rem;
grid-template-columns:minmax(0,1fr)}
h1{font-size:1.05rem;font-weight:600;margin:0;color:var(--soft)}
h2{font-size:1.1rem;margin:0 0 .9rem}
h3{font-size:.95rem;margin:1.4rem 0 .6rem}
h2+h3{margin-top:0}
p{margin:0;color:var(--soft)}
section,header{background:var(--card);border:1px solid var(--line);border-radius:14px;
padding:1.4rem;
box-shadow:var(--shade);min-width:0}
.headline{font-size:clamp(3.2rem,13vw,5.2rem);font-weight:700;letter-spacing:-.035em;
line-height:1.1;
margin:.1rem 0 .3rem;font-variant-numeric:tabular-nums;color:var(--ink)}
.track{display:block;width:100%;height:.7rem}
.track .whole{fill:var(--line)}
.track .share{fill:rgb(var(--right)/.6)}
.track .interval{fill:var(--ink)}
header .track{margin:1.1rem 0 .3rem;height:.9rem}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(9.5rem,1fr));gap:1.1rem 1.5rem;
margin:0}
dt{font-size:.82rem;color:var(--soft)}
dd{margin:0;font-weight:600;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
.pair{display:grid;gap:1.25rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,25rem),1fr))}
.pair>section{margin:0}
.curve svg{display:block;width:100%;height:auto;font-family:inherit}
.curve g,.curve text,.curve tspan{font-family:inherit}
.curve text{fill:var(--soft)}
.curve path{stroke:var(--quiet);stroke-linejoin:round}
.curve .gridline{stroke:var(--line);stroke-dasharray:none}
.curve use{color:var(--accent)}
.curve [id$=plot_1] path{stroke:var(--accent)}
.curve [id$=plot_2] path{stroke:var(--quiet)}
.curve [id$=plot_2] use{color:var(--quiet)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
.matrix{width:100%;border-collapse:separate;border-spacing:2px;font-size:.85rem}
.matrix th{font-weight:500;color:var(--soft);white-space:nowrap}
.matrix tbody th{text-align:right;padding-right:.4rem;position:sticky;left:0;
background:var(--card)}
.matrix thead th{vertical-align:bottom;padding:.2rem 0}
.matrix thead span{writing-mode:vertical-rl;transform:rotate(180deg);max-height:9rem}
.matrix td{text-align:center;height:2.6rem;min-width:1.45rem;border-radius:4px;padding:0;
background:rgb(var(--wrong)/calc(.1 + .8*var(--s)))}
.matrix .none{background:rgb(128 145 160/.09)}
.matrix .right{background:rgb(var(--right)/calc(.1 + .85*var(--s)));font-weight:700}
.matrix .strong{color:var(--on-strong)}
.dense{font-size:.75rem;border-spacing:1px}
.dense td{height:1.5rem;border-radius:2px}
.scores{list-style:none;margin:0;padding:0;display:grid;gap:.7rem 2rem;
grid-template-columns:repeat(auto-fill,minmax(min(100%,15rem),1fr))}
.scores div{display:flex;justify-content:space-between;gap:.75rem;font-size:.92rem}
.scores b{font-weight:600;overflow-wrap:anywhere}
.scores small,.note{color:var(--soft);font-size:.82rem}
.scores .track{margin:.2rem 0}
.pictures{display:grid;gap:.9rem;grid-template-columns:repeat(auto-fill,minmax(8.6rem,1fr));
margin:0}
.heated{grid-template-columns:repeat(auto-fill,minmax(min(100%,19rem),1fr))}
.views{display:grid;grid-auto-flow:column;grid-auto-columns:minmax(0,1fr);gap:2px;
background:var(--line)}
.views small{display:block;padding:.2rem .4rem;height:100%;background:var(--card);
color:var(--soft);font-size:.75rem;line-height:1.3;overflow-wrap:anywhere}
.reliability{display:grid;gap:1.25rem 2rem;
grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr));align-items:center}
.reliability svg{display:block;width:100%;max-width:30rem;height:auto}
.reliability text{fill:var(--soft);font-size:13px}
.reliability line{stroke:var(--line)}
.reliability .ideal{stroke:var(--quiet);stroke-dasharray:5 4;stroke-width:1.5}
.reliability rect{fill:rgb(var(--right)/.75)}
.reliability .interval{stroke:var(--ink);stroke-width:1.5}
.reliability circle{fill:var(--ink)}
.reliability p+p{margin-top:.6rem}
.reliability p b{color:var(--ink)}
.pictures figure{margin:0;border:1px solid var(--line);border-radius:10px;overflow:hidden;
min-width:0}
.pictures .wrong{border:2px dashed rgb(var(--wrong))}
.pictures img{display:block;width:100%;aspect-ratio:1;object-fit:contain;background:#fff}
figcaption{padding:.5rem .65rem .6rem;font-size:.85rem;line-height:1.4;overflow-wrap:anywhere}
figcaption b{display:block}
.right figcaption b{color:var(--right-ink)}
.wrong figcaption b{color:var(--wrong-ink)}
.note{margin-top:.9rem}
details{margin-top:.9rem}
summary{cursor:pointer;color:var(--soft);font-size:.82rem}
.numbers{margin-top:.8rem;font-size:.88rem}
.numbers th,.numbers td{padding:.25rem 1.4rem .25rem 0;text-align:right;border-bottom:1px solid
var(--line);white-space:nowrap}
.numbers th{color:var(--soft);font-weight:500}
footer{color:var(--soft);font-size:.82rem;text-align:center}
@media(max-width:30rem){.curve text{font-size:15.5px}main{padding:.75rem .75rem 2rem;gap:.75rem}
.pair{gap:.75rem}
section,header{padding:1rem;border-radius:12px}.matrix{font-size:.75rem}.matrix td{height:1.75rem}
.plain{grid-template-columns:repeat(2,minmax(0,1fr));gap:.6rem}
dl{grid-template-columns:repeat(2,minmax(0,1fr));gap:.8rem 1rem}}
@media print{:root{color-scheme:light;--page:#fff;--shade:none}body{font-size:10.5pt}
main{display:block;max-width:none;padding:0}section,header,.pair{margin:0 0 .8rem}
.pair{grid-template-columns:repeat(2,minmax(0,1fr))}section,header{padding:.9rem}.headline{font-size:3rem}
h2,h3{break-after:avoid}
header,figure,li,tr,.curve,.scroll,.reliability,dl>div{break-inside:avoid}
.curve svg{max-width:30rem}.scroll{overflow:visible}
.matrix th{position:static!important}.matrix td{min-width:0}
.dense{font-size:.55rem}.dense td{height:1rem}
.scores{gap:.4rem 1.5rem;grid-template-columns:repeat(3,minmax(0,1fr))}.pair .scores{grid-template-columns:none}
.pictures{grid-template-columns:repeat(4,minmax(0,1fr))}
.heated{grid-template-columns:repeat(2,minmax(0,1fr))}}
)";

std::string escape(std::string_view text) {
  std::string safe;
  for (const char c : text) switch (c) {
      case '&': safe += "&amp;"; break;
      case '<': safe += "&lt;"; break;
      case '>': safe += "&gt;"; break;
      case '"': safe += "&quot;"; break;
      case '\'': safe += "&#39;"; break;
      default: safe += c;
    }
  return safe;
}

std::string percent(double share) {
  if (std::isnan(share)) return "–";
  return share == 1 ? "100%" : fmt::format("{:.1f}%", std::min(100 * share, 99.9));
}

std::string range(const Interval& interval) {
  return fmt::format("{:.0f}–{:.0f}%", 100 * interval.low, 100 * interval.high);
}

// A bar as long as the share, with a line from the interval's low to its high end.
std::string track(double share, const Interval& interval) {
  return fmt::format(
      "<svg class=track viewBox='0 0 100 12' preserveAspectRatio=none aria-hidden=true>"
      "<rect class=whole y=2 width=100 height=8 /><rect class=share y=2 width='{:.2f}' height=8 />"
      "<rect class=interval x='{:.2f}' y=5 width='{:.2f}' height=2 />"
      "<rect class=interval x='{:.2f}' y=1 width='.4' height=10 />"
      "<rect class=interval x='{:.2f}' y=1 width='.4' height=10 /></svg>",
      100 * share, 100 * interval.low, 100 * (interval.high - interval.low), 99.6 * interval.low,
      99.6 * interval.high);
}

std::string base64(std::span<const unsigned char> bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < count ? std::uint32_t(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k)
      text += k <= count ? digits[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

// An unnamed temporary file, which is removed when it is closed.
class TemporaryFile {
 public:
  TemporaryFile() : file_(std::tmpfile()) {
    if (!file_) throw frostline::Error("cannot create a temporary file for the report's curves");
  }
  int descriptor() const { return ::fileno(file_.get()); }
  void write(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), file_.get());
    std::rewind(file_.get());
  }
  std::string read() {
    std::rewind(file_.get());
    std::string text;
    std::array<char, 4096> part;
    while (const std::size_t size = std::fread(part.data(), 1, part.size(), file_.get()))
      text.append(part.data(), size);
    return text;
  }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> file_;
};

std::string run_gnuplot(std::string_view commands) {
  TemporaryFile script, drawing, messages;
  script.write(commands);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, script.descriptor(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, drawing.descriptor(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, messages.descriptor(), STDERR_FILENO);
  std::string program = "gnuplot", defaults = "-d", standard_input = "-";
  std::array<char*, 4> arguments{program.data(), defaults.data(), standard_input.data(), nullptr};
  pid_t child = 0;
  const int failure =
      ::posix_spawnp(&child, "gnuplot", &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failure)
    throw frostline::Error(
        fmt::format("the report's curves are drawn by gnuplot, which cannot be started ({}): "
                    "install it (Debian, Ubuntu: apt-get install gnuplot-nox)",
                    std::generic_category().message(failure)));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  const std::string svg = drawing.read();
  const std::size_t begin = svg.find("<svg");
  if (status != 0 || begin == std::string::npos || svg.find("</svg>") == std::string::npos)
    throw frostline::Error(
        fmt::format("gnuplot could not draw the report's curves; a gnuplot of 5.4 or later with "
                    "SVG can (Debian, Ubuntu: apt-get install gnuplot-nox). It said: {}",
                    messages.read()));
  return svg.substr(begin);
}

std::string curves(std::string_view name, std::string_view settings,
                   const std::vector<EpochResult>& epochs, std::string_view plot) {
  std::string script = fmt::format(
      "set terminal svg size 460,290 dynamic font ',13' name '{}'\n"
      "set border 1\nset grid ytics\nset xtics out nomirror scale 0.4\nset ytics scale 0\n"
      "set key above left Left reverse samplen 3\nset xlabel 'epoch' offset 0,0.4\n"
      "set lmargin 6\nset rmargin 2\nset xrange [{}:{}]\n{}\n{}\n$epochs << END\n",
      name, epochs.front().epoch - 0.5, epochs.back().epoch + 0.5,
      epochs.size() <= 12 ? "set xtics 1" : "", settings);
  const auto value = [](double number) {
    return std::isfinite(number) ? fmt::format("{}", number) : std::string("NaN");
  };
  for (const EpochResult& epoch : epochs)
    script += fmt::format("{} {} {} {}\n", epoch.epoch, value(epoch.training_loss),
                          value(epoch.validation_loss), value(100 * epoch.validation_accuracy));
  script += fmt::format("END\nplot {}\n", plot);
  std::string svg = run_gnuplot(script);
  // Two drawings share a page, and an id may occur once.
  for (const std::string_view before : {"id='", "id=\"", "href='#"})
    boost::replace_all(svg, before, fmt::format("{}{}-", before, name));
  return svg;
}

std::string section(std::string_view title, std::string_view body, std::string_view kind = "") {
  return fmt::format("<section class='{}'><h2>{}</h2>{}</section>\n", kind, title, body);
}

std::string epoch_table(const std::vector<EpochResult>& epochs) {
  std::string rows;
  for (const EpochResult& epoch : epochs)
    rows += fmt::format("<tr><td>{}<td>{:.4f}<td>{:.4f}<td>{}<td>{:.1f}", epoch.epoch,
                        epoch.training_loss, epoch.validation_loss,
                        percent(epoch.validation_accuracy), epoch.images_per_second);
  return fmt::format(
      "<details><summary>Numbers by epoch</summary><div class=scroll><table class=numbers>"
      "<tr><th>epoch<th>training loss<th>validation loss<th>validation accuracy<th>images/s{}"
      "</table></div></details>",
      rows);
}

std::string curves_sections(const std::vector<EpochResult>& epochs) {
  if (epochs.empty()) return "";
  const auto accuracy = [](const EpochResult& epoch) {
    return std::isfinite(epoch.validation_accuracy) ? epoch.validation_accuracy : -1.0;
  };
  const EpochResult& best = *std::max_element(
      epochs.begin(), epochs.end(), [&](const EpochResult& left, const EpochResult& right) {
        return accuracy(left) < accuracy(right);
      });
  const bool any_loss = std::any_of(epochs.begin(), epochs.end(), [](const EpochResult& epoch) {
    return std::isfinite(epoch.training_loss) || std::isfinite(epoch.validation_loss);
  });
  const std::string points = epochs.size() <= 40 ? "linespoints pt 7 ps 0.35" : "lines";

  // gnuplot cannot choose a range where no value is finite, as after a run that diverged.
  const std::string losses =
      curves("loss", any_loss ? "set yrange [0:0.01<*]" : "set yrange [0:1]", epochs,
             fmt::format("$epochs using 1:3 with {0} lw 2.2 title 'validation', "
                         "$epochs using 1:2 with {0} lw 2.2 dt (7,4) title 'training'",
                         points));
  std::string settings = "set format y '%g%%'\nset yrange [0:100]\n", note;
  if (accuracy(best) >= 0) {
    settings += fmt::format(
        "set yrange [*<80:100]\nset label '{}' at {},{} center offset 0,-1.2 point pt 6 ps 1.3",
        percent(best.validation_accuracy), best.epoch, 100 * best.validation_accuracy);
    note = fmt::format("<p class=note>Best: {} after epoch {}.</p>",
                       percent(best.validation_accuracy), best.epoch);
  }
  const std::string accuracies =
      curves("accuracy", settings, epochs,
             fmt::format("$epochs using 1:4 with {} lw 2.2 title 'validation'", points));
  return fmt::format("<div class=pair>{}{}</div>\n",
                     section("Loss", losses + epoch_table(epochs), "curve"),
                     section("Accuracy", accuracies + note, "curve"));
}

std::string matrix_section(const Report& report, const std::vector<ClassScore>& scores) {
  constexpr std::size_t most_shown = 60;
  std::vector<int> shown(scores.size());
  std::iota(shown.begin(), shown.end(), 0);
  std::string note = "Rows are the true classes, columns what they were taken for.";
  if (shown.size() > most_shown) {
    std::stable_sort(shown.begin(), shown.end(), [&](int left, int right) {
      const ClassScore &a = scores[std::size_t(left)], &b = scores[std::size_t(right)];
      return a.total - a.right > b.total - b.right;
    });
    shown.resize(most_shown);
    std::sort(shown.begin(), shown.end());
    note += fmt::format(" Shown are the {} classes with the most mistakes.", most_shown);
  }
  const auto name = [&](int k) { return escape(report.classes[std::size_t(k)]); };
  std::string table = "<tr><td class=none style='background:none'>";
  for (const int prediction : shown)
    table += fmt::format("<th scope=col><span>{}</span>", name(prediction));
  table += "</thead><tbody>";
  for (const int truth : shown) {
    table += fmt::format("<tr><th scope=row>{}", name(truth));
    for (const int prediction : shown) {
      const std::int64_t count = report.confusion(truth, prediction);
      const std::int64_t total = scores[std::size_t(truth)].total;
      const double share = count ? double(count) / double(total) : 0.0;
      if (count == 0)
        table += "<td class=none>";
      else
        table +=
            fmt::format("<td class='{}{}' style='--s:{:.3f}' title='{}: {} of {} taken for {}'>{}",
                        truth == prediction ? "right" : "", share > 0.6 ? " strong" : "", share,
                        name(truth), count, total, name(prediction), count);
    }
  }
  return section("Confusion matrix",
                 fmt::format("<div class=scroll><table class='matrix{}'><thead>{}</table></div>"
                             "<p class=note>{}</p>",
                             shown.size() > 14 ? " dense" : "", table, note));
}

std::string scores_section(const Report& report, const std::vector<ClassScore>& scores) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t left, std::size_t right) {
    const auto key = [&](std::size_t k) { return scores[k].total ? scores[k].accuracy() : 2.0; };
    return key(left) < key(right);  // those without pictures last
  });
  std::string items;
  for (const std::size_t k : order) {
    const ClassScore& score = scores[k];
    const Interval interval = wilson_interval(score.right, score.total);
    std::string detail = score.total ? fmt::format("{} of {}, interval {}", score.right,
                                                   score.total, range(interval))
                                     : "no pictures";
    if (score.taken_for >= 0)
      detail += fmt::format(", otherwise mostly taken for {}",
                            escape(report.classes[std::size_t(score.taken_for)]));
    items += fmt::format("<li><div><b>{}</b><span>{}</span></div>{}<small>{}</small>",
                         escape(report.classes[k]), score.total ? percent(score.accuracy()) : "–",
                         score.total ? track(score.accuracy(), interval) : "", detail);
  }
  return section("Accuracy by class",
                 fmt::format("<ul class=scores>{}</ul><p class=note>The lines are 95% intervals "
                             "(Wilson 1927): the fewer pictures, the longer.</p>",
                             items));
}

// A reliability diagram: for each bin of probabilities a bar as high as its accuracy, its interval,
// and a point at its mean probability, which is on the diagonal if the network is calibrated.
std::string reliability_diagram(const Calibration& calibration) {
  constexpr double left = 44, top = 12, width = 300, height = 220, bottom = top + height;
  const auto x = [&](double share) { return left + width * share; };
  const auto y = [&](double share) { return bottom - height * share; };
  std::string svg =
      "<svg viewBox='0 0 372 276' role=img aria-label='accuracy by probability' font-size=13>";
  std::string points;  // over the bars and the diagonal
  for (const double share : {0.0, 0.5, 1.0})
    svg += fmt::format(
        "<line x1='{0}' x2='{1}' y1='{2}' y2='{2}' /><text x='{3}' y='{4}' text-anchor=end>{5:.0f}%"
        "</text><text x='{6}' y='{7}' text-anchor=middle>{5:.0f}%</text>",
        left, left + width, y(share), left - 7, y(share) + 4, 100 * share, x(share), bottom + 18);
  for (const CalibrationBin& bin : calibration.bins) {
    if (bin.total == 0) continue;
    const Interval interval = wilson_interval(bin.right, bin.total);
    svg += fmt::format(
        "<rect x='{:.1f}' y='{:.1f}' width='{:.1f}' height='{:.1f}'><title>{} of {} right</title>"
        "</rect>",
        x(bin.low) + 1.5, y(bin.accuracy()), x(bin.high) - x(bin.low) - 3,
        bottom - y(bin.accuracy()), bin.right, bin.total);
    points += fmt::format(
        "<line class=interval x1='{0:.1f}' x2='{0:.1f}' y1='{1:.1f}' y2='{2:.1f}' />"
        "<circle cx='{0:.1f}' cy='{3:.1f}' r=3.5 />",
        x(bin.probability), y(interval.low), y(interval.high), y(bin.accuracy()));
  }
  svg +=
      fmt::format("<line class=ideal x1='{}' y1='{}' x2='{}' y2='{}' />", x(0), y(0), x(1), y(1));
  return svg + points +
         fmt::format(
             "<text x='{}' y='{}' text-anchor=middle>probability of the prediction"
             "</text></svg>",
             x(0.5), bottom + 38);
}

std::string calibration_table(const Calibration& calibration) {
  std::string rows;
  for (const CalibrationBin& bin : calibration.bins) {
    if (bin.total == 0) continue;
    rows += fmt::format("<tr><td>{:.0f}–{:.0f}%<td>{}<td>{}<td>{}<td>{}", 100 * bin.low,
                        100 * bin.high, bin.total, percent(bin.probability),
                        percent(bin.accuracy()), range(wilson_interval(bin.right, bin.total)));
  }
  return fmt::format(
      "<details><summary>Numbers by bin</summary><div class=scroll><table class=numbers><tr>"
      "<th>probability<th>pictures<th>mean probability<th>accuracy<th>95% interval{}</table></div>"
      "</details>",
      rows);
}

std::string calibration_section(const std::vector<Outcome>& outcomes) {
  if (outcomes.empty()) return "";
  const Calibration found = calibration(outcomes);
  std::string text;
  if (found.all.total)
    text = fmt::format(
        "<p>Expected calibration error: <b>{:.1f}%</b></p><p>On average the network gives its "
        "prediction a probability of {}, and {} of the predictions are right. It is calibrated if "
        "every point is on the dashed line: above it, the network is too modest; below it, too "
        "sure. Upright lines are 95% intervals.</p><p class=note>The error is the mean distance of "
        "the pictures' points from the dashed line, upright, in {} bins (Guo et al. 2017).</p>",
        100 * found.expected_error, percent(found.all.probability), percent(found.all.accuracy()),
        found.bins.size());
  if (found.not_numbers)
    text += fmt::format(
        "<p>The probabilities of {} predictions are not numbers (NaN); these are "
        "left out.</p>",
        found.not_numbers);
  if (found.all.total == 0) return section("Calibration", text);
  return section("Calibration",
                 fmt::format("<div class=reliability>{}<div>{}</div></div>{}",
                             reliability_diagram(found), text, calibration_table(found)));
}

frostline::Image at_most(const frostline::Image& image, int side) {
  const int longer = std::max(image.width, image.height);
  if (longer <= side) return image;
  const auto scaled = [&](int length) {
    return std::max(1, int(std::lround(double(length) * side / longer)));
  };
  return frostline::resize(image, scaled(image.width), scaled(image.height));
}

// A JPEG as a data URI; a PNG of a photo would take five times as much.
std::string data_uri(const frostline::Image& picture) {
  const frostline::Image image = at_most(picture, 320);
  const std::unique_ptr<void, int (*)(tjhandle)> encoder(tjInitCompress(), tjDestroy);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  const bool failed =
      !encoder || tjCompress2(encoder.get(), image.pixels.data(), image.width, 0, image.height,
                              TJPF_RGB, &bytes, &size, TJSAMP_444, 88, TJFLAG_ACCURATEDCT) != 0;
  const std::unique_ptr<unsigned char, void (*)(unsigned char*)> owner(bytes, tjFree);
  if (failed)
    throw frostline::Error(fmt::format("a picture of {}x{} pixels cannot be written as a JPEG: {}",
                                       image.width, image.height, tjGetErrorStr2(encoder.get())));
  return "data:image/jpeg;base64," + base64({bytes, size});
}

std::string figure(const Report& report, const ShownPrediction& shown) {
  const bool right = shown.truth == shown.prediction;
  const std::string truth = escape(report.classes.at(std::size_t(shown.truth)));
  const std::string prediction = escape(report.classes.at(std::size_t(shown.prediction)));
  const auto view = [](const frostline::Image& image, std::string_view alt,
                       std::string_view caption) {
    return fmt::format("<div><img alt='{}' src='{}'>{}</div>", alt, data_uri(image), caption);
  };
  std::string views;
  const bool heated = shown.heat_of_prediction || shown.heat_of_truth;
  views += view(shown.image, truth, heated ? "<small>the picture</small>" : "");
  if (shown.heat_of_prediction)
    views += view(*shown.heat_of_prediction, "heat map of " + prediction,
                  fmt::format("<small>where it saw {}</small>", prediction));
  if (shown.heat_of_truth && !right)
    views += view(*shown.heat_of_truth, "heat map of " + truth,
                  fmt::format("<small>what spoke for {}</small>", truth));
  const std::string sure = percent(double(shown.probability));
  return fmt::format(
      "<figure class={}><div class=views>{}</div><figcaption><b>{} {}</b>{}</figcaption></figure>",
      right ? "right" : "wrong", views, right ? "✓" : "✗", prediction,
      right ? fmt::format("{} sure", sure)
            : fmt::format("{} sure; it is <strong>{}</strong>", sure, truth));
}

std::string pictures(const Report& report, bool right, std::int64_t all) {
  std::string figures;
  int count = 0;
  bool heated = false;
  for (const ShownPrediction& shown : report.predictions) {
    if ((shown.truth == shown.prediction) != right) continue;
    ++count;
    heated = heated || shown.heat_of_prediction || shown.heat_of_truth;
    figures += figure(report, shown);
  }
  if (count == 0) return "";
  return fmt::format("<h3>{}: {} of {}</h3><div class='pictures {}'>{}</div>",
                     right ? "Recognised" : "Mistaken", count, all, heated ? "heated" : "plain",
                     figures);
}

std::string pictures_section(const Report& report, std::int64_t right, std::int64_t total) {
  if (report.predictions.empty()) return "";
  const bool heated =
      std::any_of(report.predictions.begin(), report.predictions.end(),
                  [](const ShownPrediction& shown) { return shown.heat_of_prediction; });
  const std::string note =
      heated ? "<p class=note>Heat maps show which parts of the picture raised the score of the "
               "class, from none to yellow for the most in this picture (Grad-CAM, Selvaraju et "
               "al. 2017). Parts outside the square that the network got are pale.</p>"
             : "";
  return section("Predictions",
                 pictures(report, false, total - right) + pictures(report, true, right) + note);
}

std::string facts_section(const Report& report) {
  if (report.facts.empty()) return "";
  std::string items;
  for (const auto& [name, value] : report.facts)
    items += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", escape(name), escape(value));
  return section("The run", fmt::format("<dl>{}</dl>", items));
}

void check(const Report& report) {
  const int classes = report.confusion.classes();
  if (int(report.classes.size()) != classes)
    throw frostline::Error(fmt::format("a report on {} classes came with a confusion matrix of {}",
                                       report.classes.size(), classes));
  for (const ShownPrediction& shown : report.predictions)
    for (const int k : {shown.truth, shown.prediction})
      if (k < 0 || k >= classes)
        throw frostline::Error(
            fmt::format("a report on {} classes shows an image of class {}", classes, k));
}

}  // namespace

void check_report_tools() { curves_sections({EpochResult{.epoch = 1}}); }

void write_report(const std::filesystem::path& path, const Report& report) {
  check(report);
  const std::vector<ClassScore> scores = class_scores(report.confusion);
  std::int64_t right = 0, total = 0;
  for (const ClassScore& score : scores) {
    right += score.right;
    total += score.total;
  }
  const double accuracy = report.confusion.accuracy();
  const Interval interval = wilson_interval(right, total);
  std::string page = fmt::format(
      "<!doctype html>\n<html lang=en><meta charset=utf-8>"
      "<meta name=viewport content='width=device-width,initial-scale=1'>"
      "<title>{0}</title><style>{1}</style>\n<main><header><h1>{0}</h1>"
      "<div class=headline>{2}</div><p>{3} of {4} validation images recognised</p>{5}</header>\n",
      escape(report.title), style, total ? percent(accuracy) : "–", right, total,
      total
          ? track(accuracy, interval) + fmt::format("<p class=note>95% interval {:.1f}–{:.1f}%</p>",
                                                    100 * interval.low, 100 * interval.high)
          : "");
  page += facts_section(report);
  page += curves_sections(report.epochs);
  if (total > 0) {
    const bool beside = scores.size() <= 14;
    page += beside ? "<div class=pair>" : "";
    page += matrix_section(report, scores) + scores_section(report, scores);
    page += beside ? "</div>\n" : "";
  }
  page += calibration_section(report.outcomes);
  page += pictures_section(report, right, total);
  page +=
      "<footer>Written by frostline. This page is one file and needs no network.</footer></main>\n";

  frostline::FileInProgress file(path);
  file.write(page.data(), page.size());
  file.finish();
}

}  // namespace examples

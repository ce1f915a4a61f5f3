#include "core/budget.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

#include "core/json.hpp"

namespace upstream::core {
namespace {

constexpr Duration::rep kTicks = 128;       // of a window
constexpr double kNothing = 1e-9;           // units; sums of fractions are not exact
constexpr Duration::rep kClockDrift = 1000;  // a clock may gain or lose this part of the time

Uptime round_up(const Allowance& allowance, Uptime time) {
    const Duration::rep tick = std::max<Duration::rep>(allowance.per.count() / kTicks, 1);
    return Uptime{(time.count() + tick - 1) / tick * tick};
}

// When what was counted by `latest` has left every window.
Uptime free_at(const Allowance& allowance, Uptime latest) { return latest + allowance.per + allowance.per / kClockDrift + Duration{1}; }

std::string number(double value) {
    char text[32];
    return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

}  // namespace

Allowance Allowance::of(double limit, Duration per, double reserve, double cost) {
    const double usable = limit * (1 - reserve);
    if (usable >= cost) return {.limit = usable, .per = per};
    // One request in so long a time as makes it no more than the limit, on average.
    const double longer = std::min(static_cast<double>(per.count()) * cost / std::max(usable, kNothing), 1e15);
    return {.limit = cost, .per = Duration{static_cast<Duration::rep>(longer)}};
}

void Ledger::expire(const Allowance& allowance, Uptime now) {
    std::erase_if(entries_, [&](const Entry& entry) { return free_at(allowance, entry.latest) <= now || entry.units <= kNothing; });
}

double Ledger::spent() const {
    return std::accumulate(entries_.begin(), entries_.end(), 0.0, [](double sum, const Entry& entry) { return sum + entry.units; });
}

double Ledger::left(const Allowance& allowance) const { return std::max(allowance.limit - spent() + kNothing, 0.0); }

Uptime Ledger::book(const Allowance& allowance, double units, Uptime latest) {
    const Uptime rounded = round_up(allowance, latest);
    const auto place = std::ranges::lower_bound(entries_, rounded, {}, &Entry::latest);
    if (place != entries_.end() && place->latest == rounded) {
        place->units += units;
    } else {
        entries_.insert(place, Entry{.latest = rounded, .units = units});
    }
    return rounded;
}

bool Ledger::take(Uptime booked, double units) {
    const auto place = std::ranges::lower_bound(entries_, booked, {}, &Entry::latest);
    if (place == entries_.end() || place->latest != booked || place->units < units - kNothing) return false;
    place->units -= units;
    if (place->units <= kNothing) entries_.erase(place);
    return true;
}

void Ledger::settle(const Allowance& allowance, Uptime booked, double units, Uptime latest) {
    if (latest >= booked) return;
    // Without the booking, the ledger has counted them in some other way since: they are not counted twice.
    if (take(booked, units)) book(allowance, units, latest);
}

void Ledger::give_back(Uptime booked, double units) { static_cast<void>(take(booked, units)); }

Uptime Ledger::when(const Allowance& allowance, double units, Uptime now) const {
    double missing = units - left(allowance);
    if (missing <= 0) return now;
    Uptime time = now;
    for (const Entry& entry : entries_) {
        time = std::max(now, free_at(allowance, std::min(entry.latest, now)));
        missing -= entry.units;
        if (missing <= kNothing) return time;
    }
    // More than one window holds: whole windows follow.
    const double windows = std::ceil(missing / std::max(allowance.limit, kNothing));
    return time + Duration{static_cast<Duration::rep>(std::min(windows * static_cast<double>(allowance.per.count()), 1e15))};
}

void Ledger::restart(const Allowance& allowance, Uptime now) {
    const double units = spent();
    entries_.clear();
    if (units > kNothing) book(allowance, units, now);
}

std::string to_json(const Ledger& ledger) {
    std::string text;
    for (const Ledger::Entry& entry : ledger.entries())
        text += (text.empty() ? "[" : ", [") + std::to_string(entry.latest.count()) + ", " + number(entry.units) + "]";
    return "[" + text + "]";
}

Ledger ledger_from_json(std::string_view text) {
    const auto document = json::Document::parse(std::string{text});
    if (!document || !document->root().is_array()) return Ledger{};
    std::vector<Ledger::Entry> entries;
    const json::Value list = document->root();
    for (const json::Value pair : list) {
        const auto latest = pair.at(0);
        const auto units = pair.at(1);
        if (!latest || !units) continue;
        Ledger::Entry entry{};
        Duration::rep count = 0;
        const std::string_view time = latest->text();
        const std::string_view amount = units->text();
        if (std::from_chars(time.data(), time.data() + time.size(), count).ec != std::errc{}) continue;
        if (std::from_chars(amount.data(), amount.data() + amount.size(), entry.units).ec != std::errc{}) continue;
        entry.latest = Uptime{count};
        entries.push_back(entry);
    }
    std::ranges::sort(entries, {}, &Ledger::Entry::latest);
    return Ledger{std::move(entries)};
}

bool matches_path(std::string_view pattern, std::string_view path) {
    if (pattern.empty()) return true;
    const auto next = [](std::string_view& rest) {
        const std::size_t slash = rest.find('/');
        const std::string_view segment = rest.substr(0, slash);
        rest = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1);
        return segment;
    };
    if (pattern.starts_with('/')) pattern.remove_prefix(1);
    if (path.starts_with('/')) path.remove_prefix(1);
    while (!pattern.empty()) {
        const std::string_view wanted = next(pattern);
        if (wanted == "**" && pattern.empty()) return true;
        if (path.empty()) return false;
        const std::string_view found = next(path);
        if (wanted != "*" && wanted != found) return false;
    }
    return path.empty();
}

}  // namespace upstream::core

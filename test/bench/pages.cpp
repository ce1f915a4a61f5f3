// The pages of the benchmark, and the same rows as COPY wants them.
//
//   pages FOLDER --accounts A --pages P --rows R [--keys random|increasing] [--changed N] [--bytes 300]
//
// Writes FOLDER/<account>/<page>.json with R records each, every page naming the next one; FOLDER/rows.tsv and FOLDER/rows.bin with all rows in the order in
// which a reader of all accounts gets them, for COPY in text and binary format; FOLDER/bytes with the size of all pages. Every Nth record is another version of itself with --changed N.
// Deterministic: the same arguments make the same bytes.
#include <endian.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <random>
#include <string>

namespace {

constexpr std::int64_t kFirstSecond = 820454400;  // 2026-01-01T00:00:00Z, from 2000 on

struct Record {
    std::string id, created_at, currency, kind, status, user_id, user_name, note;
    std::int64_t created_us = 0;
    std::int64_t amount = 0;
};

std::string uuid(std::mt19937_64& random) {
    static constexpr char kHex[] = "0123456789abcdef";
    std::string text(36, '-');
    const std::uint64_t words[2] = {random(), random()};
    for (int i = 0, digit = 0; i < 36; ++i) {
        if (i == 8 || i == 13 || i == 18 || i == 23) continue;
        text[static_cast<std::size_t>(i)] = kHex[(words[digit / 16] >> (4 * (digit % 16))) & 15U];
        ++digit;
    }
    text[14] = '4';
    return text;
}

std::string time_text(std::int64_t seconds, int micros) {
    // Days of one year are enough: 2026 has no leap day.
    static constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    std::int64_t day = seconds / 86400 % 365;
    const std::int64_t second = seconds % 86400;
    int month = 0;
    while (day >= kDays[month]) day -= kDays[month++];
    char text[64];
    std::snprintf(text, sizeof text, "2026-%02d-%02dT%02d:%02d:%02d.%06dZ", month + 1, static_cast<int>(day) + 1, static_cast<int>(second / 3600),
                  static_cast<int>(second / 60 % 60), static_cast<int>(second % 60), micros);
    return text;
}

Record make(std::uint64_t number, bool increasing, bool changed) {
    std::mt19937_64 random(number * 0x9E3779B97F4A7C15ULL + 1);
    static constexpr const char* kKinds[] = {"tip", "subscription", "message", "refund"};
    static constexpr const char* kStates[] = {"paid", "pending", "settled"};
    Record record;
    record.id = uuid(random);
    const std::int64_t seconds = static_cast<std::int64_t>(number % (365ULL * 86400ULL));
    const int micros = static_cast<int>(number * 7919 % 1000000);
    record.created_at = time_text(seconds, micros);
    record.created_us = (kFirstSecond + seconds) * 1000000 + micros;
    if (increasing) {
        char text[40];
        std::snprintf(text, sizeof text, "2026-%012llu-%016llx", static_cast<unsigned long long>(number), static_cast<unsigned long long>(random()));
        record.id = text;
    }
    record.amount = static_cast<std::int64_t>(random() % 100000) + (changed ? 100000 : 0);
    record.currency = random() % 3 == 0 ? "EUR" : "USD";
    record.kind = kKinds[random() % 4];
    record.status = kStates[random() % 3];
    const std::uint64_t user = random() % 20000;
    record.user_id = "user_" + std::to_string(user);
    record.user_name = (user % 2 == 0 ? "J\xc3\xbcrgen M\xc3\xbcller " : "Maria Lopez ") + std::to_string(user);
    record.note = "Thank you for number " + std::to_string(number) + ", it is what I hoped for";
    return record;
}

// Half of the pages escape what is not ASCII.
std::string quoted(const std::string& text, bool escape) {
    std::string out = "\"";
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (escape && text[i] == '\xc3') {
            char code[8];
            std::snprintf(code, sizeof code, "\\u%04x", 0xC0 + (static_cast<unsigned char>(text[++i]) & 0x3F));
            out += code;
        } else {
            out += text[i];
        }
    }
    return out + "\"";
}

void put16(std::string& out, std::uint16_t value) {
    value = htobe16(value);
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
void put32(std::string& out, std::uint32_t value) {
    value = htobe32(value);
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
void put64(std::string& out, std::int64_t value) {
    put32(out, 8);
    const std::uint64_t wire = htobe64(static_cast<std::uint64_t>(value));
    out.append(reinterpret_cast<const char*>(&wire), sizeof wire);
}
void put_text(std::string& out, const std::string& text) {
    put32(out, static_cast<std::uint32_t>(text.size()));
    out += text;
}

}  // namespace

int main(int argc, char** argv) {
    std::map<std::string, std::string> options{{"accounts", "1"}, {"pages", "10"}, {"rows", "100"}, {"keys", "random"}, {"changed", "0"}};
    for (int i = 2; i + 1 < argc; i += 2) options[argv[i] + 2] = argv[i + 1];
    if (argc < 2) {
        std::cerr << "usage: pages FOLDER --accounts A --pages P --rows R [--keys random|increasing] [--changed N]\n";
        return 2;
    }
    const std::filesystem::path folder = argv[1];
    const auto number = [&](const char* name) { return std::stoull(options[name]); };
    const std::uint64_t accounts = number("accounts"), pages = number("pages"), rows = number("rows"), changed = number("changed");
    const bool increasing = options["keys"] == "increasing";
    std::filesystem::create_directories(folder);
    std::ofstream text(folder / "rows.tsv", std::ios::binary), binary(folder / "rows.bin", std::ios::binary);
    binary.write("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
    std::uint64_t total = 0, serial = 0;
    for (std::uint64_t page = 1; page <= pages; ++page) {  // in the order in which they come: a page of every account, then the next of every account
        for (std::uint64_t account = 1; account <= accounts; ++account) {
            const std::filesystem::path own = folder / std::to_string(account);
            std::filesystem::create_directories(own);
            std::string body = "{\"data\":[", lines, tuples;
            for (std::uint64_t row = 0; row < rows; ++row, ++serial) {
                const Record r = make(serial, increasing, changed > 0 && serial % changed == 0);
                const bool escape = page % 2 == 0;
                if (row > 0) body += ',';
                body += "{\"id\":\"" + r.id + "\",\"created_at\":\"" + r.created_at + "\",\"amount\":" + std::to_string(r.amount) + ",\"currency\":\"" + r.currency +
                        "\",\"kind\":\"" + r.kind + "\",\"status\":\"" + r.status + "\",\"user_id\":\"" + r.user_id + "\",\"user_name\":" + quoted(r.user_name, escape) +
                        ",\"note\":\"" + r.note + "\"}";
                lines += std::to_string(account) + '\t' + r.id + '\t' + r.created_at + '\t' + std::to_string(r.amount) + '\t' + r.currency + '\t' + r.kind + '\t' +
                         r.status + '\t' + r.user_id + '\t' + r.user_name + '\t' + r.note + '\n';
                put16(tuples, 10);
                put32(tuples, 4);
                put32(tuples, static_cast<std::uint32_t>(account));
                put_text(tuples, r.id);
                put64(tuples, r.created_us);
                put64(tuples, r.amount);
                for (const std::string* value : {&r.currency, &r.kind, &r.status, &r.user_id, &r.user_name, &r.note}) put_text(tuples, *value);
            }
            body += page == pages ? "],\"next\":null}" : "],\"next\":\"" + std::to_string(page + 1) + "\"}";
            total += body.size();
            std::ofstream(own / (std::to_string(page) + ".json"), std::ios::binary) << body;
            text << lines;
            binary << tuples;
        }
    }
    std::string end;
    put16(end, 0xFFFF);
    binary << end;
    std::ofstream(folder / "bytes") << total;
    return 0;
}

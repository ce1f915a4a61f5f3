// Damaging an answer. The body is edited as text: the simulator wrote it itself and knows what it looks like.
#include <algorithm>

#include "faults.hpp"

namespace simulator {

namespace {

constexpr std::size_t kDepth = 100'000;

void replace(Reply& reply, int status, std::string body) {
    reply.status = status;
    reply.headers.clear();
    reply.body = std::move(body);
}

// Puts `text` right behind the first `marker` of a row about the middle of the page, or of the first row.
void insert_behind(std::string& body, std::string_view marker, std::string_view text) {
    auto at = body.find(marker, body.size() / 2);
    if (at == std::string::npos) at = body.find(marker);
    if (at != std::string::npos) body.insert(at + marker.size(), text);
}

void change_type(std::string& body) {
    constexpr std::string_view kMarker = "\"quantity\":";
    auto at = body.find(kMarker, body.size() / 2);
    if (at == std::string::npos) at = body.find(kMarker);
    if (at == std::string::npos) return;
    at += kMarker.size();
    body.replace(at, body.find(',', at) - at, "\"many\"");
}

// Padding that every JSON reader must get over: a long member of an object, or blanks in an array.
void pad(std::string& body, std::size_t bytes) {
    if (body.empty()) return;
    std::string padding;
    if (body.front() == '{') {
        padding.reserve(bytes + 16);
        padding += R"("padding":")";
        padding.append(bytes, 'x');
        padding += "\",";
    } else {
        padding.assign(bytes, ' ');
    }
    body.insert(1, padding);
}

std::string deep_document() {
    std::string out = R"({"data":)";
    out.append(kDepth, '[').append(kDepth, ']');
    return out + R"(,"has_more":false,"total":0,"next_cursor":null,"next":null})";
}

}  // namespace

void damage(Reply& reply, const Fault& fault) {
    switch (fault.kind) {
        case FaultKind::status:
            replace(reply, fault.status, fault.body);
            reply.headers = fault.headers;
            reply.hang = fault.hang;
            break;
        case FaultKind::delay: reply.delay_us += fault.ms * 1000; break;
        case FaultKind::hang: reply.hang = true; break;
        case FaultKind::reset: reply.reset = true; break;
        case FaultKind::html:
            replace(reply, 200, "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Wait</body></html>");
            reply.content_type = "text/html; charset=utf-8";
            break;
        case FaultKind::bad_json:
            reply.body.resize(reply.body.size() / 2);
            reply.body += "\x01<<<";
            break;
        case FaultKind::missing_list: replace(reply, 200, R"({"items":[]})"); break;
        case FaultKind::type_change: change_type(reply.body); break;
        case FaultKind::bad_utf8: insert_behind(reply.body, "\"name\":\"", "\xff\xc3("); break;
        case FaultKind::nul: insert_behind(reply.body, "\"name\":\"", "\\u0000"); break;
        case FaultKind::deep: replace(reply, 200, deep_document()); break;
        case FaultKind::huge: pad(reply.body, static_cast<std::size_t>(fault.bytes)); break;
        case FaultKind::drip: reply.drip_us = fault.ms * 1000; break;
        case FaultKind::kill:
            if (fault.on_response) {
                reply.kill_pid = fault.pid;
                reply.kill_signal = fault.signal;
            }
            break;
        case FaultKind::truncate:
        case FaultKind::repeat_token: break;  // the one comes after compression, the other when the page is made
    }
}

void finish_damage(Reply& reply, const Fault& fault) {
    if (fault.kind != FaultKind::truncate || reply.body.empty()) return;
    reply.truncate = true;
    const std::size_t size = reply.body.size();
    reply.truncate_at = fault.at < 0 ? size / 2 : std::min(static_cast<std::size_t>(fault.at), size - 1);
}

}  // namespace simulator

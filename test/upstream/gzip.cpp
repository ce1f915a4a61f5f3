// gzip by zlib, at its fastest level: the point is that the client has to decode it.
#include "gzip.hpp"

#include <zlib.h>

#include "text.hpp"

namespace simulator {

namespace {

constexpr int kGzipWindow = 15 + 16;  // the largest window, with gzip's header instead of zlib's

bool accepts_gzip(const Request& request) {
    for (const std::string_view item : split(request.header("accept-encoding"), ',')) {
        const auto parts = split(item, ';');
        if (equal_ignoring_case(trim(parts[0]), "gzip")) return parts.size() < 2 || trim(parts[1]) != "q=0";
    }
    return false;
}

}  // namespace

void compress(const Request& request, Reply& reply) {
    if (reply.body.empty() || !accepts_gzip(request)) return;
    z_stream stream{};
    if (deflateInit2(&stream, 1, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK) return;
    std::string out(deflateBound(&stream, reply.body.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(reply.body.data());
    stream.avail_in = static_cast<uInt>(reply.body.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const bool done = deflate(&stream, Z_FINISH) == Z_STREAM_END;
    out.resize(stream.total_out);
    deflateEnd(&stream);
    if (!done) return;  // then it goes out as it is
    reply.body = std::move(out);
    reply.headers.emplace_back("Content-Encoding", "gzip");
}

}  // namespace simulator

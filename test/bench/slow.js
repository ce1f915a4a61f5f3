// An upstream that answers each request after a fixed time:  node slow.js PORT FOLDER MILLISECONDS
const http = require('http');
const fs = require('fs');

const [port, folder, wait] = process.argv.slice(2);
const pages = new Map();
function page(name) {
    if (!pages.has(name)) pages.set(name, fs.existsSync(name) ? fs.readFileSync(name) : null);
    return pages.get(name);
}
http.createServer((request, response) => {
    const url = new URL(request.url, 'http://localhost');
    const body = /^\/\d+$/.test(url.pathname) ? page(`${folder}${url.pathname}/${Number(url.searchParams.get('page') || 1)}.json`) : null;
    setTimeout(() => {
        response.writeHead(body ? 200 : 404, { 'content-type': 'application/json' });
        response.end(body || '{}');
    }, Number(wait));
}).listen(Number(port), '127.0.0.1', 1024);

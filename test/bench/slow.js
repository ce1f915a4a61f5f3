// An upstream that answers each request after a fixed time, from memory:  node slow.js PORT FOLDER MILLISECONDS
// Says "ready" when it listens.
const http = require('http');
const fs = require('fs');

const [port, folder, wait] = process.argv.slice(2);
const pages = new Map();
for (const account of fs.readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
    for (const page of fs.readdirSync(`${folder}/${account.name}`)) {
        pages.set(`/${account.name}?page=${parseInt(page, 10)}`, fs.readFileSync(`${folder}/${account.name}/${page}`));
    }
}
http.createServer((request, response) => {
    const body = pages.get(request.url) || pages.get(`${request.url}?page=1`);
    setTimeout(() => {
        response.writeHead(body ? 200 : 404, { 'content-type': 'application/json' });
        response.end(body || '{}');
    }, Number(wait));
}).listen(Number(port), '127.0.0.1', 1024, () => console.log('ready'));

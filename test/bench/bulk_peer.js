// What an application would do in Node with `pg`: fetch pages, upsert rows.
//   node bulk_peer.js rows|pages URL ACCOUNTS CONNECTIONS    (libpq variables say where)
// Prints how many seconds that took, Node's own start aside.
// rows: one INSERT .. ON CONFLICT a row, in autocommit; pages: one statement a page over unnest(), CONNECTIONS pages at a time.
const http = require('http');
const { Pool } = require('pg');

const [mode, url, accounts, connections] = process.argv.slice(2);
const columns = ['id', 'created_at', 'amount', 'currency', 'kind', 'status', 'user_id', 'user_name', 'note'];
const types = ['text', 'timestamptz', 'bigint', 'text', 'text', 'text', 'text', 'text', 'text'];
const agent = new http.Agent({ keepAlive: true, maxSockets: Number(connections) });
const pool = new Pool({ max: Number(connections) });

const set = columns.slice(1).map((c) => `${c} = excluded.${c}`).join(', ');
const guard = `WHERE (${columns.slice(1).map((c) => `t.${c}`).join(', ')}) IS DISTINCT FROM (${columns.slice(1).map((c) => `excluded.${c}`).join(', ')})`;
const conflict = `ON CONFLICT (account_id, id) DO UPDATE SET ${set} ${guard}`;
const oneRow = `INSERT INTO transactions AS t (account_id, ${columns.join(', ')}) VALUES ($1, ${columns.map((_, i) => `$${i + 2}`).join(', ')}) ${conflict}`;
const onePage = `INSERT INTO transactions AS t (account_id, ${columns.join(', ')})
    SELECT $1, * FROM unnest(${columns.map((_, i) => `$${i + 2}::${types[i]}[]`).join(', ')}) ${conflict}`;

function get(path) {
    return new Promise((resolve, reject) => {
        http.get(url + path, { agent }, (response) => {
            const parts = [];
            response.on('data', (part) => parts.push(part));
            response.on('end', () => resolve(JSON.parse(Buffer.concat(parts).toString())));
        }).on('error', reject);
    });
}

async function sync(account) {
    let page = '1';
    while (page) {
        const body = await get(`/${account}?page=${page}`);
        if (mode === 'rows') {
            for (const row of body.data) await pool.query({ name: 'row', text: oneRow, values: [account, ...columns.map((c) => row[c])] });
        } else {
            await pool.query({ name: 'page', text: onePage, values: [account, ...columns.map((c) => body.data.map((row) => row[c]))] });
        }
        page = body.next;
    }
}

(async () => {
    const began = process.hrtime.bigint();
    await Promise.all(Array.from({ length: Number(accounts) }, (_, i) => sync(i + 1)));
    await pool.end();
    agent.destroy();
    console.log(Number(process.hrtime.bigint() - began) / 1e9);
})();

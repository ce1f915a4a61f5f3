// The test's own door: it changes the data behind json-server, tells what the
// right answer would be, and what has been asked. Nothing under test comes here.
//
//   GET  /rows?collection=orders&owner=alice   the rows, by id
//   GET  /stats                                counts since the start
//   POST /change         {"collection", "owner", "count"}
//   POST /insert         {"collection", "owner", "count"}
//   POST /delete         {"collection", "owner", "count"}
//   POST /change_during  {"every", "total"}    a row of the list just read changes
//                                              after every so many data requests
//   POST /sign_in        {"account"}           new tokens, under a new grant

import http from 'node:http';

import { listen } from './listen.js';

export async function startControl({ authority, records, gate }) {
  let during = { every: 0, left: 0, seen: 0, changed: [] };

  gate.onServed((collection, owner) => {
    if (during.left === 0) return;
    during.seen += 1;
    if (during.seen % during.every !== 0) return;
    during.left -= 1;
    during.changed.push(...records.change(collection, owner, 1));
  });

  const routes = {
    'GET /rows': ({ collection, owner }) => records.rows(known(collection), owner),
    'GET /stats': () => ({
      requests: gate.stats.requests,
      statuses: gate.stats.statuses,
      unauthorized: gate.stats.unauthorized,
      forbidden: gate.stats.forbidden,
      data: gate.stats.accounts,
      token_requests: {
        granted: authority.stats.granted,
        refused: authority.stats.refused,
        errors: authority.stats.errors,
      },
      refreshes: authority.stats.accounts,
      grants_revoked: authority.stats.grants_revoked,
      change_during: { left: during.left, changed: during.changed.length },
    }),
    'POST /change': ({ collection, owner, count }) => ({ ids: records.change(known(collection), owner, whole(count)) }),
    'POST /insert': ({ collection, owner, count }) => ({ ids: records.insert(known(collection), owner, whole(count)) }),
    'POST /delete': ({ collection, owner, count }) => ({ ids: records.remove(known(collection), owner, whole(count)) }),
    'POST /change_during': ({ every, total }) => {
      during = { every: whole(every), left: whole(total), seen: 0, changed: [] };
      return { every: during.every, total: during.left };
    },
    'POST /sign_in': ({ account }) => authority.signIn(account, { accessToken: true }),
  };

  function known(collection) {
    if (!records.names.includes(collection)) throw new Error(`no collection ${collection}`);
    return collection;
  }

  const url = await listen(http.createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://control');
    const route = routes[`${request.method} ${pathname}`];
    let status = route ? 200 : 404;
    let body = { error: 'no such call' };
    try {
      const text = (await request.toArray()).join('');
      if (route) body = await route(text ? JSON.parse(text) : Object.fromEntries(searchParams));
    } catch (error) {
      status = 400;
      body = { error: error.message };
    }
    response.writeHead(status, { 'Content-Type': 'application/json' });
    response.end(`${JSON.stringify(body)}\n`);
  }));

  return { url };
}

function whole(count) {
  if (!Number.isInteger(count) || count < 1) throw new Error('a whole number above zero is needed');
  return count;
}

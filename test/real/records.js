// json-server as the API, with its data in memory. The data are the same in
// every run, and so is the choice of the rows that change later.

import http from 'node:http';

import jsonServer from 'json-server';

import { listen } from './listen.js';

// alice has exact multiples of the page sizes in source.json.in: her lists end
// with a full page.
const shares = {
  orders: { alice: 1200, bob: 1000, carol: 800 },
  customers: { alice: 750, bob: 700, carol: 550 },
};

const titles = [
  'plain', 'two words', 'Zürich', '日本語', 'قهوة', 'naïve café', 'emoji 🚚📦', '"quoted"', "it's", 'back\\slash',
  'tab\there', 'line\nbreak', '', ' padded ', '<b>&amp;</b>', '100 %', '{"json": true}', 'null', '\\N', null,
];
const cities = ['Aarhus', 'Bogotá', 'Chengdu', 'Dakar', 'Łódź', 'Mérida'];

export async function startRecords() {
  const random = generator(20250101);
  const below = (n) => Math.floor(random() * n);
  const data = Object.fromEntries(
    Object.entries(shares).map(([name, share]) => [name, makeRows(share, random, below)]),
  );

  const app = jsonServer.create();
  app.use(jsonServer.defaults({ logger: false, readOnly: true }));
  app.use(jsonServer.router(data));
  const url = await listen(http.createServer(app));

  const owned = (collection, owner) => data[collection].filter((row) => !owner || row.owner === owner);
  let revision = 0;

  function edit(row, now) {
    revision += 1;
    row.amount = money(below);
    row.title = `changed ${revision}`;
    row.updated_at = now;
  }

  function change(collection, owner, count) {
    const now = new Date().toISOString();
    const chosen = sample(owned(collection, owner), count, below);
    chosen.forEach((row) => edit(row, now));
    return chosen.map((row) => row.id);
  }

  function insert(collection, owner, count) {
    const rows = data[collection];
    const now = new Date().toISOString();
    let id = rows.reduce((most, row) => Math.max(most, row.id), 0);
    const added = Array.from({ length: count }, () => makeRow(++id, owner, now, below));
    rows.push(...added);
    return added.map((row) => row.id);
  }

  function remove(collection, owner, count) {
    const gone = new Set(sample(owned(collection, owner), count, below));
    const kept = data[collection].filter((row) => !gone.has(row));
    data[collection].splice(0, Infinity, ...kept);
    return [...gone].map((row) => row.id);
  }

  return {
    url,
    names: Object.keys(data),
    rows: (collection, owner) => owned(collection, owner).toSorted((a, b) => a.id - b.id),
    change,
    insert,
    remove,
  };
}

// Rows come in no order of time, and up to six rows share one time.
function makeRows(share, random, below) {
  const owners = shuffle(Object.entries(share).flatMap(([owner, n]) => Array(n).fill(owner)), below);
  const times = [];
  let time = Date.parse('2025-01-01T00:00:00.000Z');
  while (times.length < owners.length) {
    time += 1 + below(18_000_000);
    times.push(...Array(1 + below(6)).fill(new Date(time).toISOString()));
  }
  times.length = owners.length;
  shuffle(times, below);
  return owners.map((owner, i) => makeRow(i + 1, owner, times[i], below));
}

function makeRow(id, owner, updatedAt, below) {
  return {
    id,
    owner,
    title: titles[below(titles.length)],
    amount: money(below),
    quantity: below(200) - 20,
    active: below(4) > 0,
    updated_at: updatedAt,
    created_on: new Date(Date.UTC(2020, 0, 1 + below(1800))).toISOString().slice(0, 10),
    address: { city: cities[below(cities.length)], zip: String(below(100_000)).padStart(5, '0') },
  };
}

// Mostly everyday amounts; some negative, some with many digits.
function money(below) {
  const cents = below(1_000_000);
  if (below(20) === 0) return -cents / 100;
  if (below(50) === 0) return (90_000_000_000_000 + cents) / 100;
  return cents / 100;
}

function sample(rows, count, below) {
  return shuffle([...rows], below).slice(0, count);
}

function shuffle(list, below) {
  for (let i = list.length - 1; i > 0; i -= 1) {
    const j = below(i + 1);
    [list[i], list[j]] = [list[j], list[i]];
  }
  return list;
}

// mulberry32: small, and the same everywhere.
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

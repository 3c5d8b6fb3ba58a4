#!/usr/bin/env node
// Prisma's schema engine for `prisma migrate deploy`, where its binary can't be had: JSON-RPC on
// standard input and output, one object a line. It applies what lies in the folder of migrations and
// keeps the ledger `_prisma_migrations`; it compares no schemas.
const crypto = require('crypto')
const fs = require('fs')
const path = require('path')
const readline = require('readline')
const { Client } = require('pg')
const { connection, VERSION } = require('./connection')

const LOCK = 72707369 // the advisory lock that the real engine takes
const LEDGER = `create table if not exists _prisma_migrations (
  id varchar(36) primary key not null, checksum varchar(64) not null, finished_at timestamptz,
  migration_name varchar(255) not null, logs text, rolled_back_at timestamptz,
  started_at timestamptz not null default now(), applied_steps_count integer not null default 0)`

async function connected(use) {
  const client = new Client(connection(process.env.DATABASE_URL))
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

function migrations(folder) {
  const file = (name) => path.join(folder, name, 'migration.sql')
  const names = fs.readdirSync(folder).filter((name) => fs.existsSync(file(name)))
  return names.sort().map((name) => ({ name, sql: fs.readFileSync(file(name), 'utf8') }))
}

async function apply(client, { name, sql }) {
  const id = crypto.randomUUID()
  const checksum = crypto.createHash('sha256').update(sql).digest('hex')
  const row = [id, checksum, name]
  await client.query('insert into _prisma_migrations (id, checksum, migration_name) values ($1, $2, $3)', row)
  try {
    await client.query(sql)
  } catch (error) {
    await client.query('update _prisma_migrations set logs = $2 where id = $1', [id, error.message])
    const message = `A migration failed to apply: ${name}: ${error.message}`
    throw Object.assign(new Error(message), { known: 'P3018' })
  }
  await client.query(
    'update _prisma_migrations set finished_at = now(), applied_steps_count = 1 where id = $1', [id])
}

const METHODS = {
  getDatabaseVersion: () => connected(async (c) => (await c.query('select version()')).rows[0].version),
  ensureConnectionValidity: () => connected(async () => ({})),
  getDatabaseDescription: () => '',
  listMigrationDirectories: (asked) => ({
    migrations: migrations(asked.migrationsDirectoryPath).map((m) => m.name),
  }),
  applyMigrations: (asked) => connected(async (client) => {
    if (!process.env.PRISMA_SCHEMA_DISABLE_ADVISORY_LOCK) { // whoever sets it holds a lock of its own
      await client.query('select pg_advisory_lock($1)', [LOCK])
    }
    await client.query(LEDGER)
    const done = await client.query(
      'select migration_name from _prisma_migrations where finished_at is not null')
    const known = new Set(done.rows.map((row) => row.migration_name))
    const due = migrations(asked.migrationsDirectoryPath).filter((m) => !known.has(m.name))
    for (const each of due) await apply(client, each)
    return { appliedMigrationNames: due.map((m) => m.name) }
  }),
  diagnoseMigrationHistory: () => ({
    drift: null, history: null, failedMigrationNames: [], editedMigrationNames: [],
    errorInUnappliedMigration: null, hasMigrationsTable: true,
  }),
}

async function answer(line) {
  const { id, method, params } = JSON.parse(line)
  try {
    if (!METHODS[method]) throw new Error(`the stand-in for Prisma's schema engine has no ${method}`)
    return { jsonrpc: '2.0', id, result: await METHODS[method]([].concat(params)[0] || {}) }
  } catch (error) {
    const data = { is_panic: false, message: error.message, meta: null, error_code: error.known }
    const message = 'An error happened. Check the data field for details.'
    return { jsonrpc: '2.0', id, error: { code: 4466, message, data } }
  }
}

async function main() {
  if (process.argv.includes('--version')) return console.log(`schema-engine-cli ${VERSION}`)
  if (process.argv.includes('cli')) { // `can-connect-to-database`
    await connected(async () => console.log('Connection successful'))
    return
  }
  for await (const line of readline.createInterface({ input: process.stdin })) {
    if (line.trim()) process.stdout.write(`${JSON.stringify(await answer(line))}\n`)
  }
}

main().catch((error) => {
  console.error(JSON.stringify({ is_panic: false, message: error.message, meta: null, error_code: 'P1001' }))
  process.exit(1)
})

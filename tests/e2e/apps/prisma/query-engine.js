#!/usr/bin/env node
// Prisma's query engine, where its binary can't be had: the same engine of the same commit, built to
// WebAssembly, as it lies in @prisma/client. The binary speaks HTTP and GraphQL, and connects by itself;
// this one takes JSON, and is given connections. Here stands what lies between.
const fs = require('fs')
const http = require('http')
const { PrismaPg } = require('@prisma/adapter-pg')
const { bindAdapter } = require('@prisma/driver-adapter-utils')
const { parse } = require('graphql')
const { Client, Pool, types } = require('pg')
const runtime = require('@prisma/client/runtime/query_engine_bg.postgresql.js')
const { connection, VERSION } = require('./connection')

const UNTRACED = '{}'

// --- PostgreSQL: types of its catalogue that the adapter does not know, read as ones it does ---

const READ_AS = { 19: 25, 26: 20, 1003: 1009, 2205: 25, 2278: 25 } // name, oid, name[], regclass, void
types.setTypeParser(1003, types.getTypeParser(1009))

const query = Client.prototype.query
Client.prototype.query = function (...args) {
  const known = (result) => {
    for (const each of [].concat(result || [])) {
      for (const field of each.fields || []) field.dataTypeID = READ_AS[field.dataTypeID] || field.dataTypeID
    }
    return result
  }
  const last = args[args.length - 1]
  if (typeof last === 'function') {
    args[args.length - 1] = (error, result) => last(error, result && known(result))
    return query.apply(this, args)
  }
  const out = query.apply(this, args)
  return out && out.then ? out.then(known) : out
}

// --- from GraphQL to the engine's JSON protocol ---

const ACTION = /^(findUnique|findFirst|findMany|createOne|createMany|updateOne|updateMany|deleteOne|deleteMany|upsertOne|aggregate|groupBy)(.+?)(OrThrow)?$/

/** Model → its fields of type Json, whose values come as strings. */
function jsonFields(datamodel) {
  const models = [...datamodel.matchAll(/^model\s+(\w+)\s*\{([\s\S]*?)^\}/gm)]
  return Object.fromEntries(models.map(([, model, body]) =>
    [model, new Set([...body.matchAll(/^\s*(\w+)\s+Json\b/gm)].map((found) => found[1]))]))
}

function value(node, json) {
  switch (node.kind) {
    case 'IntValue': {
      const number = Number(node.value)
      return Number.isSafeInteger(number) ? number : { $type: 'BigInt', value: node.value }
    }
    case 'FloatValue': return Number(node.value)
    case 'StringValue': case 'BooleanValue': case 'EnumValue': return node.value
    case 'NullValue': return null
    case 'ListValue': return node.values.map((each) => value(each, json))
    case 'ObjectValue': return Object.fromEntries(node.fields.map((field) => [field.name.value,
      json.has(field.name.value) && field.value.kind === 'StringValue'
        ? { $type: 'Json', value: field.value.value }
        : value(field.value, json)]))
    default: throw new Error(`a ${node.kind} in GraphQL`)
  }
}

const given = (field, json) =>
  Object.fromEntries(field.arguments.map((each) => [each.name.value, value(each.value, json)]))

const selected = (field, json) =>
  Object.fromEntries((field.selectionSet ? field.selectionSet.selections : []).map((each) => [each.name.value,
    each.arguments.length || each.selectionSet
      ? { arguments: given(each, json), selection: selected(each, json) }
      : true]))

function operation(field, fieldsOf) {
  const name = field.name.value
  if (name === 'queryRaw' || name === 'executeRaw') {
    return { action: name, query: { arguments: given(field, new Set()), selection: {} } }
  }
  const [, action, modelName, orThrow] = ACTION.exec(name) || []
  if (!action) throw new Error(`the operation ${name}`)
  const json = fieldsOf[modelName] || new Set()
  const asked = { arguments: given(field, json), selection: selected(field, json) }
  return { modelName, action: action + (orThrow || ''), query: asked }
}

// --- and back ---

const plain = (found) => {
  if (Array.isArray(found)) return found.map(plain)
  if (!found || typeof found !== 'object') return found
  if ('$type' in found) return found.value
  return Object.fromEntries(Object.entries(found).map(([name, each]) => [name, plain(each)]))
}

const parsed = (text) => {
  if (typeof text !== 'string') return text
  try { return JSON.parse(text) } catch { return text }
}

/** The binary hands out columns of JSON parsed. */
function rows(result) {
  const json = (result.types || []).map((type) => type === 'json' || type === 'json-array')
  for (const row of result.rows || []) {
    json.forEach((is, at) => { if (is) row[at] = Array.isArray(row[at]) ? row[at].map(parsed) : parsed(row[at]) })
  }
  return result
}

// --- the engine ---

class Engine {
  constructor(datamodel, pool) {
    const wasm = fs.readFileSync(require.resolve('@prisma/client/runtime/query_engine_bg.postgresql.wasm'))
    const instance = new WebAssembly.Instance(new WebAssembly.Module(wasm), { './query_engine_bg.js': runtime })
    runtime.__wbg_set_wasm(instance.exports)
    const options = {
      datamodel: datamodel
        .replace(/(provider\s*=\s*"prisma-client-py"[^\n]*)/, '$1\n  previewFeatures = ["driverAdapters"]')
        .replace(/^\s*(binaryTargets|recursive_type_depth).*$/gm, ''),
      logLevel: 'error', logQueries: false, datasourceOverrides: {}, env: process.env, configDir: '.',
      engineProtocol: 'json', ignoreEnvVarErrors: true,
    }
    this.engine = new runtime.QueryEngine(options, () => {}, bindAdapter(new PrismaPg(pool)))
    this.json = jsonFields(datamodel)
  }

  async document(text, transaction) {
    const data = {}
    for (const field of parse(text).definitions[0].selectionSet.selections) {
      const asked = JSON.stringify(operation(field, this.json))
      const reply = JSON.parse(await this.engine.query(asked, UNTRACED, transaction))
      if (reply.errors) return { errors: reply.errors }
      const [found] = Object.values(reply.data)
      data[(field.alias || field.name).value] = field.name.value === 'queryRaw' ? rows(found) : plain(found)
    }
    return { data }
  }

  async batch(queries, outer) {
    const transaction = outer || (await this.begin({ max_wait: 5000, timeout: 30000 })).id
    const batchResult = []
    for (const each of queries) {
      const reply = await this.document(each.query, transaction)
      if (reply.errors) {
        if (!outer) await this.engine.rollbackTransaction(transaction, UNTRACED)
        return reply
      }
      batchResult.push(reply)
    }
    if (!outer) await this.engine.commitTransaction(transaction, UNTRACED)
    return { batchResult }
  }

  async begin({ max_wait, timeout, isolation_level }) {
    const asked = JSON.stringify({ max_wait, timeout, isolation_level })
    const reply = JSON.parse(await this.engine.startTransaction(asked, UNTRACED))
    if (reply.id) return { id: reply.id }
    return { errors: [{ error: reply.message, user_facing_error: reply }] }
  }

  async answer(url, transaction, body) {
    if (url === '/status') return { status: 'ok' }
    if (url.startsWith('/metrics')) return { counters: [], gauges: [], histograms: [] }
    const asked = body ? JSON.parse(body) : {}
    if (url === '/transaction/start') return this.begin(asked)
    const [, id, end] = /^\/transaction\/([^/]+)\/(commit|rollback)$/.exec(url) || []
    if (end) {
      await this.engine[`${end}Transaction`](id, UNTRACED)
      return {}
    }
    return asked.batch ? this.batch(asked.batch, transaction) : this.document(asked.query, transaction)
  }
}

function url(datamodel) {
  const over = JSON.parse(process.env.OVERWRITE_DATASOURCES || '[]')
  const [, variable] = datamodel.match(/url\s*=\s*env\("(\w+)"\)/)
  return (over[0] && over[0].url) || process.env[variable]
}

async function main() {
  if (process.argv.includes('--version')) return console.log(`query-engine ${VERSION}`)
  const datamodel = fs.readFileSync(process.env.PRISMA_DML_PATH, 'utf8')
  const pool = new Pool(connection(url(datamodel)))
  pool.on('error', (error) => console.error(`query engine: ${error.message}`)) // the server went away
  const engine = new Engine(datamodel, pool)
  await pool.query('select 1') // the binary, too, ends if it can't connect
  await engine.engine.connect(UNTRACED)
  http.createServer((request, response) => {
    const parts = []
    request.on('data', (part) => parts.push(part))
    request.on('end', async () => {
      let reply
      try {
        reply = await engine.answer(request.url, request.headers['x-transaction-id'], Buffer.concat(parts).toString())
      } catch (error) {
        const told = { is_panic: false, message: String(error.message || error), meta: {} }
        reply = { errors: [{ error: String(error.stack || error), user_facing_error: told }] }
      }
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(reply))
    })
  }).listen(Number(process.argv[process.argv.indexOf('-p') + 1]), '127.0.0.1')
}

main().catch((error) => {
  console.error(`query engine: ${error.message}`)
  process.exit(1)
})
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0))

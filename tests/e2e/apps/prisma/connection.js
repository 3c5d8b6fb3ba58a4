// How Prisma's engines read a connection URL.
// https://www.prisma.io/docs/orm/overview/databases/postgresql#connection-url
const fs = require('fs')

/** What `pg` needs for a URL. TLS is verified only with sslaccept=strict, as the engines do it. */
function connection(text) {
  const url = new URL(text)
  const asked = url.searchParams
  const mode = asked.get('sslmode') || 'prefer'
  const ssl = {
    rejectUnauthorized: asked.get('sslaccept') === 'strict',
    ...(asked.get('sslcert') && { ca: fs.readFileSync(asked.get('sslcert')) }),
  }
  return {
    host: url.hostname,
    port: Number(url.port || 5432),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)),
    max: Number(asked.get('connection_limit') || 5),
    connectionTimeoutMillis: 5000,
    ...(mode === 'require' && { ssl }),
  }
}

/** The commit that prisma-client-py 0.15 expects, and @prisma/client 5.17.0 has. */
const VERSION = '393aa359c9ad4a4bb28630fb5613f9c281cde053'

module.exports = { connection, VERSION }

// The tus project's own server for tests, on loopback: server.mjs FOLDER PORT ABSOLUTE|RELATIVE [MAX_SIZE]
import http from 'node:http'
import { FileStore } from '@tus/file-store'
import { Server } from '@tus/server'

const [directory, port, location, maxSize] = process.argv.slice(2)
const tus = new Server({
  path: '/files',
  datastore: new FileStore({ directory }),
  relativeLocation: location === 'RELATIVE',
  maxSize: Number(maxSize ?? 0) || undefined,
})
http.createServer(tus.handle.bind(tus)).listen(Number(port), '127.0.0.1')

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

// Node 24 may close the stream of a reply twice when its reader leaves, and throws that at nobody: its own defect,
// which would end the server for all tests after. The reply is over by then.
process.on('uncaughtException', (error) => {
  if (error.code !== 'ERR_INVALID_STATE') throw error
  console.error(error)
})

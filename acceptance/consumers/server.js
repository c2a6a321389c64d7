// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// usage: node server.js HOST:PORT DIRECTORY

const fs = require('fs')
const https = require('https')
const path = require('path')

const [address, directory] = process.argv.slice(2)

// What is behind ..data is one generation: certificate and key fit, even if
// another one is published between the two reads.
function pair () {
  const now = fs.realpathSync(path.join(directory, '..data'))
  return {
    cert: fs.readFileSync(path.join(now, 'fullchain.pem')),
    key: fs.readFileSync(path.join(now, 'tls.key'))
  }
}

const server = https.createServer(pair(), (request, response) => response.end('served by Node\n'))

process.on('SIGHUP', () => {
  try {
    server.setSecureContext(pair())
  } catch (e) { // the old pair stays
    console.error('reading the certificate: ' + e.message)
  }
})

const [host, port] = address.split(':')
server.listen(Number(port), host)

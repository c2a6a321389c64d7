// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Serves one TLS connection with each set of files and connects to it, trusting
// the CA file alone. The arguments are the CA file, the password and, for each
// set, "KEY+CERT" or a PKCS#12 file. Prints the SHA-256 of each served leaf.
const fs = require('fs')
const tls = require('tls')

const [ca, passphrase, ...sets] = process.argv.slice(2)

function serve(set) {
  const [key, cert] = set.split('+')
  const options = cert ? { key: fs.readFileSync(key), cert: fs.readFileSync(cert) } : { pfx: fs.readFileSync(key), passphrase }
  return new Promise((resolve, reject) => {
    const server = tls.createServer(options, socket => socket.end())
    server.on('tlsClientError', reject)
    server.listen(0, '127.0.0.1', () => {
      const client = tls.connect({ port: server.address().port, host: '127.0.0.1', ca: fs.readFileSync(ca), servername: 'www.example.test' }, () => {
        console.log(client.getPeerCertificate().fingerprint256.replaceAll(':', '').toLowerCase())
        client.end()
        server.close(resolve)
      })
      client.on('error', reject)
    })
  })
}

(async () => {
  for (const set of sets) await serve(set)
})().catch(err => { console.error(err); process.exit(1) })

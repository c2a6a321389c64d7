// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/certagent/certagent/jitter"
	"github.com/certagent/certagent/vaultreq"
)

// draw returns the number in [0,1) that decides where in its spread a secret is renewed.
// It depends on the host, the request and the certificate, so that it differs between
// hosts, and is the same after a restart.
func draw(seed string, r vaultreq.Request, serial string) float64 {
	h := sha256.New()
	h.Write([]byte{byte(r.Kind)})
	for _, s := range []string{seed, r.Path, string(r.Params), serial} {
		var n [8]byte // lengths keep "a","bc" and "ab","c" apart
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	return jitter.Draw(h.Sum(nil))
}

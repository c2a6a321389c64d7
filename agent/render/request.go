// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import "github.com/certagent/certagent/vaultreq"

// readOrWrite returns the request of a call of secret, which reads if it has no
// parameters at all, not even empty ones.
func readOrWrite(path string, params []string) (vaultreq.Request, error) {
	if len(params) > 0 {
		return vaultreq.New(vaultreq.Write, path, params...)
	}
	return vaultreq.New(vaultreq.Read, path)
}

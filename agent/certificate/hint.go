// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"path"

	"github.com/certagent/certagent/certinfo"
	"github.com/certagent/certagent/certspec"
)

// Hint returns what to do about Vault's reason for not issuing a certificate; "" if that is
// not known.
func Hint(s certspec.Spec, reason string) string {
	if k, ok := RequiredKey(reason, s.Key); ok {
		return "the role requires another key: write " + KeyLine(k) + ", or change key_type and key_bits of the role"
	}
	return certinfo.ReasonHint(path.Dir(s.Role), path.Base(s.Role), reason)
}

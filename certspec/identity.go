// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certspec

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Identity returns a hash of what is asked of Vault. The order of names, the case
// of host names and the spelling of addresses do not count, nor does whether the
// key is reused. It is stable over restarts, and contains no secret.
func (s Spec) Identity() string {
	key := s.Key.WithDefaults()
	params := s.Params
	if len(params) == 0 {
		params = nil
	}
	asked := struct {
		Version    int               `json:"version"` // of this very form
		Path       string            `json:"path"`
		CommonName string            `json:"common_name"`
		Names      Names             `json:"names"`
		TTL        int64             `json:"ttl"`
		NotAfter   string            `json:"not_after"`
		Params     map[string]string `json:"params"` // encoded with sorted keys
		KeyType    KeyType           `json:"key_type"`
		KeyBits    int               `json:"key_bits"`
	}{1, s.Path(), s.CommonName, s.Names(), int64(s.TTL.Seconds()), s.NotAfter, params, key.Type, key.Bits}
	text, err := json.Marshal(asked)
	if err != nil {
		panic("certspec: " + err.Error()) // texts and numbers always encode
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

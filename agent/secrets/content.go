// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/vaultreq"
)

func empty(s *api.Secret) bool {
	return len(s.Data) == 0 && s.Auth == nil && s.WrapInfo == nil
}

// deleted reports whether KV version 2 answered with the metadata of a deleted secret:
// its version is deleted or destroyed, or its deletion_time has passed.
func deleted(s *api.Secret, m mount, now time.Time) bool {
	metadata, ok := s.Data["metadata"].(map[string]any)
	if !ok {
		return false
	}
	if data, ok := s.Data["data"]; ok && data == nil && m.kv2 {
		return true
	}
	text, _ := metadata["deletion_time"].(string)
	deletion, err := time.Parse(time.RFC3339, text)
	return err == nil && now.After(deletion)
}

// checkIssued returns an error if the answer to an issuing request contains no
// certificate, because the answer of a proxy, or an incomplete one, must not replace a
// valid pair. The answers of ssh/issue, whose paths look the same, contain a signed_key
// instead.
func checkIssued(r vaultreq.Request, s *api.Secret, w window) *Error {
	issue := (r.Kind == vaultreq.Write || r.Kind == vaultreq.Certificate) && issuesKey(r.Path)
	switch {
	case s.WrapInfo != nil || r.Kind != vaultreq.Certificate && !issue:
		return nil
	case r.Kind == vaultreq.Certificate && empty(s):
		return notFound(r.Path)
	}
	signed, _ := s.Data["signed_key"].(string)
	if w.serial == "" && signed == "" {
		return malformed("the answer contains no certificate")
	}
	if key, _ := s.Data["private_key"].(string); key == "" && issue {
		return malformed("the answer contains no private key")
	}
	return nil
}

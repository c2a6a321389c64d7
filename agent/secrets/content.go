// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"time"

	"github.com/hashicorp/vault/api"
)

func empty(s *api.Secret) bool {
	return len(s.Data) == 0 && s.Auth == nil && s.WrapInfo == nil
}

// deleted says that KV version 2 answered with the remains of a secret: its
// version is deleted or destroyed, or its deletion_time has passed.
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

// checkIssued refuses the answer to the issue of a certificate that holds none: a
// proxy's or a half-made answer must not replace a good pair. Of paths that only
// look like pki/issue's, ssh/issue's answers have a signed_key instead.
func checkIssued(r Request, s *api.Secret, w window) *Error {
	issue := (r.Kind == Write || r.Kind == Certificate) && issuesKey(r.Path)
	switch {
	case s.WrapInfo != nil || r.Kind != Certificate && !issue:
		return nil
	case r.Kind == Certificate && empty(s):
		return notFound(r.Path)
	}
	signed, _ := s.Data["signed_key"].(string)
	if w.serial == "" && signed == "" {
		return malformed("the answer holds no certificate")
	}
	if key, _ := s.Data["private_key"].(string); key == "" && issue {
		return malformed("the answer holds no private key")
	}
	return nil
}

// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"fmt"
	"strings"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/vaultreq"
)

// password is the source of the password of a certificate's keystores: a file or a
// secret. The zero value is none.
type password struct {
	file  string
	path  string // of a secret
	field string // in it
}

func newPassword(c *config.Password) password {
	if c == nil {
		return password{}
	}
	return password{file: c.File, path: vaultreq.EscapePath(c.SecretPath), field: c.SecretField}
}

// requests returns the request for the secret, if the password is in one.
func (p password) requests() []vaultreq.Request {
	if p.path == "" {
		return nil
	}
	return []vaultreq.Request{{Kind: vaultreq.Read, Path: p.path}}
}

// inputs returns the file, if the password is in one.
func (p password) inputs() []string {
	if p.file == "" {
		return nil
	}
	return []string{p.file}
}

// read returns the password. known is false as long as Vault has not answered.
func (p password) read(s *source) (text redact.Secret, known bool, err error) {
	switch {
	case p.file != "":
		content, err := s.File(p.file)
		if err != nil {
			return "", false, fmt.Errorf("reading the password: %w", err)
		}
		return redact.Secret(strings.TrimSuffix(strings.TrimSuffix(content, "\n"), "\r")), true, nil
	case p.path != "":
		answer, known := s.Secret(p.requests()[0])
		if !known {
			return "", false, nil
		}
		text, ok := field(answer.Data, p.field)
		if !ok {
			return "", false, fmt.Errorf("the secret %q has no text in the field %q for the password", p.path, p.field)
		}
		return redact.Secret(text), true, nil
	}
	return "", true, nil
}

// field returns a field of a secret. In KV version 2 it is below "data".
func field(data map[string]any, name string) (string, bool) {
	if text, ok := data[name].(string); ok {
		return text, true
	}
	below, _ := data["data"].(map[string]any)
	text, ok := below[name].(string)
	return text, ok
}

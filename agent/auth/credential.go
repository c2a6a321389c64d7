// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/safefile"
)

// credential is a file that contains one credential, and its last content.
type credential struct {
	what    string // what it contains, for messages
	removal string // the setting that makes certagent remove the file; "" if it does not
	held    redact.Secret
}

// read returns the file's content without the white space around it. When the
// file is gone or empty, it returns what was read before: credentials are often
// removed once they are read, and replaced by emptying and filling the file.
func (c *credential) read(path string) (redact.Secret, error) {
	content, err := readCredential(path)
	switch {
	case err == nil && content != "":
		c.held = content
		return content, nil
	case errors.Is(err, fs.ErrPermission):
		return "", c.failure(err, "let the agent's user read the file")
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", c.failure(err, "put a file there that holds nothing but the "+c.what)
	case c.held != "":
		return c.held, nil
	case err != nil && c.removal != "":
		return "", c.failure(err, "certagent removes this file after reading it ("+c.removal+"): deliver a new "+c.what+", or set it to false")
	case err != nil:
		return "", c.failure(err, "put the "+c.what+" into this file")
	}
	return "", c.failure(fmt.Errorf("%s is empty", path), "put the "+c.what+" into this file")
}

// readToken is read for a token of Vault's, which has no white space in it; and no header
// can hold a line break or another control character.
func (c *credential) readToken(path string) (redact.Secret, error) {
	token, err := c.read(path)
	if strings.ContainsFunc(string(token), func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return "", c.failure(fmt.Errorf("%s holds more than a token: several lines or words, or control characters", path),
			"put the "+c.what+" into this file, and nothing else")
	}
	return token, err
}

func (c *credential) failure(err error, hint string) error {
	return &Failure{Kind: Credentials, Err: fmt.Errorf("reading the %s: %w", c.what, err), Hint: hint}
}

// remove removes the file that was read, or the file that its link leads to if follow is
// set, and reports whether it has. It keeps a file whose content has changed since,
// because that is a new credential.
func (c *credential) remove(path string, follow bool) (removed bool, err error) {
	content, err := readCredential(path)
	if err != nil || content != c.held {
		return false, nil
	}
	if follow {
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return false, err
		}
	}
	err = os.Remove(path)
	return err == nil, err
}

// readCredential reads a regular file, or one that a link leads to.
func readCredential(path string) (redact.Secret, error) {
	data, err := safefile.Read(path, safefile.MaxCredential)
	if err != nil {
		return "", err
	}
	return redact.Secret(bytes.TrimSpace(data)), nil
}

// fingerprints identify the content of credential files, without keeping it.
type fingerprints map[string][sha256.Size]byte

// fingerprint returns the fingerprints of the files that can be read.
func fingerprint(paths []string) fingerprints {
	prints := fingerprints{}
	for _, path := range paths {
		if content, err := readCredential(path); err == nil && content != "" {
			prints[path] = sha256.Sum256([]byte(content))
		}
	}
	return prints
}

// changedSince reports whether a file has other content than before, or is new. A file
// that was removed is not a new credential.
func (f fingerprints) changedSince(before fingerprints) bool {
	for path, print := range f {
		if old, ok := before[path]; !ok || old != print {
			return true
		}
	}
	return false
}

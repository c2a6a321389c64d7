// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package harness

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Dir is a directory that a test works in. Names of its files are relative to it.
type Dir struct {
	t    testing.TB
	path string
}

// NewDir returns a temporary directory that ends with the test.
func NewDir(t testing.TB) Dir {
	t.Helper()
	return Dir{t, t.TempDir()}
}

// NewShortDir returns a temporary directory whose path is short enough for the
// names of sockets in it.
func NewShortDir(t testing.TB) Dir {
	t.Helper()
	path, err := os.MkdirTemp("", "certagent")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(path) })
	return Dir{t, path}
}

// Path returns the path of a file; "" is the directory itself.
func (d Dir) Path(name string) string { return filepath.Join(d.path, name) }

// Write replaces a file at once, as an editor or a deployment does, and makes its
// directory if need be.
func (d Dir) Write(name, content string) {
	d.t.Helper()
	WriteFile(d.t, d.Path(name)+".new", content, 0o600)
	if err := os.Rename(d.Path(name)+".new", d.Path(name)); err != nil {
		d.t.Fatal(err)
	}
}

// Read returns a file's content, "" if there is no such file.
func (d Dir) Read(name string) string {
	d.t.Helper()
	content, err := os.ReadFile(d.Path(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.t.Fatal(err)
	}
	return string(content)
}

// Install copies a program to the directory.
func (d Dir) Install(from, name string) {
	d.t.Helper()
	WriteFile(d.t, d.Path(name), ReadFile(d.t, from), 0o700)
}

// Leaf returns the first certificate in a file, nil if there is none.
func (d Dir) Leaf(name string) *x509.Certificate {
	d.t.Helper()
	return Leaf([]byte(d.Read(name)))
}

// Pair returns the certificate of two files, and ends the test unless the key fits
// it.
func (d Dir) Pair(cert, key string) *x509.Certificate {
	d.t.Helper()
	pair, err := tls.X509KeyPair([]byte(d.Read(cert)), []byte(d.Read(key)))
	if err != nil {
		d.t.Fatalf("%s and %s: %v", cert, key, err)
	}
	return pair.Leaf
}

// Leaf returns the first certificate in a text, nil if there is none.
func Leaf(text []byte) *x509.Certificate {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil
	}
	return cert
}

// WriteFile writes a file, and makes its directory if need be. Its mode does not
// depend on the umask. A program can be started at once.
func WriteFile(t testing.TB, path, content string, mode fs.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	if mode&0o111 != 0 { // it cannot be executed while somebody can write to it
		AwaitClosed(t, path)
	}
}

// ReadFile returns a file's content.
func ReadFile(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/settings"
)

const answer = `{"data":{"k":"v"}}`

// TestClientCertificateFollowsItsFiles replaces certificate and key one after
// the other, as most tools do, while requests are made.
func TestClientCertificateFollowsItsFiles(t *testing.T) {
	ca := newAuthority(t)
	var seen []string
	server := startTLS(t, ca, ca, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.TLS.PeerCertificates[0].Subject.CommonName+" "+r.Proto)
		w.Write([]byte(answer))
	})
	dir := t.TempDir()
	oldCert, oldKey := ca.issue(t, "old")
	newCert, newKey := ca.issue(t, "new")
	var log log
	client := build(t, Config{
		Vault: settings.Vault{
			Address: server.URL, CACert: write(t, dir, "ca.pem", ca.pem),
			ClientCert: write(t, dir, "cert.pem", oldCert), ClientKey: write(t, dir, "key.pem", oldKey),
		},
		Logger: log.logger(),
	})

	steps := []struct {
		name    string
		change  func()
		present string
		warned  int
	}{
		{"as started", func() {}, "old", 0},
		{"the certificate alone", func() { write(t, dir, "cert.pem", newCert) }, "old", 1},
		{"still alone", func() {}, "old", 1},
		{"its key", func() { write(t, dir, "key.pem", newKey) }, "new", 1},
		{"the key gone", func() { os.Remove(filepath.Join(dir, "key.pem")) }, "new", 2},
		{"the key back", func() { write(t, dir, "key.pem", newKey) }, "new", 2},
		{"the key gone again", func() { os.Remove(filepath.Join(dir, "key.pem")) }, "new", 3},
		{"garbage", func() { write(t, dir, "key.pem", newKey); write(t, dir, "cert.pem", []byte("garbage")) }, "new", 4},
	}
	for _, step := range steps {
		step.change()
		lookAgain(client)
		if err := read(client); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if got, want := seen[len(seen)-1], step.present+" HTTP/2.0"; got != want {
			t.Errorf("%s: the server saw %q, want %q", step.name, got, want)
		}
		if got := log.count(logmsg.TLSNotReloaded); got != step.warned {
			t.Errorf("%s: %d warnings, want %d", step.name, got, step.warned)
		}
	}
	if log.count("PRIVATE KEY") > 0 || log.count(string(newKey[40:60])) > 0 {
		t.Error("the log shows the key")
	}
}

// TestNewCertificateClosesIdleConnections, on which the server would go on
// seeing the old one.
func TestNewCertificateClosesIdleConnections(t *testing.T) {
	ca := newAuthority(t)
	closed := make(chan struct{}, 2)
	server := startTLS(t, ca, ca, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(answer)) },
		func(s *http.Server) {
			s.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateClosed {
					closed <- struct{}{}
				}
			}
		})
	dir := t.TempDir()
	rotate := func() (string, string) {
		cert, key := ca.issue(t, "agent")
		return write(t, dir, "cert.pem", cert), write(t, dir, "key.pem", key)
	}
	config := Config{Vault: settings.Vault{Address: server.URL, CACert: write(t, dir, "ca.pem", ca.pem)}}
	config.ClientCert, config.ClientKey = rotate()
	client := build(t, config)
	for range 2 {
		if err := read(client); err != nil {
			t.Fatal(err)
		}
		rotate()
		lookAgain(client)
	}
	select {
	case <-closed:
	case <-time.After(idleTimeout / 2):
		t.Error("the old connection is still open")
	}
}

// TestCAFollowsItsFile: Vault's CA is replaced while the agent runs.
func TestCAFollowsItsFile(t *testing.T) {
	before, after := newAuthority(t), newAuthority(t)
	server := startTLS(t, after, nil, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(answer)) })
	for _, name := range []string{"ca_cert", "ca_path"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			config := Config{Vault: settings.Vault{Address: server.URL, CACert: write(t, dir, "ca.pem", before.pem)}}
			if name == "ca_path" {
				config.CACert, config.CAPath = "", dir
			}
			client := build(t, config)
			if err := read(client); err == nil || !strings.Contains(err.Error(), "unknown authority") {
				t.Fatalf("with the wrong CA: got %v, want an unknown authority", err)
			}
			write(t, dir, "ca.pem", after.pem)
			lookAgain(client)
			if err := read(client); err != nil {
				t.Errorf("with the right CA: %v", err)
			}
		})
	}
}

// TestCAPathAsKubernetesMountsIt: beside the links to the files there is a link
// to their directory, on which a naive walk fails.
func TestCAPathAsKubernetesMountsIt(t *testing.T) {
	ca := newAuthority(t)
	server := startTLS(t, ca, nil, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(answer)) })
	dir := t.TempDir()
	generation := filepath.Join(dir, "..2026_11_21")
	if err := os.Mkdir(generation, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, generation, "ca.pem", ca.pem)
	for link, to := range map[string]string{"..data": "..2026_11_21", "ca.pem": "..data/ca.pem"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := read(build(t, Config{Vault: settings.Vault{Address: server.URL, CAPath: dir}})); err != nil {
		t.Error(err)
	}
}

func TestServerName(t *testing.T) {
	ca := newAuthority(t)
	server := startTLS(t, ca, nil, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(answer)) })
	caCert := write(t, t.TempDir(), "ca.pem", ca.pem)
	if err := read(build(t, Config{Vault: settings.Vault{Address: server.URL, CACert: caCert, TLSServerName: "vault.test"}})); err != nil {
		t.Errorf("the right name: %v", err)
	}
	if err := read(build(t, Config{Vault: settings.Vault{Address: server.URL, CACert: caCert, TLSServerName: "other.test"}})); err == nil {
		t.Error("the wrong name was accepted")
	}
	if err := read(build(t, Config{Vault: settings.Vault{Address: server.URL, TLSSkipVerify: true, TLSServerName: "other.test"}})); err != nil {
		t.Errorf("without verification: %v", err)
	}
}

func TestBadFiles(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	dir := t.TempDir()
	cert, key := ca.issue(t, "one")
	_, otherKey := ca.issue(t, "two")
	good := Config{Vault: settings.Vault{ClientCert: write(t, dir, "cert", cert), ClientKey: write(t, dir, "key", key), CACert: write(t, dir, "ca", ca.pem)}}
	garbage := write(t, dir, "garbage", []byte("garbage"))
	other := write(t, dir, "other", otherKey)
	empty := t.TempDir()

	for name, test := range map[string]struct {
		spoil func(*Config)
		want  []string
	}{
		"no CA file":       {func(c *Config) { c.CACert = dir + "/none" }, []string{"ca_cert: ", dir + "/none", "no such file"}},
		"CA is no PEM":     {func(c *Config) { c.CACert = garbage }, []string{"ca_cert", garbage, "no CA certificate"}},
		"no CA directory":  {func(c *Config) { c.CACert, c.CAPath = "", dir+"/none" }, []string{"ca_path: ", dir + "/none"}},
		"CA path is empty": {func(c *Config) { c.CACert, c.CAPath = "", empty }, []string{"ca_path", empty, "no CA certificate"}},
		"no certificate":   {func(c *Config) { c.ClientCert = dir + "/none" }, []string{"client_cert: ", dir + "/none"}},
		"no key":           {func(c *Config) { c.ClientKey = dir + "/none" }, []string{"client_key: ", dir + "/none"}},
		"another key":      {func(c *Config) { c.ClientKey = other }, []string{"client_cert", "client_key", other, "does not match"}},
		"key is no PEM":    {func(c *Config) { c.ClientKey = garbage }, []string{"client_key", garbage}},
		"half a pair":      {func(c *Config) { c.ClientKey = "" }, []string{"client_cert is set and client_key is not"}},
		"other half":       {func(c *Config) { c.ClientCert = "" }, []string{"client_key is set and client_cert is not"}},
	} {
		t.Run(name, func(t *testing.T) {
			config := good
			test.spoil(&config)
			_, err := New(config)
			if err == nil {
				t.Fatal("was accepted")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want it to contain %q", err, want)
				}
			}
		})
	}
}
